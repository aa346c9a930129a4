; tlb_miss: a program walks over more pages than the TLB holds. One op is one page: one miss.
programs:
    .quad walk_pages, 0

.equ WALKED, 0xa00000                   ; memory that the program has from the start

    .org USER_TEXT + 0x1000
walk_pages:
    xor r13, r13
    mov r12, OPS
walk_pass:
    mov rdi, WALKED
    mov r14, WALKED + PAGES * PAGE
walk_page:
    mov rax, [rdi]
    add r13, rax
    add rax, r12
    mov [rdi], rax
    dec r12
    je walk_done
    add rdi, PAGE
    cmp rdi, r14
    jne walk_page
    jmp walk_pass
walk_done:
    mov [result], r13
    jmp finish

    .align 64
result:
    .zero 8
    .result result, 8
