; page_fault: a program touches pages that it does not have yet. One op is one page fault, answered
; with a cleared page; after PAGES of them it gives all back in one call.
programs:
    .quad fault_pages, 0

    .org USER_TEXT + 0x1000
fault_pages:
    xor r13, r13
    mov r12, OPS
fault_pass:
    xor r14, r14
    mov rdi, USER_BASE
fault_page:
    add r13, [rdi]                      ; the page fault; a fresh page reads zero
    mov [rdi], r12
    add r13, [rdi]
    add rdi, PAGE
    inc r14
    dec r12
    je fault_pass_done
    cmp r14, PAGES
    jne fault_page
fault_pass_done:
    mov rdi, 0
    mov rsi, r14
    mov rax, SYS_UNMAP
    call system_call
    test r12, r12
    jne fault_pass
    mov [result], r13
    jmp finish

    .align 64
result:
    .zero 8
    .result result, 8
