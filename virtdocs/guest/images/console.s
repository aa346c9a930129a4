; console_line: a program writes lines of 64 bytes and waits for each until it is out. One op is one
; line.
.equ LINE_BYTES, 64

programs:
    .quad write_lines, 0

    .org USER_TEXT + 0x1000
write_lines:
    mov r12, OPS
    xor r13, r13
next_line:
    mov rdi, line
    mov rsi, LINE_BYTES
    mov rax, SYS_DRIVER
    call system_call
    add r13, LINE_BYTES
    inc byte [line]                     ; each line begins with another letter
    mov rax, byte [line]
    cmp rax, 'Z'
    jbe line_done
    mov byte [line], 'A'
line_done:
    dec r12
    jne next_line
    mov [result], r13
    jmp finish

    .align 64
line:
    .ascii "A line of sixty-three bytes and of the one that ends it, a feed"
    .byte 10
    .align 64
result:
    .zero 8
    .result result, 8
