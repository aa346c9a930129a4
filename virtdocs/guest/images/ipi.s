; ipi: two processors wake each other. One op is one round trip: an interrupt there, one back.
main:
    mov r12, OPS
    mov r13, 1                          ; the other processor
.if XEN
    mov rdi, 7                          ; bind_ipi
    mov rsi, ipi_binding0
    call HC_EVENT_CHANNEL
    mov rcx, [ipi_binding0 + 8]
    mov rax, 1
    shl rax, rcx
    or [rbp + C_PORTS], rax
.endif
    mov rcx, 100000
ipi_started:                            ; until the other processor is ready
    pause
    dec rcx
    je ipi_alone
    cmp qword [cpu1_ready], 0
    je ipi_started
ipi_again:
    call send_ipi
    call wait_for_ipi
    dec r12
    jne ipi_again
    mov rax, [cpu0 + C_IPIS]
    mov [result], rax
    mov rax, [cpu1 + C_IPIS]
    mov [result + 8], rax
    jmp shutdown

ipi_alone:                              ; there is only one processor: give up
    mov rsi, 60
    jmp panic

; The second processor begins here, in the same state as the first.
start_ap:
    mov rsp, second_stack
    mov rbp, cpu1
.if PV
    mov rax, [rsi + 8]
    mov [rbp + C_SHARED], rax
    add rax, 128
    mov [rbp + C_EVENTS], rax
    mov rdi, trap_table
    call HC_SET_TRAP_TABLE
    mov rdi, event_entry
    mov rsi, failsafe_entry
    mov rdx, system_call_entry
    call HC_SET_CALLBACKS
.else
.if PVH
    call load_descriptors
.endif
    mov rdi, MSR_GS_BASE
    mov rsi, rbp
    call write_msr
    lidt [idt_pointer]
.endif
.if XEN_HVM
    call wait_for_xen
    mov rax, SHARED_PAGE
    mov [rbp + C_SHARED], rax
    add rax, 128
    mov [rbp + C_EVENTS], rax
.endif
.if XEN
    mov rdi, 7
    mov rsi, ipi_binding1
    call HC_EVENT_CHANNEL
    mov rcx, [ipi_binding1 + 8]
    mov rax, 1
    shl rax, rcx
    or [rbp + C_PORTS], rax
.endif
.if ENLIGHTENED
    call find_enlightenments
.endif
    mov r13, 0                          ; the other processor
    mov qword [cpu1_ready], 1
ipi_answer:
    call wait_for_ipi
    call send_ipi
    jmp ipi_answer

; Interrupt the processor r13.
send_ipi:
.if XEN
    mov rdi, 4                          ; send
    mov rsi, ipi_binding0 + 8
    test r13, r13
    je ipi_port_known
    mov rsi, ipi_binding1 + 8
ipi_port_known:
    jmp HC_EVENT_CHANNEL
.else
    mov rcx, MSR_ICR
    mov rax, IPI_VECTOR
    mov rdx, r13
    wrmsr
    ret
.endif

; Halt until an interrupt from the other processor has come that we have not waited for yet.
wait_for_ipi:
.if PV
    mov rax, [rbp + C_EVENTS]
    mov qword [rax + S_MASK], 1
.else
    cli
.endif
    mov rax, [rbp + C_IPIS]
    cmp rax, [rbp + C_IPIS_SEEN]
    jne ipi_came
.if PV
    mov rdi, SCHED_BLOCK
    call HC_SCHED
.else
    sti
    hlt
.endif
    jmp wait_for_ipi
ipi_came:
    inc qword [rbp + C_IPIS_SEEN]
    ret

result:
    .quad 0, 0
    .result result, 16
cpu1:
    .quad cpu1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0
cpu1_ready:
    .quad 0
.if XEN
ipi_binding0:                           ; processor, port
    .quad 0, 0
ipi_binding1:
    .quad 1, 0
.endif
    .align PROCESS_BYTES
    .quad cpu1                          ; like a process's block: the processor's address first
    .zero PROCESS_BYTES - 8
second_stack:
