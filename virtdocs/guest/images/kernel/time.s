; The timer tick: who has slept long enough, and whose turn is next.

start_timer:
.if XEN
    mov rdi, 0                          ; bind_virq
    mov rsi, timer_binding
    call HC_EVENT_CHANNEL
    mov rcx, [timer_binding + 16]
    mov rax, 1
    shl rax, rcx
    or [rbp + C_PORTS], rax
    mov rax, [rbp + C_SHARED]
    mov rax, [rax + S_TIME]
    mov [deadline], rax
    jmp arm_timer
.else
    mov rdi, MSR_TIMER
    mov rsi, TIMER_PERIODIC | TIMER_VECTOR
    call write_msr
    mov rdi, MSR_TIMER_COUNT
    mov rsi, TICK
    jmp write_msr
.endif

.if XEN
; Ask for the next tick. The period counts from the last deadline, so that ticks do not drift.
arm_timer:
    mov rdi, [deadline]
    add rdi, TICK
    mov [deadline], rdi
    jmp HC_SET_TIMER
.endif

.if PV
; Let events in again, and take the one that came meanwhile: any hypercall delivers it.
open_events:
    mov rax, [rbp + C_EVENTS]
    mov qword [rax + S_MASK], 0
    cmp qword [rax + S_PENDING], 0
    je events_open
    mov rdi, SCHED_YIELD
    call HC_SCHED
events_open:
    ret
.endif

.if XEN
; An event: the hypervisor has closed the mask (PV), or interrupts are off (XEN_HVM), and the shared
; page says which event channels want attention. Those of other processors stay for them.
event_upcall:
    push rbx
    mov rcx, [rbp + C_EVENTS]
    mov qword [rcx + S_PENDING], 0
    mov rcx, [rbp + C_SHARED]
    mov rbx, [rcx + S_PORTS]
    and rbx, [rbp + C_PORTS]
    xor [rcx + S_PORTS], rbx
    mov rcx, [timer_binding + 16]
    mov rax, 1
    shl rax, rcx
    test rbx, rax
    je event_not_timer
    xor rbx, rax
    call timer_interrupt
event_not_timer:
    test rbx, rbx
    je event_done
    call [other_events]
event_done:
    pop rbx
    ret

; Who takes the events that are not the timer's: a driver may put itself here.
other_events:
    .quad ipi_interrupt
.endif

; Another processor wants this one's attention.
ipi_interrupt:
    inc qword [rbp + C_IPIS]
.if XEN
    ret
.else
    jmp end_of_interrupt

; Tell the interrupt controller that it may send the next one.
end_of_interrupt:
.if ENLIGHTENED
    mov rax, [rbp + C_LAZY_EOI]
    test rax, rax
    je acknowledge
    xor rcx, rcx
    xchg [rax], rcx                     ; in one step: the hypervisor may change it any moment
    and rcx, 1
    je acknowledge
    ret
acknowledge:
    mov rdi, [rbp + C_MSR_EOI]
.else
    mov rdi, MSR_EOI
.endif
    xor rsi, rsi
    jmp write_msr
.endif

timer_interrupt:
    inc qword [rbp + C_TICKS]
    mov qword [rbp + C_RESCHEDULE], 1
.if XEN
    call arm_timer
.else
    call end_of_interrupt
.endif
    cmp qword [sleepers], 0
    jne wake_sleepers
    ret

; Make everybody runnable whose tick has come.
wake_sleepers:
    mov rax, [rbp + C_TICKS]
    mov rdi, PROCESSES + PROCESS_BYTES
wake_next:
    cmp qword [rdi + P_STATE], SLEEPING
    jne wake_not
    cmp [rdi + P_WAKE], rax
    ja wake_not
    mov qword [rdi + P_STATE], RUNNABLE
    dec qword [sleepers]
wake_not:
    add rdi, PROCESS_BYTES
    cmp rdi, PROCESSES_END
    jne wake_next
    ret

; SYS_SLEEP(ticks): let others run until so many ticks have passed.
sleep:
.if PV
    mov rax, [rbp + C_EVENTS]
    mov qword [rax + S_MASK], 1
.else
    cli
.endif
    mov rcx, [rbp + C_CURRENT]
    add rdi, [rbp + C_TICKS]
    mov [rcx + P_WAKE], rdi
    mov qword [rcx + P_STATE], SLEEPING
    inc qword [sleepers]
    call schedule
    xor rax, rax
    ret

sleepers:
    .quad 0
.if XEN
deadline:
    .quad 0
timer_binding:                          ; virtual interrupt 0 (the timer), processor 0, the port
    .quad 0, 0, 0
.endif
