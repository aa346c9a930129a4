; exits: a kernel alone, without system calls (as kvm-unit-tests' x86/cstart64.S, which sets nothing in
; EFER but LME). Each instruction stands between two labels and is done three times; the third is the
; one that is counted: tables are filled by then.
    mov rcx, 0xc0000080                 ; EFER without SCE
    rdmsr
    and rax, -2
    wrmsr
    mov r13, FRESH
    mov r14, 3
again:
cpuid:
    cpuid
cpuid_end:
    mov rax, -1                         ; a call that no hypervisor knows
hypercall:
    vmcall
hypercall_end:
port_kernel:
port_user:
    in al, 0x80
port_kernel_end:
port_user_end:
    mov rcx, 0x808                      ; the task priority
msr_read:
    rdmsr
msr_read_end:
    mov rax, 0
    mov rdx, 0
msr_write:
    wrmsr
msr_write_end:
    mov rax, cr0
cr_access:
    mov cr0, rax
cr_access_end:
nested_fault:
    mov rbx, r13                        ; what faults is done again: counted from the one before
    mov rax, [rbx]                      ; a page that nobody has touched yet
nested_fault_end:
    add r13, 4096
    dec r14
    jne again
    out 0xf4, al

.equ FRESH, 0x600000
