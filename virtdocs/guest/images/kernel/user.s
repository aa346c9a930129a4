; What every user program has: how to call the kernel, and how to end.
    .org USER_TEXT

; Number in rax, arguments in rdi, rsi, rdx; rcx and r11 are lost.
system_call:
.if PV32
    int 0x80
.else
    syscall
.endif
    ret

; End with exit code 0.
finish:
    mov rdi, 0
    mov rax, SYS_EXIT
    call system_call
