; The ways into the kernel and out of it.

; Exceptions. Each stub completes the frame (an error code, and who handles it).
divide_entry:
    push 0
    push divide_error
    jmp common_entry
opcode_entry:
    push 0
    push invalid_opcode
    jmp common_entry
protection_entry:
    push general_protection
    jmp common_entry
page_fault_entry:
    push page_fault
    jmp common_entry

; Interrupts.
.if XEN
event_entry:
    push 0
    push event_upcall
    jmp common_entry
.endif
.if PV
failsafe_entry:                         ; the hypervisor could not go back to our user program
    mov rsi, 63
    jmp panic
.endif
.if XEN
.else
timer_entry:
    push 0
    push timer_interrupt
    jmp common_entry
ipi_entry:
    push 0
    push ipi_interrupt
    jmp common_entry
.endif

; Save all registers, find our processor, call the handler with the frame in rdi.
common_entry:
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
.if PV
    mov rbp, rsp
    and rbp, -PROCESS_BYTES
    mov rbp, [rbp + P_CPU]
.else
    mov rax, [rsp + F_CS]
    and rax, 3
    je entered_from_kernel              ; then gs is the kernel's already
    swapgs
entered_from_kernel:
    mov rbp, gs:[C_SELF]
.endif
    mov rdi, rsp
    call [rsp + F_HANDLER]

; Go back to where the frame on the stack says.
return_from_trap:
.if PV
    mov rbx, [rbp + C_EVENTS]
    mov qword [rbx + S_MASK], 1
.else
    cli                                 ; until iret: nothing may use gs or this stack in between
.endif
    mov rax, [rsp + F_CS]
    and rax, 3
    cmp rax, 3
    jne restore
    cmp qword [rbp + C_RESCHEDULE], 0
    je return_to_user
    call schedule
    jmp return_from_trap
return_to_user:
.if PV
.else
    swapgs
.endif
restore:
.if PV
    test qword [rsp + F_RFLAGS], IF
    je restore_registers
    mov qword [rbx + S_MASK], 0
    cmp qword [rbx + S_PENDING], 0      ; an event that came while the mask was closed
    je restore_registers
    mov qword [rbx + S_MASK], 1
    mov rdi, rsp
    call event_upcall
    jmp return_from_trap
restore_registers:
.endif
.if PV64
    mov rax, [rsp + F_RCX]              ; the hypervisor restores rax, r11, rcx: xen.h, iret_context
    mov [rsp + F_HANDLER], rax
    mov rax, [rsp + F_RAX]
    mov rcx, [rsp + F_R11]
    mov [rsp + F_RCX], rax
    mov [rsp + F_RAX], rcx
    mov qword [rsp + F_ERROR], 0
.endif
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
.if PV64
    jmp HC_IRET
.else
    pop rcx
    pop rax
    add rsp, 16
    iret
.endif

; System calls: number in rax, arguments in rdi, rsi, rdx; rcx and r11 are lost.
system_call_entry:
.if PV
.else
    swapgs
    mov gs:[C_SCRATCH], rsp
    mov rsp, gs:[C_STACK]
    push USER_SS
    push qword gs:[C_SCRATCH]
    push r11
    push USER_CS
    push rcx
.endif
    push 0
    push 0
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
.if PV
    mov rbp, rsp
    and rbp, -PROCESS_BYTES
    mov rbp, [rbp + P_CPU]
.else
    mov rbp, gs:[C_SELF]
    sti                                 ; our stack and our gs: interrupts may come again
.endif
.if PV64
    call open_events                    ; a bounced system call begins with events masked
    mov rax, [rsp + F_RAX]
    mov rdi, [rsp + F_RDI]
.endif
    cmp rax, SYS_COUNT
    jae unknown_system_call
    call [system_calls + rax*8]
system_call_done:
    mov [rsp + F_RAX], rax
.if PV
    jmp return_from_trap
.else
    cli
    cmp qword [rbp + C_RESCHEDULE], 0
    jne return_from_trap
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
    mov rcx, [rsp + 16]
    mov r11, [rsp + 32]
    mov rsp, [rsp + 40]                 ; the user's stack: nothing may interrupt from here on
    swapgs
    sysret
.endif
unknown_system_call:
    mov rax, -1
    jmp system_call_done

; Faults that nothing repairs: vector in rsi, frame in rdi.
divide_error:
    mov rsi, 0
    jmp fatal_fault
invalid_opcode:
    mov rsi, 6
    jmp fatal_fault
general_protection:
    mov rsi, 13
fatal_fault:
    mov rax, [rdi + F_CS]
    and rax, 3
    cmp rax, 3
    jne fault_in_kernel
    lea rdi, [rsi + 64]                 ; the program ends, with this as its exit code
    jmp end_process
fault_in_kernel:
    mov rax, [rbp + C_FIXUP]
    test rax, rax
    je panic
    mov [rdi + F_RIP], rax              ; code that expects to fault says where to go on
    mov qword [rbp + C_FIXUP], 0
    ret

.if PV
; Vector, flags (0-1: privilege that may raise it, 2: mask events on entry), selector, address.
trap_table:
    .quad 0, 4, KERNEL_CS, divide_entry
    .quad 6, 4, KERNEL_CS, opcode_entry
    .quad 13, 4, KERNEL_CS, protection_entry
    .quad 14, 4, KERNEL_CS, page_fault_entry
.if PV32
    .quad 0x80, 3, KERNEL_CS, system_call_entry
.endif
    .quad 0, 0, 0, 0
.else
idt_pointer:
    .quad 0xfff, idt
    .align 4096
idt:                                    ; interrupt gates: 0x8e is present, DPL 0
    .quad divide_entry & 0xffff | KERNEL_CS << 16 | 0x8e << 40 | (divide_entry >> 16 & 0xffff) << 48
    .quad divide_entry >> 32
    .org idt + 16 * 6
    .quad opcode_entry & 0xffff | KERNEL_CS << 16 | 0x8e << 40 | (opcode_entry >> 16 & 0xffff) << 48
    .quad opcode_entry >> 32
    .org idt + 16 * 13
    .quad protection_entry & 0xffff | KERNEL_CS << 16 | 0x8e << 40 | (protection_entry >> 16 & 0xffff) << 48
    .quad protection_entry >> 32
    .quad page_fault_entry & 0xffff | KERNEL_CS << 16 | 0x8e << 40 | (page_fault_entry >> 16 & 0xffff) << 48
    .quad page_fault_entry >> 32
.if XEN
    .org idt + 16 * EVENT_VECTOR
    .quad event_entry & 0xffff | KERNEL_CS << 16 | 0x8e << 40 | (event_entry >> 16 & 0xffff) << 48
    .quad event_entry >> 32
.else
    .org idt + 16 * TIMER_VECTOR
    .quad timer_entry & 0xffff | KERNEL_CS << 16 | 0x8e << 40 | (timer_entry >> 16 & 0xffff) << 48
    .quad timer_entry >> 32
    .org idt + 16 * IPI_VECTOR
    .quad ipi_entry & 0xffff | KERNEL_CS << 16 | 0x8e << 40 | (ipi_entry >> 16 & 0xffff) << 48
    .quad ipi_entry >> 32
.endif
    .org idt + 4096
.endif
