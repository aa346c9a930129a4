; virtio-blk (OASIS virtio 1.2, 5.2). Each request has a descriptor of its own, which points to an
; indirect table: header, data, status.
.equ F_FLUSH, 1 << 9
.equ BLK_IN, 0
.equ BLK_OUT, 1
.equ BLK_FLUSH, 4
.equ B_HEADER, 0                ; 16 bytes: type, sector
.equ B_STATUS, 16
.equ B_TABLE, 32                ; three descriptors
.equ B_BYTES, 128
.equ BLK_REQUESTS, VIRTQUEUES + V_BYTES

driver_start:
    mov rdi, F_FLUSH
    call virtio_begin
    xor rdi, rdi
    mov rsi, DEVICE_VECTOR
    call virtio_queue
    jmp virtio_ready

driver_queue:
    push rbx
    mov rbx, rsi
    imul rbx, B_BYTES
    add rbx, BLK_REQUESTS
    mov rax, [rdi + R_SECTOR]
    mov [rbx + B_HEADER + 8], rax
    mov byte [rbx + B_STATUS], 0xff
    lea rax, [rbx + B_HEADER]
    mov [rbx + B_TABLE], rax
    mov rax, 1 << 48 | D_NEXT << 32 | 16
    mov [rbx + B_TABLE + 8], rax
    lea rcx, [rbx + B_STATUS]
    mov rax, [rdi + R_OPERATION]
    cmp rax, OP_FLUSH
    je blk_flush
    mov [rbx + B_HEADER], rax           ; 0 reads, 1 writes, as here
    mov rdx, [rdi + R_BUFFER]
    mov [rbx + B_TABLE + 16], rdx
    mov rdx, 2 << 48 | D_NEXT << 32 | SIZE
    cmp rax, OP_READ
    jne blk_data
    mov rdx, 2 << 48 | (D_NEXT | D_WRITE) << 32 | SIZE
blk_data:
    mov [rbx + B_TABLE + 24], rdx
    mov [rbx + B_TABLE + 32], rcx
    mov rdx, D_WRITE << 32 | 1
    mov [rbx + B_TABLE + 40], rdx
    mov rdx, D_INDIRECT << 32 | 48
    jmp blk_offer
blk_flush:
    mov qword [rbx + B_HEADER], BLK_FLUSH
    mov [rbx + B_TABLE + 16], rcx
    mov rdx, D_WRITE << 32 | 1
    mov [rbx + B_TABLE + 24], rdx
    mov rdx, D_INDIRECT << 32 | 32
blk_offer:
    mov rax, rsi
    shl rax, 4
    lea rcx, [rbx + B_TABLE]
    mov [rax + VIRTQUEUES], rcx
    mov [rax + VIRTQUEUES + 8], rdx
    mov rdi, VIRTQUEUES
    pop rbx
    jmp virtio_offer

driver_kick:
    cmp qword [blk_stopped], 0
    jne requests_lost
    mov rdi, VIRTQUEUES
    jmp virtio_kick

driver_interrupt:
.if VECTORS
    mov rax, byte [VIRTIO_ISR]          ; a line: this says whether it was us, and drops the line
    test rax, ISR_CONFIG
    jne blk_changed
    test rax, rax
    je blk_not_ours
.else
    cmp rsi, CONFIG_MESSAGE
    je blk_changed
.endif
blk_completed:
    mov rdi, VIRTQUEUES
    call virtio_take
    cmp rax, -1
    je blk_none
    imul rax, B_BYTES
    mov rdi, byte [rax + BLK_REQUESTS + B_STATUS]
    test rdi, rdi
    je blk_succeeded
    mov rdi, 1
blk_succeeded:
    call request_done
    jmp blk_completed
blk_none:
    mov rdi, VIRTQUEUES
    call virtio_listen
    jne blk_completed
blk_not_ours:
    ret

; The device has changed: if it has stopped, nothing that is outstanding will ever come back.
blk_changed:
    call virtio_broken
    je blk_not_ours
    mov qword [blk_stopped], 1
    jmp requests_lost

blk_stopped:
    .quad 0
