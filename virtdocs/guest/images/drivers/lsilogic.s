; LSI Logic's 53C1030, as Linux 6.1 drives it (drivers/message/fusion: mptbase.c, mptscsih.c).
.equ MPT_DOORBELL, DEVICE + 0
.equ MPT_STATUS, DEVICE + 0x30
.equ MPT_MASK, DEVICE + 0x34
.equ MPT_REQUESTS, DEVICE + 0x40
.equ MPT_REPLIES, DEVICE + 0x44
.equ MPT_MESSAGE, DEVICE_MEMORY             ; a message for the doorbell
.equ MPT_ANSWER, DEVICE_MEMORY + 0x100
.equ MPT_FRAMES, DEVICE_MEMORY + PAGE       ; a request frame of 128 bytes for each request
.equ MPT_REPLY_FRAMES, DEVICE_MEMORY + 2 * PAGE
.equ MPT_REPLY_BYTES, 80
.equ MPT_REPLY_COUNT, 32
.equ MPT_READY, 0x10000000
.equ MPT_OPERATIONAL, 0x20000000
.equ MPT_STATES, 0x70000000
.equ MPT_READS, 0xd3000000                  ; the only element, with a long address
.equ MPT_WRITES, 0xd7000000

; mpt_do_ioc_recovery: reset, facts, reply frames, initialization, interrupts.
driver_start:
    push rbx
    mov rax, 0xffffffff
    mov dword [MPT_MASK], rax
    mov dword [MPT_STATUS], 0
    mov rax, 0x40000000                     ; reset the message unit
    mov dword [MPT_DOORBELL], rax
    call mpt_taken
    mov rdi, MPT_READY
    call mpt_state
    mov rdi, 0x03                           ; IOCFacts
    mov rsi, 3
    call mpt_handshake
    mov rdi, 0x05                           ; PortFacts
    mov rsi, 3
    call mpt_handshake
    mov rbx, MPT_REPLY_FRAMES
mpt_prime:
    mov dword [MPT_REPLIES], rbx
    add rbx, MPT_REPLY_BYTES
    cmp rbx, MPT_REPLY_FRAMES + MPT_REPLY_COUNT * MPT_REPLY_BYTES
    jne mpt_prime
    mov byte [MPT_MESSAGE + 12], MPT_REPLY_BYTES
    mov rdi, 0x02                           ; IOCInit
    mov rsi, 11
    mov byte [MPT_MESSAGE], 4               ; by the driver
    call mpt_handshake
    mov byte [MPT_MESSAGE], 0
    mov byte [MPT_MESSAGE + 12], 0
    mov rdi, 0x06                           ; PortEnable
    mov rsi, 3
    call mpt_handshake
    mov rdi, MPT_OPERATIONAL
    call mpt_state
    mov dword [MPT_MASK], 1                 ; replies interrupt, the doorbell does not
    pop rbx
    ret

; Wait until the adapter is in the state rdi.
mpt_state:
    mov rax, dword [MPT_DOORBELL]
    and rax, MPT_STATES
    cmp rax, rdi
    jne mpt_state
    ret

; Wait until the adapter has taken what was written to its doorbell.
mpt_taken:
    mov rax, dword [MPT_STATUS]
    mov rcx, 0x80000000
    test rax, rcx
    jne mpt_taken
    ret

; Wait until the adapter rings.
mpt_rings:
    mov rax, dword [MPT_STATUS]
    test rax, 1
    je mpt_rings
    ret

; The next half of a word of the reply -> rax.
mpt_half:
    call mpt_rings
    mov rax, dword [MPT_DOORBELL]
    mov dword [MPT_STATUS], 0
    and rax, 0xffff
    ret

; mpt_handshake_req_reply_wait: the function rdi, a message of rsi words.
mpt_handshake:
    push rbx
    push r12
    mov byte [MPT_MESSAGE + 3], rdi
    mov rbx, MPT_MESSAGE
    mov r12, rsi
    shl r12, 2
    add r12, rbx
    mov dword [MPT_STATUS], 0
    mov rax, rsi
    shl rax, 16
    mov rcx, 0x42000000
    or rax, rcx
    mov dword [MPT_DOORBELL], rax
    call mpt_rings
    mov rax, dword [MPT_DOORBELL]           ; in use?
    mov dword [MPT_STATUS], 0
    call mpt_taken
mpt_word:
    mov rax, dword [rbx]
    mov dword [MPT_DOORBELL], rax
    call mpt_taken
    add rbx, 4
    cmp rbx, r12
    jne mpt_word
    mov rbx, MPT_ANSWER
    call mpt_half
    mov word [rbx], rax
    call mpt_half                           ; with the length of the reply in words
    mov word [rbx + 2], rax
    and rax, 0xff
    lea r12, [rbx + rax * 4]
    add rbx, 4
mpt_more:
    call mpt_half
    mov word [rbx], rax
    add rbx, 2
    cmp rbx, r12
    jne mpt_more
    call mpt_rings
    mov dword [MPT_STATUS], 0
    pop r12
    pop rbx
    ret

; mptscsih_qcmd, mpt_put_msg_frame: frame rsi becomes the request at rdi; one write posts it.
driver_queue:
    push rbx
    mov rbx, rsi
    shl rbx, 7
    add rbx, MPT_FRAMES
    mov rax, 0x400a00000000                 ; target 0; a command of 10 bytes, sense of 64
    mov [rbx], rax
    lea rax, [rsi + 0x10000]
    mov dword [rbx + 8], rax                ; the context
    mov qword [rbx + 12], 0
    mov r8, SIZE
    mov r9, MPT_READS
    mov r10, 0x02000000                     ; data for the host
    mov r11, [rdi + R_BUFFER]
    mov rax, [rdi + R_OPERATION]
    cmp rax, OP_READ
    je mpt_direction
    mov r9, MPT_WRITES
    mov r10, 0x01000000
    cmp rax, OP_WRITE
    je mpt_direction
    mov r8, 0
    mov r9, MPT_READS
    mov r10, 0
    mov r11, -1
mpt_direction:
    mov dword [rbx + 20], r10
    lea rdx, [rbx + 24]
    call scsi_command
    mov dword [rbx + 40], r8
    mov dword [rbx + 44], 0
    or r9, r8
    mov dword [rbx + 48], r9
    mov dword [rbx + 52], r11
    shr r11, 32
    mov dword [rbx + 56], r11
    or rbx, 2                               ; how long the frame is, in the adapter's blocks
    mov dword [MPT_REQUESTS], rbx
    pop rbx
    ret

driver_kick:
    ret

; mpt_interrupt: until the FIFO says that there is no more.
driver_interrupt:
    push rbx
mpt_next:
    mov rax, dword [MPT_REPLIES]
    mov rcx, 0xffffffff
    cmp rax, rcx
    je mpt_all
    mov rdx, 0x80000000
    test rax, rdx
    jne mpt_address
    xor rdi, rdi                            ; a context: all went well
    call request_done
    jmp mpt_next
mpt_address:
    shl rax, 1
    and rax, rcx
    mov rbx, rax
    mov rdi, dword [rbx + 12]               ; status of the device, and of the adapter
    test rdi, rdi
    je mpt_fine
    mov rdi, 1
mpt_fine:
    call request_done
    mov dword [MPT_REPLIES], rbx            ; the frame goes back
    jmp mpt_next
mpt_all:
    pop rbx
    ret
