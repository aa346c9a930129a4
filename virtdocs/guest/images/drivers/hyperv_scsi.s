; storvsc (Linux, drivers/scsi/storvsc_drv.c): a command in each packet, with the numbers of the
; pages that its data is in. Where Linux sends a request that finds no room back to the SCSI layer,
; requests wait here until the root partition says that there is.
.equ VSTOR_BYTES, 64
.equ V_LENGTH, 12
.equ V_STATUS, 14                       ; of the request block, and of the SCSI command
.equ V_CDB_LENGTH, 20
.equ V_DIRECTION, 22
.equ V_TRANSFER, 24
.equ V_CDB, 28
.equ EXECUTE_SRB, 3
.equ REPORT, 1 << 32                    ; a flag beside the operation: tell us when it is done
.equ BLOCK_BYTES, 52
.equ TO_DEVICE, 0
.equ FROM_DEVICE, 1
.equ NO_DATA, 2
.equ SUCCEEDED, 1                       ; SRB_STATUS_SUCCESS, and the command's status GOOD
.equ SETUP, 0xffff                      ; the transaction of a setup step; requests have numbers

driver_start:
    mov rdi, 7                          ; begin of initialization
    call scsi_setup
    mov rdi, 9                          ; protocol version
    call scsi_setup
    mov rdi, 10                         ; properties of the channel
    call scsi_setup
    mov rdi, 8                          ; end of initialization
scsi_setup:
    cmp qword [scsi_stopped], 0
    jne scsi_set_up                     ; nobody would answer
    mov rax, REPORT
    or rdi, rax
    mov [scsi_packet + P_HEADER], rdi
    mov rdi, PACKET_INBAND | P_HEADER / 8 << 16 | (P_HEADER + VSTOR_BYTES) / 8 << 32 | ANSWER_WANTED
    mov [scsi_packet], rdi
    mov qword [scsi_packet + P_TRANSACTION], SETUP
    mov rax, 5 << 8 | 1                 ; version 5.1, of Windows 8; other steps do not look
    mov qword [scsi_packet + P_HEADER + 8], 0
    mov dword [scsi_packet + P_HEADER + V_LENGTH], rax
    mov qword [scsi_setting_up], 1
    mov rdi, scsi_packet
    mov rsi, P_HEADER + VSTOR_BYTES
    call ring_send
scsi_wait:
    cmp qword [scsi_setting_up], 0
    je scsi_set_up
    sti
    hlt
    cli
    jmp scsi_wait
scsi_set_up:
    ret

driver_queue:
    test rsi, rsi
    jne scsi_same_batch
    mov [scsi_sent], rsi
scsi_same_batch:
    inc rsi
    mov [scsi_wanted], rsi
; All packets of this interrupt have been taken: perhaps the next requests fit now.
driver_batch:
    push rbx
    push r12
scsi_next:
    mov rbx, [scsi_sent]
    cmp rbx, [scsi_wanted]
    jae scsi_all_sent
    cmp qword [scsi_stopped], 0
    jne scsi_all_sent
    mov rdi, rbx
    call scsi_build
    mov rdi, scsi_packet
    mov rsi, rax
    call ring_send
    test rax, rax
    jne scsi_all_sent
    inc qword [scsi_sent]
    jmp scsi_next
scsi_all_sent:
    pop r12
    pop rbx
    ret

; The packet of request rdi. -> rax: its length.
scsi_build:
    mov [scsi_packet + P_TRANSACTION], rdi
    shl rdi, 5
    add rdi, requests
    mov rbx, scsi_packet + P_HEADER
    xor r12, r12                        ; how many words the range takes
    mov r8, PACKET_INBAND
    mov r9, NO_DATA
    xor r10, r10
    mov rax, [rdi + R_OPERATION]
    cmp rax, OP_FLUSH
    je scsi_no_pages
    mov r8, PACKET_DIRECT
    mov r9, FROM_DEVICE
    mov r10, SIZE
    cmp rax, OP_READ
    je scsi_pages
    mov r9, TO_DEVICE
scsi_pages:
    mov rsi, [rdi + R_BUFFER]
    mov rdx, rsi
    and rdx, PAGE - 1
    mov dword [rbx], 0
    mov dword [rbx + 4], 1              ; one range: its length, its offset, its pages
    mov dword [rbx + 8], SIZE
    mov dword [rbx + 12], rdx
    lea rcx, [rsi + SIZE - 1]
    shr rcx, 12
    shr rsi, 12
    add rbx, 16
    mov r12, 2
scsi_next_page:
    mov [rbx], rsi
    inc rsi
    add rbx, 8
    inc r12
    cmp rsi, rcx
    jbe scsi_next_page
scsi_no_pages:
    lea rdx, [r12 + P_HEADER / 8]       ; where the content begins, in words
    lea rax, [rdx + VSTOR_BYTES / 8]
    mov rcx, rax
    shl rcx, 16
    or rcx, rdx
    shl rcx, 16
    or rcx, r8
    mov r8, ANSWER_WANTED
    or rcx, r8
    mov [scsi_packet], rcx
    shl rax, 3
    push rax
    mov rdx, EXECUTE_SRB | REPORT
    mov [rbx], rdx
    mov dword [rbx + 8], 0
    mov dword [rbx + V_LENGTH], BLOCK_BYTES
    mov dword [rbx + V_LENGTH + 4], 0
    mov dword [rbx + V_CDB_LENGTH], 20 << 8 | 10 ; and the room for sense data
    mov byte [rbx + V_DIRECTION], r9
    mov dword [rbx + V_TRANSFER], r10
    lea rdx, [rbx + V_CDB]
    call scsi_command
    pop rax
    ret

driver_kick:
    cmp qword [scsi_stopped], 0
    jne requests_lost
    ret

; The root partition answers: the packet's content comes straight after its descriptor.
driver_packet:
    mov rax, [PACKET + P_TRANSACTION]
    cmp rax, SETUP
    je scsi_step_done
    mov rax, word [PACKET + P_HEADER + V_STATUS]
    xor rdi, rdi
    cmp rax, SUCCEEDED
    je request_done
    mov rdi, 1
    jmp request_done
scsi_step_done:
    mov qword [scsi_setting_up], 0
    mov rax, dword [PACKET + P_HEADER + 8]
    test rax, rax                       ; a step's own status, 0 when it went well
    jne driver_lost
    ret

driver_lost:
    mov qword [scsi_stopped], 1
    mov qword [scsi_setting_up], 0
    jmp requests_lost

scsi_setting_up:
    .quad 0
scsi_wanted:                            ; requests of this batch, and those that had room
    .quad 0
scsi_sent:
    .quad 0
scsi_stopped:
    .quad 0
    .align 8
scsi_packet:                            ; descriptor, range of up to 17 pages, content
    .zero 16 + 16 + 17 * 8 + 64
