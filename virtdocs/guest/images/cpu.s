; cpu: arithmetic in user mode and nothing else, but for the timer. One op is one step of a
; xorshift generator (Vigna 2016, xorshift64*).
programs:
    .quad compute, 0

    .org USER_TEXT + 0x1000
compute:
    mov rbx, 88172645463325252
    mov r12, 2685821657736338717
    xor r13, r13
    mov rcx, OPS
step:
    mov rax, rbx
    shr rax, 12
    xor rbx, rax
    mov rax, rbx
    shl rax, 25
    xor rbx, rax
    mov rax, rbx
    shr rax, 27
    xor rbx, rax
    mov rax, rbx
    imul rax, r12
    add r13, rax
    dec rcx
    jne step
    mov [result], r13
    mov [result + 8], rbx
    jmp finish

    .align 64
result:
    .zero 16
    .result result, 16
