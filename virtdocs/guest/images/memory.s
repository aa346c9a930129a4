; memory: two programs touch fresh pages (a page fault, a cleared frame and a page-table write
; each), use them, give them back (a page-table write and invlpg each), and take turns (cr3).
; One op is one page; a pass is PAGES pages, then the other program's turn.
programs:
    .quad touch, touch, 0

    .org USER_TEXT + 0x1000
touch:
    lea r15, [result + rdi*8]           ; rdi: 0 for one program, 1 for the other
    lea rbx, [rdi + 0x1e3779b9]
    xor r13, r13
    mov r12, (OPS + 1) / 2              ; pages still to touch
pass:
    mov r14, 0                          ; page in this pass
page:
    mov rax, r14
    shl rax, 12
    lea rdi, [rax + USER_BASE]
    mov rax, rbx                        ; a random number, and a place in the page from it
    shl rax, 13
    xor rbx, rax
    mov rax, rbx
    shr rax, 7
    xor rbx, rax
    mov rax, rbx
    shl rax, 17
    xor rbx, rax
    mov rcx, rbx
    and rcx, 0x7f8
    add rdi, rcx
    mov [rdi], rbx                      ; the page fault
    mov rcx, 8
use:
    add r13, [rdi]
    add [rdi + 8], r13
    add rdi, 16
    dec rcx
    jne use
    inc r14
    dec r12
    je pass_done
    cmp r14, PAGES
    jne page
pass_done:
    mov rdi, 0
    mov rsi, r14
    mov rax, SYS_UNMAP
    call system_call
    mov rax, SYS_YIELD
    call system_call
    test r12, r12
    jne pass
    mov [r15], r13
    jmp finish

    .align 64
result:
    .zero 16
    .result result, 16
