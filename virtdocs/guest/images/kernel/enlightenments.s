; What a kernel made for bare hardware does when it finds that somebody virtualizes it: it asks by
; cpuid who, and takes offers that save exits (ENLIGHTENED). On bare hardware, or with a hypervisor
; that it does not know, it stays as it was. Compiled to nothing in every other build.

.if ENLIGHTENED
.equ HYPERVISOR_PRESENT, 1 << 31        ; cpuid leaf 1, ecx
.equ HYPERVISOR_LEAF, 0x40000000
; KVM (Linux, Documentation/virt/kvm/x86/msr.rst).
.equ SIGNED_KVM, 0x4b4d564b             ; "KVMK"
.equ MSR_KVM_CLOCK, 0x4b564d01
.equ MSR_KVM_LAZY_EOI, 0x4b564d04
.equ K_TSC, 8
.equ K_TIME, 16
.equ K_MULTIPLIER, 24                   ; 32 bits, a fraction; after it the shift, here never down
; Hyper-V (Microsoft, Hypervisor Top Level Functional Specification).
.equ SIGNED_HYPERV, 0x7263694d          ; "Micr"
.equ MSR_HV_SYSTEM, 0x40000000          ; who we are; zero: nobody, and no hypercalls
.equ MSR_HV_REFERENCE_TSC, 0x40000021
.equ MSR_HV_EOI, 0x40000070
.equ MSR_HV_ASSIST_PAGE, 0x40000073
.equ OUR_NAME, 1 << 63                  ; an open-source system
.equ H_SCALE, 8
.equ H_OFFSET, 16
.equ HYPERV_UNIT, 100                   ; its time counts 100 ns

; Both kinds of pages: the clock's, one for the machine, and a processor's for acknowledgements.
.equ CLOCK_PAGE, 0x1c1000
.equ ASSIST_PAGES, 0x1c2000             ; a page for each processor

; For the processor rbp. Each has interrupts of its own, so each asks.
find_enlightenments:
    push rbx
    mov rax, MSR_EOI
    mov [rbp + C_MSR_EOI], rax
    mov rax, 1
    cpuid
    mov rax, HYPERVISOR_PRESENT
    test rcx, rax
    je enlightened
    mov rax, HYPERVISOR_LEAF
    cpuid
    mov rsi, [rbp + C_NUMBER]
    shl rsi, 12
    add rsi, ASSIST_PAGES
    mov rax, SIGNED_KVM
    cmp rbx, rax
    je found_kvm
    mov rax, SIGNED_HYPERV
    cmp rbx, rax
    je found_hyperv
enlightened:
    pop rbx
    ret

found_kvm:
    mov [rbp + C_LAZY_EOI], rsi
    mov rdi, MSR_KVM_LAZY_EOI
    or rsi, 1                           ; on
    call write_msr
    mov rax, read_clock_kvm
    mov [read_clock], rax
    mov rdi, MSR_KVM_CLOCK
    mov rsi, CLOCK_PAGE | 1
    call write_msr
    jmp enlightened

found_hyperv:
    mov [rbp + C_LAZY_EOI], rsi
    push rsi
    mov rdi, MSR_HV_SYSTEM
    mov rsi, OUR_NAME
    call write_msr
    mov rax, MSR_HV_EOI
    mov [rbp + C_MSR_EOI], rax
    pop rsi
    mov rdi, MSR_HV_ASSIST_PAGE
    or rsi, 1
    call write_msr
    mov rax, read_clock_hyperv
    mov [read_clock], rax
    mov rdi, MSR_HV_REFERENCE_TSC
    mov rsi, CLOCK_PAGE | 1
    call write_msr
    jmp enlightened

; -> rax: nanoseconds. The page says what to make of the time-stamp counter; while its version is
; odd (KVM) or changes meanwhile, it is being written.
read_clock_kvm:
    mov rsi, CLOCK_PAGE
    mov r8, [rsi]
    test r8, 1
    jne read_clock_kvm
    rdtsc
    shl rdx, 32
    or rax, rdx
    sub rax, [rsi + K_TSC]
    mov r9, [rsi + K_MULTIPLIER]
    mov rcx, r9
    shr rcx, 32
    and rcx, 0x7f
    shl rax, rcx
    shl r9, 32
    shr r9, 32
    mul r9
    shl rdx, 32
    shr rax, 32
    or rax, rdx
    add rax, [rsi + K_TIME]
    cmp r8, [rsi]
    jne read_clock_kvm
    ret
read_clock_hyperv:
    mov rsi, CLOCK_PAGE
    mov r8, [rsi]
    rdtsc
    shl rdx, 32
    or rax, rdx
    mul qword [rsi + H_SCALE]
    add rdx, [rsi + H_OFFSET]
    mov rax, HYPERV_UNIT
    imul rax, rdx
    cmp r8, [rsi]
    jne read_clock_hyperv
    ret

read_clock:                             ; the hypervisor's clock, or 0
    .quad 0
.endif
