; Demand paging, copy on write, and the system calls that change pages.

; A page fault: give a fresh page, or a writable one; anything else ends the program.
page_fault:
    push rbx
    push r12
    push r13
    push r14
    mov rbx, rdi
.if PV
    mov rax, [rbp + C_EVENTS]
    mov r12, [rax + S_CR2]
.else
    mov r12, cr2
.endif
    test qword [rbx + F_RFLAGS], IF
    je page_fault_closed
.if PV
    call open_events
.else
    sti                                 ; the address is safe: interrupts may come if they could
.endif
page_fault_closed:
    sub r12, USER_BASE
    shr r12, 12
    cmp r12, USER_PAGES
    jae page_fault_fatal
    mov rax, [rbp + C_CURRENT]
    mov rax, [rax + P_FRAMES]
    mov r13, [rax + r12*8]              ; what the process has there
    test r13, r13
    jne page_fault_present
    call allocate_frame
    mov r13, rax
    mov rdi, rax
    call zero_frame
    mov rdi, r12
    lea rsi, [r13 + PTE_TABLE]
    call map_page
    jmp page_fault_done
page_fault_present:
    test qword [rbx + F_ERROR], 2       ; a write
    je page_fault_fatal
    test r13, PTE_COPY
    je page_fault_fatal
    and r13, -PAGE
    mov rcx, r13
    shr rcx, 12
    cmp byte [rcx + REFERENCES], 1
    je page_fault_reuse                 ; nobody else has it any more
    call allocate_frame
    mov r14, rax
    mov rdi, rax
    mov rsi, r13
    call copy_frame
    mov rdi, r12
    lea rsi, [r14 + PTE_TABLE]
    call change_page
    mov rdi, r13
    call release_frame
    jmp page_fault_done
page_fault_reuse:
    mov rdi, r12
    lea rsi, [r13 + PTE_TABLE]
    call change_page
page_fault_done:
    pop r14
    pop r13
    pop r12
    pop rbx
    ret
page_fault_fatal:
    mov rdi, rbx
    mov rsi, 14
    pop r14
    pop r13
    pop r12
    pop rbx
    jmp fatal_fault

; SYS_UNMAP(first page, count): give pages back.
unmap:
    mov rdx, 0
    jmp change_pages
; SYS_PROTECT(first page, count): make pages read-only until the next write.
protect:
    mov rdx, 1
change_pages:
    push rbx
    push r12
    push r13
    push r14
    mov rbx, rdi
    lea r12, [rdi + rsi]
    mov r14, rdx
    cmp rsi, USER_PAGES
    ja change_refused
    cmp r12, USER_PAGES
    ja change_refused
change_next:
    cmp rbx, r12
    jae change_done
    mov rax, [rbp + C_CURRENT]
    mov rax, [rax + P_FRAMES]
    mov r13, [rax + rbx*8]
    test r13, r13
    je change_skip
    mov rsi, 0
    test r14, r14
    je change_entry
    mov rsi, r13
    and rsi, -PAGE
    or rsi, PTE_PRESENT | PTE_USER | PTE_COPY
change_entry:
    mov rdi, rbx
.if PV
    mov [rax + rbx*8], rsi              ; the record; the entry goes into the queue
    mov rcx, [rbp + C_CURRENT]
    mov rcx, [rcx + P_LEAF]
    lea rdi, [rcx + rbx*8]
    call set_entry
.else
    call change_page
.endif
    test r14, r14
    jne change_skip
    mov rdi, r13
    and rdi, -PAGE
    call release_frame
change_skip:
    inc rbx
    jmp change_next
change_refused:
    mov rax, -1
    jmp change_return
change_done:
.if PV
    call flush_entries
    call forget_translations
.endif
    xor rax, rax
change_return:
    pop r14
    pop r13
    pop r12
    pop rbx
    ret
