; disk_read, disk_write, disk_flush: a program performs requests of SIZE bytes on the disk, DEPTH of
; them at a time. One op is one request. The data goes straight into the program's own memory.
.equ BUFFERS, 0xa00000
.equ DISK_SECTORS, 8192

programs:
    .quad use_disk, 0

    .org USER_TEXT + 0x1000
use_disk:
    xor r13, r13
    mov r14, 0                          ; the next sector
    mov r15, 0                          ; requests that failed
    mov r12, OPS
next_batch:
    mov r8, DEPTH
    cmp r12, r8
    jae batch_counted
    mov r8, r12
batch_counted:
    mov rbx, r8
.if OPERATION - OP_WRITE
.else
    mov rcx, BUFFERS                    ; what is written: numbers that count down
    mov rdx, r12
fill_next:
    mov [rcx], rdx
    mov [rcx + SIZE - 8], rdx
    add rcx, SIZE
    dec rdx
    dec rbx
    jne fill_next
    mov rbx, r8
.endif
    mov rdi, OPERATION
    mov rsi, r14
    mov rdx, BUFFERS
    mov rax, SYS_DRIVER
    call system_call
    add r15, rax
    sub r12, rbx
    mov rcx, BUFFERS
check_next:
    add r13, [rcx]
    add r13, [rcx + SIZE - 8]
    add rcx, SIZE
    add r14, SIZE / 512
    dec rbx
    jne check_next
    cmp r14, DISK_SECTORS - DEPTH * SIZE / 512
    jbe disk_goes_on
    mov r14, 0                          ; the disk is over: from its beginning again
disk_goes_on:
    test r12, r12
    jne next_batch
    mov [result], r13
    mov [result + 8], r15
    jmp finish

    .align 64
result:
    .zero 16
    .result result, 16
