; The block layer: requests of SIZE bytes, several of them in flight together.
; A disk's driver has the labels driver_queue (give the device the request at rdi, which has the
; number rsi), driver_kick (all requests of this batch are queued) and calls request_done.
.equ R_OPERATION, 0
.equ R_SECTOR, 8
.equ R_BUFFER, 16
.equ R_BYTES, 32
.equ OP_READ, 0
.equ OP_WRITE, 1
.equ OP_FLUSH, 2
.equ SECTORS, SIZE / 512        ; of one request

; SYS_DRIVER(operation, first sector, first buffer, requests in r8): perform them all.
; -> how many failed.
driver_call:
    push rbx
    push r12
    push r13
    push r14
    push r15
    call close_interrupts
    mov r12, rdi
    mov r13, rsi
    mov r14, rdx
    mov r15, r8
    mov [outstanding], r8
    mov qword [failures], 0
    xor rbx, rbx
queue_next:
    mov rdi, rbx
    shl rdi, 5
    add rdi, requests
    mov [rdi + R_OPERATION], r12
    mov [rdi + R_SECTOR], r13
    mov [rdi + R_BUFFER], r14
    mov rsi, rbx
    call driver_queue
    add r13, SECTORS
    add r14, SIZE
    inc rbx
    cmp rbx, r15
    jne queue_next
    call driver_kick
wait_for_requests:
    cmp qword [outstanding], 0
    je requests_done
    call wait_for_device
    call close_interrupts
    jmp wait_for_requests
requests_done:
    mov rax, [failures]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    ret

; From an interrupt: one request is done; rdi is 0, or 1 when it failed.
request_done:
    add [failures], rdi
    dec qword [outstanding]
    je wake_up
    ret

; From an interrupt: the device is broken, and every request with it.
requests_lost:
    mov rax, [outstanding]
    test rax, rax
    je none_lost
    add [failures], rax
    mov qword [outstanding], 0
    jmp wake_up
none_lost:
    ret

outstanding:
    .quad 0
failures:
    .quad 0
    .align 64
requests:
    .zero R_BYTES * DEPTH
