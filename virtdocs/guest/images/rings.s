; rings: the kernel, and then a user program, read their own code segment selector. Its two low
; bits are the privilege level that the reader believes in (SDM vol. 3A, section 5.5).
main:
    mov rax, cs
    mov [result], rax
    mov rdi, read_level
    xor rsi, rsi
    call create_process
    inc qword [running_programs]
    jmp idle
