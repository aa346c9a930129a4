; fork: a program makes a child, which writes to one of the PAGES pages that they share until then,
; and ends; the parent waits for it and writes to the same page. One op is one child.
programs:
    .quad fork_children, 0

    .org USER_TEXT + 0x1000
fork_children:
    mov rdi, USER_BASE
    mov rcx, PAGES
fork_touch:
    mov [rdi], rcx
    add rdi, PAGE
    dec rcx
    jne fork_touch
    xor r13, r13
    xor r14, r14                        ; the page that both write
    mov r12, OPS
fork_child_again:
    mov rax, r14
    shl rax, 12
    lea rbx, [rax + USER_BASE]
    mov rax, SYS_FORK
    call system_call
    test rax, rax
    je fork_in_child
    mov rax, SYS_WAIT
    call system_call
    add r13, rax                        ; the child's exit code: what it saw
    inc qword [rbx]
    inc r14
    cmp r14, PAGES
    jne fork_same
    xor r14, r14
fork_same:
    dec r12
    jne fork_child_again
    mov rdi, USER_BASE
    mov rcx, PAGES
fork_sum:
    add r13, [rdi]
    add rdi, PAGE
    dec rcx
    jne fork_sum
    mov [result], r13
    jmp finish
fork_in_child:
    add qword [rbx], 1000               ; the parent must never see this
    mov rdi, [rbx]
    mov rax, SYS_EXIT
    call system_call

    .align 64
result:
    .zero 8
    .result result, 8
