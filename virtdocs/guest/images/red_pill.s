; red_pill: what can a kernel and a program see of the machine below them? Each probe leaves one
; word; on bare hardware the words are the expected ones. The words of the second half are the same
; probes in user mode. One op is one round of all probes.
main:
    mov r12, OPS
probe_again:
    mov rdi, result
    call probe
.if PV
.else
    pushf                               ; with interrupts closed: does the flag say so?
    pop rax
    and rax, IF
    mov [result + 8 * 11], rax
    sti
    pushf
    cli
    pop rax
    and rax, IF
    mov [result + 8 * 12], rax
.endif
    dec r12
    jne probe_again
    mov rdi, look_around
    xor rsi, rsi
    call create_process
    inc qword [running_programs]
    jmp idle

    .org USER_TEXT
.if PV32
.equ SYSTEM_CALL_VECTOR, 0x80
.endif
look_around:
    mov rdi, result + 8 * 16
    call probe
    mov rdi, 0
    mov rax, SYS_EXIT
.if PV32
    int SYSTEM_CALL_VECTOR
.else
    syscall
.endif

; Fill the words at rdi. Works at any privilege; nothing here is privileged.
probe:
    mov rax, cs
    mov [rdi], rax                      ; 0: the selector of cs, with the privilege level
    push cs
    pop rax
    mov [rdi + 8], rax                  ; 1: the same, pushed
    mov rax, ss
    mov [rdi + 16], rax                 ; 2
    sgdt [rdi + 8 * 13]
    mov rax, [rdi + 8 * 14]
    mov [rdi + 24], rax                 ; 3: where the descriptor table is
    sidt [rdi + 8 * 13]
    mov rax, [rdi + 8 * 14]
    mov [rdi + 32], rax                 ; 4: where the interrupt table is
    mov qword [rdi + 8 * 13], 0
    mov qword [rdi + 8 * 14], 0
    smsw rax
    mov [rdi + 40], rax                 ; 5: control register 0
    str rax
    mov [rdi + 48], rax                 ; 6: the task register
    sldt rax
    mov [rdi + 56], rax                 ; 7
    mov rax, 1
    cpuid
    shr rcx, 31
    mov [rdi + 64], rcx                 ; 8: the hypervisor bit
    mov rax, 0x40000000
    cpuid
    mov [rdi + 72], rbx                 ; 9: the first letters of the hypervisor's name
    rdtsc
    mov r8, rax
    mov rax, 0
    cpuid
    rdtsc
    sub rax, r8
    mov [rdi + 80], rax                 ; 10: how long a cpuid takes
    ret

    .align 64
result:
    .zero 8 * 32
    .result result, 8 * 32
