; popf_wait: a kernel that saves the interrupt flag, closes interrupts for a moment, restores the
; flag with popf and halts until the next tick. Where popf silently keeps the flag (Robin & Irvine
; 2000, §3.2), nothing ever ends the hlt. One op is one such wait.
main:
    mov rbx, OPS
.if PV
    mov rax, [rbp + C_EVENTS]
    mov qword [rax + S_MASK], 0
.else
    sti
.endif
wait_for_tick:
.if PV
    mov rax, [rbp + C_EVENTS]
    mov r12, [rax + S_MASK]
    mov qword [rax + S_MASK], 1
.else
    pushf
    cli
.endif
    inc qword [result]                  ; what must not be interrupted
.if PV
    mov [rax + S_MASK], r12
    mov rdi, SCHED_BLOCK
    call HC_SCHED
.else
    popf
    hlt
.endif
    dec rbx
    jne wait_for_tick
    jmp shutdown

result:
    .quad 0
    .result result, 8
