; vmcall: a kernel calls its hypervisor for nothing. One op is one call. On bare hardware there is
; nobody to call: each call is an invalid opcode, which the kernel has provided for.
main:
    mov r12, OPS
.if XEN
.else
    mov rax, 0
    cpuid
    mov r13, rbx                        ; the vendor: Intel and AMD have an instruction each
    mov r14, 0x756e6547                 ; "Genu"
.endif
call_again:
.if XEN
    mov rdi, SCHED_YIELD                ; nobody else wants to run here
    call HC_SCHED
.else
    mov qword [rbp + C_FIXUP], called
    mov rax, -1                         ; a call that no hypervisor knows
    cmp r13, r14
    jne call_amd
    vmcall
    jmp called
call_amd:
    vmmcall
called:
.endif
    inc qword [result]
    dec r12
    jne call_again
    jmp shutdown

result:
    .quad 0
    .result result, 8
