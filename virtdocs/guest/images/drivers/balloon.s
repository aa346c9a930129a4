; What every balloon driver does: take frames from the kernel's allocator towards the size that the
; host wants, or give them back to it, a batch at a time. The kernel chains free frames through their
; first word, so a frame that comes back is touched at once.
; A balloon's driver has the labels driver_target (-> rax: pages that the host wants), driver_give and
; driver_take (rdi pages, whose numbers are at BALLOON_LIST; -> rax: 0, or the device refused),
; driver_report (the size is in balloon_size), driver_rest (until there may be another target),
; and BALLOON_BATCH.
.equ BALLOON_LIST, 0x2a0000     ; page numbers of a batch, a word each
.equ BALLOON_INSIDE, 0x2a2000   ; page numbers of all that is in the balloon

; SYS_DRIVER(pages): until so many were moved. -> how many were; fewer when the device refused.
driver_call:
    push rbx
    push r12
    push r13
    push r14
    mov r12, rdi
    call close_interrupts
balloon_next:
    cmp [balloon_moved], r12
    jae balloon_done
    cmp qword [balloon_due], 0
    jne balloon_work
    call driver_rest
    call close_interrupts
    jmp balloon_next
balloon_work:
    mov qword [balloon_due], 0
    call driver_target
    mov r13, rax
    sub r13, [balloon_size]
    je balloon_next
    js balloon_deflate
    mov rbx, BALLOON_BATCH
    cmp rbx, r13
    jbe balloon_fill
    mov rbx, r13
balloon_fill:
    sub r13, rbx
    xor r14, r14
balloon_fill_next:
    call allocate_frame
    shr rax, 12
    mov [r14*8 + BALLOON_LIST], rax
    mov rcx, [balloon_size]
    add rcx, r14
    mov [rcx*8 + BALLOON_INSIDE], rax
    inc r14
    cmp r14, rbx
    jne balloon_fill_next
    mov rdi, rbx
    call driver_give
    test rax, rax
    jne balloon_done
    add [balloon_size], rbx
    jmp balloon_moved_batch
balloon_deflate:
    neg r13
    mov rbx, BALLOON_BATCH
    cmp rbx, r13
    jbe balloon_leak
    mov rbx, r13
balloon_leak:
    sub r13, rbx
    xor r14, r14
    sub [balloon_size], rbx
balloon_leak_next:
    mov rcx, [balloon_size]
    add rcx, r14
    mov rax, [rcx*8 + BALLOON_INSIDE]
    mov [r14*8 + BALLOON_LIST], rax
    inc r14
    cmp r14, rbx
    jne balloon_leak_next
    mov rdi, rbx
    call driver_take
    test rax, rax
    jne balloon_done
    xor r14, r14
balloon_free_next:
    mov rcx, [balloon_size]
    add rcx, r14
    mov rdi, [rcx*8 + BALLOON_INSIDE]
    shl rdi, 12
    call release_frame
    inc r14
    cmp r14, rbx
    jne balloon_free_next
balloon_moved_batch:
    add [balloon_moved], rbx
    call driver_report
    test r13, r13
    je balloon_next
    mov qword [balloon_due], 1          ; not there yet
    jmp balloon_next
balloon_done:
    mov rax, [balloon_moved]
    pop r14
    pop r13
    pop r12
    pop rbx
    ret

balloon_due:                            ; there may be something to do
    .quad 1
balloon_size:
    .quad 0
balloon_moved:
    .quad 0
