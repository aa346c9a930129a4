; Processes: making one, and switching between them.

; Make a process that starts in user mode at rdi with rsi in rdi. -> rax: it, or 0.
create_process:
    push rbx
    push r12
    push r13
    mov r12, rdi
    mov r13, rsi
    call find_free_process
    test rax, rax
    je create_done
    mov rbx, rax
    mov qword [rbx + P_PARENT], 0
    mov rdi, rbx
    call build_space
    lea rdi, [rbx + PROCESS_BYTES - F_BYTES]
    mov qword [rdi + F_SS], USER_SS
    mov qword [rdi + F_RSP], USER_STACK
    mov qword [rdi + F_RFLAGS], IF | 2
    mov qword [rdi + F_CS], USER_CS
    mov [rdi + F_RIP], r12
    lea rcx, [rdi + F_HANDLER]
clear_register:
    sub rcx, 8
    mov qword [rcx], 0
    cmp rcx, rdi
    jne clear_register
    mov [rdi + F_RDI], r13
    mov rsi, rbx
    call prepare_switch
    mov qword [rbx + P_STATE], RUNNABLE
    mov rax, rbx
create_done:
    pop r13
    pop r12
    pop rbx
    ret

; -> rax: a free slot among the processes, with its number and processor filled in, or 0.
find_free_process:
    mov rax, PROCESSES + PROCESS_BYTES
    mov rcx, 1
find_next:
    cmp qword [rax + P_STATE], FREE
    je found_free
    inc rcx
    add rax, PROCESS_BYTES
    cmp rax, PROCESSES_END
    jne find_next
    xor rax, rax
    ret
found_free:
    mov [rax + P_NUMBER], rcx
    mov [rax + P_CPU], rbp
    ret

; The process rsi will leave the kernel through the frame at rdi when it is switched to.
prepare_switch:
    mov qword [rdi - 8], return_from_trap
    mov qword [rdi - 16], 0             ; what switch_to pops: rbx, rbp, r12 to r15
    mov [rdi - 24], rbp
    mov qword [rdi - 32], 0
    mov qword [rdi - 40], 0
    mov qword [rdi - 48], 0
    mov qword [rdi - 56], 0
    sub rdi, 56
    mov [rsi + P_RSP], rdi
    ret

; Let the next runnable process run; comes back when this one runs again. Interrupts are off.
schedule:
    mov qword [rbp + C_RESCHEDULE], 0
    mov rdi, [rbp + C_CURRENT]
    mov rcx, PROCESS_COUNT
schedule_next:
    add rdi, PROCESS_BYTES
    cmp rdi, PROCESSES_END
    jb schedule_look
    mov rdi, PROCESSES + PROCESS_BYTES  ; process 0 is idle, it comes last
schedule_look:
    cmp qword [rdi + P_STATE], RUNNABLE
    jne schedule_not
    cmp [rdi + P_CPU], rbp
    je schedule_found
schedule_not:
    dec rcx
    jne schedule_next
    mov rdi, [rbp + C_IDLE]
schedule_found:
    cmp rdi, [rbp + C_CURRENT]
    jne switch_to
    ret

; Save this process, go on as the process rdi.
switch_to:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov rax, [rbp + C_CURRENT]
    mov [rax + P_RSP], rsp
    mov rsp, [rdi + P_RSP]
    mov [rbp + C_CURRENT], rdi
    lea rsi, [rdi + PROCESS_BYTES]
    mov [rbp + C_STACK], rsi
    mov rbx, [rdi + P_ROOT]
.if PV
    mov rdi, KERNEL_SS
    call HC_STACK_SWITCH
.else
    mov rdx, [rbp + C_TSS]
    mov [rdx + TSS_RSP0], rsi
.endif
    test rbx, rbx
    je switched                         ; idle has no tables of its own: it keeps the last ones
    cmp rbx, [rbp + C_ROOT]
    je switched
    mov rdi, rbx
    call load_root
.if PV64
    mov rsi, [rbp + C_CURRENT]
    mov rsi, [rsi + P_USER_ROOT]
    mov rdi, MMUEXT_NEW_USER_ROOT
    call extended_operation
.endif
switched:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
