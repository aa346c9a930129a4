; blkfront (Xen's public/io/blkif.h): a ring of 32 requests, up to 11 pages each, every page granted.
.equ BLK_RING, DEVICE_MEMORY
.equ BLK_ENTRY, 112
.equ BLK_ENTRIES, 32
.equ BLK_SEGMENTS, 11
.equ BLK_FLUSH, 3
.equ BLK_GRANTS, 8              ; the first reference for data; 17 pages a request at most
.equ E_OPERATION, 0
.equ E_COUNT, 1
.equ E_ID, 8
.equ E_SECTOR, 16
.equ E_SEGMENTS, 24

driver_start:
    mov rdi, BLK_RING
    mov rsi, 1
    mov qword [STORE_RING], 1
    jmp new_ring

; Requests of the ring for the request at rdi, whose number is rsi: as many as its pages need.
driver_queue:
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov r12, [rdi + R_BUFFER]
    mov r13, SECTORS
    mov r14, [rdi + R_SECTOR]
    mov r15, rsi
    imul r15, 17
    add r15, BLK_GRANTS
    mov r9, rsi
    mov r10, [rdi + R_OPERATION]
    mov qword [r9*8 + blk_parts], 0
    cmp r10, OP_FLUSH
    jne blk_next_part
    mov r10, BLK_FLUSH
    mov r13, 0
blk_next_part:
    inc qword [r9*8 + blk_parts]
    mov rbx, [blk_queued]
    and rbx, BLK_ENTRIES - 1
    imul rbx, BLK_ENTRY
    add rbx, BLK_RING + RING_ENTRIES
    inc qword [blk_queued]
    mov qword [rbx], 0
    mov byte [rbx + E_OPERATION], r10
    mov [rbx + E_ID], r9
    mov [rbx + E_SECTOR], r14
    xor r8, r8                          ; segments in this part
blk_next_page:
    test r13, r13
    je blk_part_done
    cmp r8, BLK_SEGMENTS
    je blk_part_full
    mov rdi, r15
    mov rsi, r12
    call grant
    mov rdx, r12                        ; first and last sector within the page
    and rdx, PAGE - 1
    shr rdx, 9
    mov rcx, 8
    sub rcx, rdx
    cmp rcx, r13
    jbe blk_page_counted
    mov rcx, r13
blk_page_counted:
    mov dword [rbx + r8*8 + E_SEGMENTS], rdi
    mov byte [rbx + r8*8 + E_SEGMENTS + 4], rdx
    lea rax, [rdx + rcx]
    dec rax
    mov byte [rbx + r8*8 + E_SEGMENTS + 5], rax
    sub r13, rcx
    add r14, rcx
    shl rcx, 9
    add r12, rcx
    inc r15
    inc r8
    jmp blk_next_page
blk_part_full:
    mov byte [rbx + E_COUNT], r8
    jmp blk_next_part
blk_part_done:
    mov byte [rbx + E_COUNT], r8
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    ret

driver_kick:
    mov rdi, BLK_RING
    mov rsi, [blk_queued]
    jmp push_requests

driver_interrupt:
    push rbx
    push r12
blk_responses:
    mov rbx, [blk_answered]
    mov rax, dword [BLK_RING + R_RESPONDED]
    cmp rax, rbx
    je blk_all_answered
    inc qword [blk_answered]
    and rbx, BLK_ENTRIES - 1
    imul rbx, BLK_ENTRY
    mov r12, [rbx + BLK_RING + RING_ENTRIES]
    mov rax, word [rbx + BLK_RING + RING_ENTRIES + 10]
    test rax, rax
    je blk_part_fine
    mov qword [blk_failed], 1
blk_part_fine:
    dec qword [r12*8 + blk_parts]
    jne blk_responses
    mov rdi, r12
    imul rdi, 17
    add rdi, BLK_GRANTS
    lea rbx, [rdi + 17]
blk_take_back:
    call ungrant
    inc rdi
    cmp rdi, rbx
    jne blk_take_back
    mov rdi, [blk_failed]
    mov qword [blk_failed], 0
    call request_done
    jmp blk_responses
blk_all_answered:
    inc rbx
    mov dword [BLK_RING + R_RESPONSE_EVENT], rbx
    dec rbx
    mov rax, dword [BLK_RING + R_RESPONDED]
    cmp rax, rbx
    jne blk_responses
    pop r12
    pop rbx
    ret

blk_queued:
    .quad 0
blk_answered:
    .quad 0
blk_failed:
    .quad 0
blk_parts:
    .zero 8 * DEPTH
