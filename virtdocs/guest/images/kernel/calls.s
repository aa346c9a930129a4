; The system calls, and those of them that are too small for a place of their own.

; SYS_YIELD: another process's turn.
yield:
.if PV
    mov rax, [rbp + C_EVENTS]
    mov qword [rax + S_MASK], 1
.else
    cli
.endif
    call schedule
    xor rax, rax
    ret

; SYS_GETPID
get_number:
    mov rax, [rbp + C_CURRENT]
    mov rax, [rax + P_NUMBER]
    ret

; SYS_PUTCHAR(byte)
put_character:
.if XEN
    mov [character], rdi
    mov rdi, 0                          ; write
    mov rsi, 1
    mov rdx, character
    call HC_CONSOLE_IO
.else
    mov rax, rdi
    out CONSOLE, al
.endif
    xor rax, rax
    ret

; SYS_DRIVER: what it means depends on the driver, which puts itself here when it starts.
call_driver:
    jmp [driver]
no_driver:
    mov rax, -1
    ret

driver:
    .quad no_driver
system_calls:
    .quad end_process, get_number, yield, unmap, protect, fork, wait_child, sleep, put_character
    .quad call_driver
.if XEN
character:
    .quad 0
.endif
