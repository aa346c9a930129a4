; Frames and page-table entries.

; -> rax: a frame, mapped once. Its content is what was there before.
allocate_frame:
    mov rax, [free_frames]
    test rax, rax
    je allocate_fresh
    mov rcx, [rax]                      ; free frames are chained through their first word
    mov [free_frames], rcx
    jmp allocated
allocate_fresh:
    mov rax, [next_frame]
    cmp rax, FRAMES_END
    jae out_of_memory
    lea rcx, [rax + PAGE]
    mov [next_frame], rcx
allocated:
    mov rcx, rax
    shr rcx, 12
    mov byte [rcx + REFERENCES], 1
    ret
out_of_memory:
    mov rsi, 62
    jmp panic

; One entry less maps the frame rdi; the last one frees it.
release_frame:
    mov rcx, rdi
    shr rcx, 12
    dec byte [rcx + REFERENCES]
    jne still_mapped
    mov rax, [free_frames]
    mov [rdi], rax
    mov [free_frames], rdi
still_mapped:
    ret

; Clear the page at rdi.
zero_frame:
    xor rax, rax
    lea rcx, [rdi + PAGE]
zero_more:
    mov [rdi], rax
    mov [rdi + 8], rax
    mov [rdi + 16], rax
    mov [rdi + 24], rax
    mov [rdi + 32], rax
    mov [rdi + 40], rax
    mov [rdi + 48], rax
    mov [rdi + 56], rax
    mov [rdi + 64], rax
    mov [rdi + 72], rax
    mov [rdi + 80], rax
    mov [rdi + 88], rax
    mov [rdi + 96], rax
    mov [rdi + 104], rax
    mov [rdi + 112], rax
    mov [rdi + 120], rax
    add rdi, 128
    cmp rdi, rcx
    jne zero_more
    ret

; Copy the page at rsi to rdi.
copy_frame:
    lea rcx, [rdi + PAGE]
copy_more:
    mov rax, [rsi]
    mov rdx, [rsi + 8]
    mov r8, [rsi + 16]
    mov r9, [rsi + 24]
    mov [rdi], rax
    mov [rdi + 8], rdx
    mov [rdi + 16], r8
    mov [rdi + 24], r9
    add rsi, 32
    add rdi, 32
    cmp rdi, rcx
    jne copy_more
    ret

.if XEN
; What the hypervisor refuses is a mistake of this kernel.
check_hypercall:
    test rax, rax
    jne hypercall_refused
    ret
hypercall_refused:
    mov rsi, 61
    jmp panic
.endif

; Page-table entries. The kernel keeps its own record of each user page (P_FRAMES) and never
; reads an entry: under a PV hypervisor entries hold machine frames, which mean nothing to it.

; The entry at rdi becomes rsi. Other address spaces only: nothing is dropped from the TLB.
set_entry:
.if PV
    mov rdx, [machine_frames]
    mov rcx, [queued_entries]
    shl rcx, 4
    mov rax, rdi
    shr rax, 12
    mov rax, [rdx + rax*8]
    shl rax, 12
    and rdi, PAGE - 1
    or rax, rdi
    mov [rcx + QUEUE], rax
    mov rdi, rsi
    call machine_entry
    mov rcx, [queued_entries]
    shl rcx, 4
    mov [rcx + QUEUE + 8], rax
    inc qword [queued_entries]
    cmp qword [queued_entries], QUEUE_LENGTH
    je flush_entries
    ret

; Hand the queued updates to the hypervisor in one call.
flush_entries:
    mov rdi, QUEUE
    mov rsi, [queued_entries]
    test rsi, rsi
    je nothing_queued
    mov qword [queued_entries], 0
    mov rdx, queue_done
    mov r10, DOMID_SELF
    call HC_MMU_UPDATE
    jmp check_hypercall
nothing_queued:
    ret

; Drop this processor's translations of user pages.
forget_translations:
    mov rdi, MMUEXT_FLUSH
    mov rsi, 0
    jmp extended_operation

; rdi, an entry with a frame of ours, -> rax, the same with the machine's frame.
machine_entry:
    mov rax, rdi
    test rax, PTE_PRESENT
    je machine_entry_done
    mov rcx, [machine_frames]
    shr rax, 12
    mov rax, [rcx + rax*8]
    shl rax, 12
    and rdi, PAGE - 1
    or rax, rdi
machine_entry_done:
    ret
.else
    mov [rdi], rsi
    ret
.endif

; Page rdi of the running process, which had none, becomes rsi, a frame and flags. Nothing can be
; cached for it: the TLB keeps no absent pages (SDM vol. 3A §4.10.2.3).
map_page:
    mov rcx, [rbp + C_CURRENT]
    mov rdx, [rcx + P_FRAMES]
    mov [rdx + rdi*8], rsi
.if PV
    mov rdx, 0
    jmp update_mapping
.else
    mov rdx, [rcx + P_LEAF]
    mov [rdx + rdi*8], rsi
    ret
.endif

; Page rdi of the running process, which had one, becomes rsi, or nothing: the TLB forgets it.
change_page:
    mov rcx, [rbp + C_CURRENT]
    mov rdx, [rcx + P_FRAMES]
    mov [rdx + rdi*8], rsi
.if PV
    mov rdx, UVMF_INVLPG
update_mapping:
    shl rdi, 12
    add rdi, USER_BASE
    push rdi
    mov rdi, rsi
    call machine_entry
    mov rsi, rax
    pop rdi
    call HC_UPDATE_VA_MAPPING
    jmp check_hypercall
.else
    mov rdx, [rcx + P_LEAF]
    mov [rdx + rdi*8], rsi
    shl rdi, 12
    invlpg [rdi + USER_BASE]
    ret
.endif

free_frames:
    .quad 0
next_frame:
    .quad FRAMES_START
.if PV
queued_entries:
    .quad 0
queue_done:
    .quad 0
.endif
