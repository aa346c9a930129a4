; escape: a guest that tries, once, to reach what is not its own. A native kernel writes its own page
; tables and cr3; a PV kernel has to ask. Exit code 1: the try was refused.
    .org 0x100000
start:
.if MAP
.if PV
    mov rdi, WINDOW
    mov rsi, (FRAME << 12) + 7          ; present, writable, for everybody
    mov rdx, 2
    call hypercall_page + 64 * 14       ; update_va_mapping
    test rax, rax
    jne refused
.else
    mov rax, (FRAME << 12) + 7
    mov [TABLES + 8 * (WINDOW >> 12)], rax
    invlpg [WINDOW]
.endif
.if WRITE
    mov [WINDOW], 1
.else
    mov rax, [WINDOW]
.endif
.endif

.if ROOT
.if PV
    mov [WINDOW], 5                     ; new_baseptr
    mov [WINDOW + 8], FRAME
    mov rdi, WINDOW
    mov rsi, 1
    call hypercall_page + 64 * 26       ; mmuext_op
    test rax, rax
    jne refused
.else
    mov rax, FRAME << 12
    mov cr3, rax
.endif
    mov rax, [WINDOW]
.endif

.if REGION                              ; where a monitor that shares the address space lies
    mov rbx, REGION_BASE
    mov rax, [rbx]
.endif

.if PORT                                ; the host's reset register
    mov rdx, 0xcf9
    mov rax, 6
    out dx, al
.endif

done:
    mov rsi, 0
    jmp finish
refused:
    mov rsi, 1
finish:
.if PV
    mov rdi, 2
    call hypercall_page + 64 * 29       ; sched_op: shutdown
.else
    mov rax, rsi
    out 0xf4, al
.endif

.if PV
    .align 4096
hypercall_page:
    .zero 4096
.endif
