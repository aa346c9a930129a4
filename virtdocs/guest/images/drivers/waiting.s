; A process waits for a device, and an interrupt wakes it.
.equ BLOCKED, 5                 ; the state of a process that waits

; No interrupts, or no events, until the system call is over.
close_interrupts:
.if PV
    mov rax, [rbp + C_EVENTS]
    mov qword [rax + S_MASK], 1
.else
    cli
.endif
    ret

; The running process sleeps until wake_up. Interrupts are off.
wait_for_device:
    mov rax, [rbp + C_CURRENT]
    mov [waiting], rax
    mov qword [rax + P_STATE], BLOCKED
    jmp schedule

; From an interrupt: whoever waits may run again.
wake_up:
    mov rax, [waiting]
    test rax, rax
    je nobody_waits
    mov qword [rax + P_STATE], RUNNABLE
    mov qword [waiting], 0
    mov qword [rbp + C_RESCHEDULE], 1
nobody_waits:
    ret

waiting:
    .quad 0
