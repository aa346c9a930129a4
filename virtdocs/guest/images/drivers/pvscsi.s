; PVSCSI, as Linux 6.1 drives it (drivers/scsi/vmw_pvscsi.c): every read or write is followed by a
; kick of its own, other commands by a kick of another kind.
.equ PVSCSI_COMMAND, DEVICE + 0
.equ PVSCSI_DATA, DEVICE + 4
.equ PVSCSI_STATUS, DEVICE + 0x100c
.equ PVSCSI_MASK, DEVICE + 0x2010
.equ PVSCSI_KICK, DEVICE + 0x3014
.equ PVSCSI_KICK_RW, DEVICE + 0x4018
.equ PVSCSI_MESSAGE, DEVICE + 0x6000
.equ PVSCSI_RESET, 1
.equ PVSCSI_RINGS, 3
.equ PVSCSI_MESSAGE_RING, 8
.equ PVSCSI_THRESHOLD, 10
.equ PVSCSI_RESULT, DEVICE + 8
.equ RING_STATE, DEVICE_MEMORY
.equ REQUEST_RING, DEVICE_MEMORY + PAGE         ; 32 entries of 128 bytes
.equ COMPLETION_RING, DEVICE_MEMORY + 2 * PAGE  ; 128 entries of 32 bytes
.equ REQUEST_PRODUCER, RING_STATE + 0
.equ COMPLETION_PRODUCER, RING_STATE + 12
.equ COMPLETION_CONSUMER, RING_STATE + 16
.equ REQUEST_CONSUMER, RING_STATE + 4
.equ CALL_THRESHOLD, RING_STATE + 24    ; so many requests wait before the adapter is called
.equ TO_HOST, 8
.equ TO_DEVICE, 16
.equ NO_DATA, 4

driver_start:
    mov dword [PVSCSI_COMMAND], PVSCSI_RESET
    mov dword [PVSCSI_COMMAND], PVSCSI_MESSAGE_RING
    mov rax, dword [PVSCSI_RESULT]      ; pvscsi_setup_msg_workqueue: nobody has one here
    mov dword [PVSCSI_COMMAND], PVSCSI_RINGS
    mov dword [PVSCSI_DATA], 1          ; a page for requests, a page for completions
    mov dword [PVSCSI_DATA], 1
    mov dword [PVSCSI_DATA], RING_STATE >> 12
    mov dword [PVSCSI_DATA], 0
    mov dword [PVSCSI_DATA], REQUEST_RING >> 12
    call pvscsi_other_pages
    mov dword [PVSCSI_DATA], COMPLETION_RING >> 12
    call pvscsi_other_pages
.if VECTORS
.else
    mov dword [PVSCSI_MESSAGE + 8], DEVICE_VECTOR
    mov dword [PVSCSI_MESSAGE + 12], 0
.endif
    mov dword [PVSCSI_MASK], 1
    mov dword [PVSCSI_COMMAND], PVSCSI_THRESHOLD    ; pvscsi_setup_req_threshold
    mov rax, dword [PVSCSI_RESULT]
    mov rcx, 0xffffffff
    cmp rax, rcx
    je pvscsi_no_threshold
    mov dword [PVSCSI_COMMAND], PVSCSI_THRESHOLD
    mov dword [PVSCSI_DATA], 1
    mov rax, dword [PVSCSI_RESULT]
    mov [pvscsi_threshold], rax
pvscsi_no_threshold:
    ret
pvscsi_other_pages:
    mov rcx, 63
pvscsi_no_page:
    mov dword [PVSCSI_DATA], 0
    dec rcx
    jne pvscsi_no_page
    ret

driver_queue:
    push rbx
    mov rax, dword [REQUEST_PRODUCER]
    and rax, 31
    shl rax, 7
    lea rbx, [rax + REQUEST_RING]
    mov [rbx], rsi
    mov rax, [rdi + R_BUFFER]
    mov [rbx + 8], rax
    mov qword [rbx + 16], SIZE
    mov qword [rbx + 24], 0
    mov rcx, TO_HOST
    mov rax, [rdi + R_OPERATION]
    cmp rax, OP_READ
    je pvscsi_direction
    mov rcx, TO_DEVICE
    cmp rax, OP_WRITE
    je pvscsi_direction
    mov rcx, NO_DATA
    mov qword [rbx + 16], 0
pvscsi_direction:
    shl rcx, 32
    mov [rbx + 32], rcx
    lea rdx, [rbx + 40]
    call scsi_command
    mov byte [rbx + 56], 10             ; length of the command
    mov rax, dword [REQUEST_PRODUCER]
    inc rax
    mov dword [REQUEST_PRODUCER], rax
    pop rbx
    cmp qword [rdi + R_OPERATION], OP_FLUSH
    je pvscsi_other_kick
    cmp qword [pvscsi_threshold], 0     ; pvscsi_kick_io
    je pvscsi_call
    mov rax, dword [REQUEST_PRODUCER]
    mov rcx, dword [REQUEST_CONSUMER]
    sub rax, rcx
    mov rcx, dword [CALL_THRESHOLD]
    cmp rax, rcx
    jb pvscsi_done
pvscsi_call:
    mov dword [PVSCSI_KICK_RW], 0
    ret
pvscsi_other_kick:
    mov dword [PVSCSI_KICK], 0
    ret

driver_kick:
    ret

driver_interrupt:
.if VECTORS
    mov rax, dword [PVSCSI_STATUS]      ; a line: was it us? then drop it
    test rax, 1
    je pvscsi_done
    mov dword [PVSCSI_STATUS], rax
.endif
    push rbx
pvscsi_next:
    mov rbx, dword [COMPLETION_CONSUMER]
    mov rax, dword [COMPLETION_PRODUCER]
    cmp rax, rbx
    je pvscsi_all
    lea rax, [rbx + 1]
    mov dword [COMPLETION_CONSUMER], rax
    and rbx, 127
    shl rbx, 5
    mov rdi, dword [rbx + COMPLETION_RING + 20] ; status of host and of device
    test rdi, rdi
    je pvscsi_fine
    mov rdi, 1
pvscsi_fine:
    call request_done
    jmp pvscsi_next
pvscsi_all:
    pop rbx
pvscsi_done:
    ret

pvscsi_threshold:
    .quad 0
