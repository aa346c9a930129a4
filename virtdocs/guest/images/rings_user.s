    .org USER_TEXT + 0x1000
read_level:
    mov rax, cs
    mov [result + 8], rax
    jmp finish

    .align 64
result:
    .zero 16
    .result result, 16
