; read_time: a kernel asks what time it is, in nanoseconds. One op is one reading; counted are those
; that are not before the one before them.
main:
    mov r12, OPS
    xor r13, r13
.if PV
    mov rax, [rbp + C_EVENTS]
    mov qword [rax + S_MASK], 0
.else
    sti
.endif
read_again:
    call read_time
    cmp rax, r13
    jb went_back
    inc qword [result]
went_back:
    mov r13, rax
    dec r12
    jne read_again
    jmp shutdown

; -> rax: the time.
read_time:
.if XEN
    mov rsi, [rbp + C_SHARED]           ; the hypervisor's time, and what the counter was then
    mov r8, [rsi + S_TSC]
    mov r9, [rsi + S_TIME]
    rdtsc
    shl rdx, 32
    or rax, rdx
    cmp r8, [rsi + S_TSC]
    jne read_time
    sub rax, r8
    add rax, r9
    ret
.else
.if ENLIGHTENED
    mov rax, [read_clock]
    test rax, rax
    je read_timer
    jmp rax
read_timer:
.endif
    mov r8, [rbp + C_TICKS]             ; whole ticks, and what is gone of this one
    mov rcx, MSR_TIMER_CURRENT
    rdmsr
    cmp r8, [rbp + C_TICKS]
    jne read_time
    inc r8
    imul r8, TICK
    sub r8, rax
    mov rax, r8
    ret
.endif

result:
    .quad 0
    .result result, 8
