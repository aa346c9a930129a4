; From the first instruction to the workload. The firmware (native) or the domain builder (PV, PVH)
; has turned paging on and mapped the first 16 MiB onto itself.

start:
    mov rsp, PROCESSES + PROCESS_BYTES  ; process 0 is what runs when no other can
    mov rbp, cpu0
.if PV
    mov rax, [rsi + 8]
    mov [rbp + C_SHARED], rax
    mov [rbp + C_EVENTS], rax           ; processor 0's part comes first
    mov rax, [rsi + 16]
    mov [top_table], rax
    mov rax, [rsi + 32]
    mov [machine_frames], rax
    mov rdi, trap_table
    call HC_SET_TRAP_TABLE
    mov rdi, event_entry
    mov rsi, failsafe_entry
    mov rdx, system_call_entry
    call HC_SET_CALLBACKS
.else
.if PVH
    call check_start                    ; nobody has set up descriptors for us
.endif
    mov rdi, MSR_GS_BASE                ; the kernel's gs now, the user's after the first swapgs
    mov rsi, rbp
    call write_msr
    mov rdi, MSR_KERNEL_GS_BASE
    xor rsi, rsi
    call write_msr
    mov rdi, MSR_STAR
    mov rsi, (USER_CS - 16) << 48 | KERNEL_CS << 32
    call write_msr
    mov rdi, MSR_LSTAR
    mov rsi, system_call_entry
    call write_msr
    mov rdi, MSR_FMASK                  ; a system call begins with interrupts off
    mov rsi, IF
    call write_msr
    lidt [idt_pointer]
.endif
.if XEN_HVM
    call find_xen
.endif
.if ENLIGHTENED
    call find_enlightenments
.endif
    call find_directory
    mov rdi, PROCESSES
    mov [rdi + P_CPU], rbp
    mov qword [rdi + P_STATE], RUNNABLE
    mov [rbp + C_CURRENT], rdi
    mov [rbp + C_IDLE], rdi
    call start_timer
    jmp main

.if PV
.else
; Write rsi into the model-specific register rdi.
write_msr:
    mov rcx, rdi
    mov rax, rsi
    mov rdx, rsi
    shr rdx, 32
    wrmsr
    ret
.endif

; What the processor does when nobody wants to run: wait for an interrupt.
idle:
.if PV
    mov rax, [rbp + C_EVENTS]
    mov qword [rax + S_MASK], 1
.else
    cli
.endif
    call schedule                       ; comes back when nobody can run
    cmp qword [running_programs], 0
    je shutdown
.if PV
    mov rdi, SCHED_BLOCK                ; opens the mask and waits, in one step
    call HC_SCHED
.else
    sti                                 ; no interrupt comes between sti and hlt
    hlt
.endif
    jmp idle

; End the run with the exit code that the programs left.
shutdown:
    mov rax, [exit_code]
.if XEN
    mov rsi, rax
    mov rdi, SCHED_SHUTDOWN
    call HC_SCHED
.else
    out DEBUG_EXIT, eax
.endif
    jmp shutdown

; The kernel met a fault of its own: end the run with 64 + the vector in rsi.
panic:
    lea rax, [rsi + 64]
    mov [exit_code], rax
    jmp shutdown

cpu0:
    .quad cpu0, 0, PROCESSES + PROCESS_BYTES, 0, 0, 0, 0, 0, 0, TSS_ADDRESS
    .quad 0, 0, 0, 0, 0, 0
running_programs:
    .quad 0
exit_code:
    .quad 0
.if PV
top_table:
    .quad 0
machine_frames:
    .quad 0
.endif
.if XEN
    .align 4096
hypercall_page:
    .zero 4096
.endif
