; pte_churn: pages lose the right to be written, are written, and get it back. One op is one page:
; two page-table writes with invlpg and one page fault. PAGES pages are protected in one call.
programs:
    .quad churn, 0

    .org USER_TEXT + 0x1000
churn:
    mov r12, OPS
churn_pass:
    mov rdi, 0
    mov rsi, PAGES
    mov rax, SYS_PROTECT                ; the first time there is nothing to protect
    call system_call
    xor r14, r14
    mov rdi, USER_BASE
churn_page:
    inc qword [rdi]                     ; the page fault
    add rdi, PAGE
    inc r14
    dec r12
    je churn_done
    cmp r14, PAGES
    jne churn_page
    jmp churn_pass
churn_done:
    xor r13, r13
    mov rdi, USER_BASE
    mov rcx, PAGES
churn_sum:
    add r13, [rdi]
    add rdi, PAGE
    dec rcx
    jne churn_sum
    mov [result], r13
    jmp finish

    .align 64
result:
    .zero 8
    .result result, 8
