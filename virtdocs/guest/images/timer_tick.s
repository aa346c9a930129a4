; timer_tick: a program sleeps from tick to tick, and the processor halts in between. One op is one
; tick.
programs:
    .quad sleep_ticks, 0

    .org USER_TEXT + 0x1000
sleep_ticks:
    xor r13, r13
    mov r12, OPS
sleep_again:
    mov rdi, 1
    mov rax, SYS_SLEEP
    call system_call
    inc r13
    dec r12
    jne sleep_again
    mov [result], r13
    jmp finish

    .align 64
result:
    .zero 8
    .result result, 8
