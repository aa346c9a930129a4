; syscall: one op is one system call that does next to nothing (getpid).
programs:
    .quad ask, 0

    .org USER_TEXT + 0x1000
ask:
    xor r13, r13
    mov rbx, OPS
ask_again:
    mov rax, SYS_GETPID
    call system_call
    add r13, rax
    dec rbx
    jne ask_again
    mov [result], r13
    jmp finish

    .align 64
result:
    .zero 8
    .result result, 8
