; A process's birth and end: fork with copy on write, exit, wait.

; SYS_FORK: a child with the same pages, copied when one of the two writes. -> its number; 0 there.
fork:
    lea rdi, [rsp + 8]                  ; the frame of this system call
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov r15, rdi
    call find_free_process
    test rax, rax
    je fork_refused
    mov rbx, rax
    mov rdi, rax
    call build_space
    mov rax, [rbp + C_CURRENT]
    mov [rbx + P_PARENT], rax
    mov r12, 0
fork_page:
    mov rax, [rbp + C_CURRENT]
    mov rcx, [rax + P_FRAMES]
    mov r13, [rcx + r12*8]
    test r13, r13
    je fork_skip
    mov rsi, r13                        ; read-only for both, until a write
    and rsi, -PAGE
    or rsi, PTE_PRESENT | PTE_USER | PTE_COPY
    mov r14, rsi
    mov [rcx + r12*8], rsi
    cmp rsi, r13
    je fork_child                       ; it was already shared
    mov rdi, [rax + P_LEAF]
    lea rdi, [rdi + r12*8]
    call set_entry
fork_child:
    mov rcx, [rbx + P_FRAMES]
    mov [rcx + r12*8], r14
    mov rdi, [rbx + P_LEAF]
    lea rdi, [rdi + r12*8]
    mov rsi, r14
    call set_entry
    shr r14, 12
    inc byte [r14 + REFERENCES]
fork_skip:
    inc r12
    cmp r12, USER_PAGES
    jne fork_page
.if PV
    call flush_entries
    call forget_translations
.else
    mov rax, cr3                        ; the parent's pages lost their W bit: forget all of them
    mov cr3, rax
.endif
    lea rdi, [rbx + PROCESS_BYTES - F_BYTES]
    mov rcx, F_BYTES
copy_frame_words:
    sub rcx, 8
    mov rax, [r15 + rcx]
    mov [rdi + rcx], rax
    test rcx, rcx
    jne copy_frame_words
    mov qword [rdi + F_RAX], 0
    mov rsi, rbx
    call prepare_switch
    mov qword [rbx + P_STATE], RUNNABLE
    mov rax, [rbx + P_NUMBER]
    jmp fork_done
fork_refused:
    mov rax, -1
fork_done:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    ret

; SYS_EXIT(code): the process ends; its parent may ask for the code.
end_process:
.if PV
    mov rax, [rbp + C_EVENTS]
    mov qword [rax + S_MASK], 1
.else
    cli
.endif
    mov rbx, [rbp + C_CURRENT]
    mov [rbx + P_EXIT], rdi
    call release_space
    mov rax, [rbx + P_PARENT]
    test rax, rax
    je end_program
    mov qword [rbx + P_STATE], ENDED
    cmp qword [rax + P_STATE], WAITING
    jne end_switch
    mov qword [rax + P_STATE], RUNNABLE
    jmp end_switch
end_program:
    mov qword [rbx + P_STATE], FREE
    dec qword [running_programs]
    mov rax, [rbx + P_EXIT]
    or [exit_code], rax
end_switch:
    call schedule                       ; never comes back

; SYS_WAIT: sleep until a child has ended. -> its exit code, or -1 without children.
wait_child:
.if PV
    mov rax, [rbp + C_EVENTS]
    mov qword [rax + S_MASK], 1
.else
    cli
.endif
    mov rdx, [rbp + C_CURRENT]
wait_look:
    mov rax, -1
    mov rdi, PROCESSES + PROCESS_BYTES
wait_next:
    cmp qword [rdi + P_STATE], FREE
    je wait_not
    cmp [rdi + P_PARENT], rdx
    jne wait_not
    xor rax, rax
    cmp qword [rdi + P_STATE], ENDED
    je wait_ended
wait_not:
    add rdi, PROCESS_BYTES
    cmp rdi, PROCESSES_END
    jne wait_next
    test rax, rax
    jne wait_done
    mov qword [rdx + P_STATE], WAITING
    push rdx
    call schedule
    pop rdx
    jmp wait_look
wait_ended:
    mov qword [rdi + P_STATE], FREE
    mov rax, [rdi + P_EXIT]
wait_done:
    ret
