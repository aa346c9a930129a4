; single: a kernel's privileged operations, each between two labels, each done three times. The
; third is the one that is shown: tables are filled and translations made, as in a running system.
main:
    mov r14, 3
again:

.if PV
    mov rax, [rbp + C_EVENTS]
cli:
    mov qword [rax + S_MASK], 1
cli_end:
pushf:
    mov r12, [rax + S_MASK]
pushf_end:
popf:
    mov [rax + S_MASK], r12
popf_end:
.else
cli:
    cli
cli_end:
pushf:
    pushf
pushf_end:
popf:
    popf
popf_end:
.endif

.if XEN
    mov rdi, 0
    mov rsi, 1
    mov rdx, letter
out:
    call HC_CONSOLE_IO
out_end:
.else
    mov rax, 'v'
out:
    out CONSOLE, al
out_end:
.endif

.if XEN
    mov rdi, 1 << 40
wrmsr:
    call HC_SET_TIMER
wrmsr_end:
.else
    mov rcx, MSR_TIMER_COUNT
    mov rax, 1 << 20
    mov rdx, 0
wrmsr:
    wrmsr
wrmsr_end:
.endif

.if PV
    mov rax, [boot_root]
    mov qword [operation], MMUEXT_NEW_ROOT
    mov [operation + 8], rax
    mov rdi, operation
    mov rsi, 1
    mov rdx, 0
    mov r10, DOMID_SELF
mov_cr3:
    call HC_MMUEXT
mov_cr3_end:
    mov qword [operation], 7            ; invlpg_local
    mov qword [operation + 8], TARGET
    mov rdi, operation
    mov rsi, 1
invlpg:
    call HC_MMUEXT
invlpg_end:
.else
    mov rax, [boot_root]
mov_cr3:
    mov cr3, rax
mov_cr3_end:
invlpg:
    invlpg [TARGET]
invlpg_end:
.endif

; Map the page TARGET read-only or writable, by turns.
.if PV
    mov rdi, TARGET
    call machine_frame
    mov rsi, rax
    shl rsi, 12
    mov rcx, r14
    and rcx, 1
    lea rsi, [rsi + rcx * 2 + PTE_PRESENT + PTE_USER]
    mov rdi, TARGET
    mov rdx, UVMF_INVLPG
pte_write:
    call HC_UPDATE_VA_MAPPING
pte_write_end:
.else
    mov rdi, [directory]
    mov rdi, [rdi + (TARGET >> 21) * 8]
    and rdi, -PAGE
    mov rcx, r14
    and rcx, 1
    lea rsi, [rcx * 2 + TARGET + PTE_PRESENT + PTE_USER]
    mov rcx, [TARGET]                   ; the table is in use
pte_write:
    mov [rdi + (TARGET >> 12 & 511) * 8], rsi
pte_write_end:
    invlpg [TARGET]
.endif

cpuid:
    cpuid
cpuid_end:
sgdt:
    sgdt [operation]
sgdt_end:

    dec r14
    jne again
    jmp shutdown

.equ TARGET, 0x900000
.if XEN
letter:
    .ascii "v"
.endif
    .align 8
operation:
    .quad 0, 0, 0
