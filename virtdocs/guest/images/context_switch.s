; context_switch: two programs take turns. One op is one switch: registers, kernel stack, cr3.
programs:
    .quad take_turns, take_turns, 0

    .org USER_TEXT + 0x1000
take_turns:
    mov r15, rdi
    mov r12, (OPS + 1) / 2
    mov [USER_BASE], rdi                ; each has a page of its own at the same address
turn:
    mov rax, SYS_YIELD
    call system_call
    inc qword [USER_BASE]
    dec r12
    jne turn
    mov rax, [USER_BASE]
    mov [result + r15*8], rax
    jmp finish

    .align 64
result:
    .zero 16
    .result result, 16
