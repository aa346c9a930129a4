; cpuid: a program asks the processor who it is. One op is one cpuid. The result is what it was told
; of leaf 1: bit 31 of ecx says that there is a hypervisor.
programs:
    .quad identify, 0

    .org USER_TEXT + 0x1000
identify:
    mov r12, OPS
identify_again:
    mov rax, 1
    cpuid
    dec r12
    jne identify_again
    mov [result], rax
    mov [result + 8], rcx
    mov [result + 16], rdx
    jmp finish

    .align 64
result:
    .zero 24
    .result result, 24
