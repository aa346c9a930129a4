; virtio-net (OASIS virtio 1.2, 5.1), as Linux 6.1 drives it (drivers/net/virtio_net.c).
.equ RECEIVE_QUEUE, VIRTQUEUES
.equ SEND_QUEUE, VIRTQUEUES + V_BYTES
.equ NET_HEADER, 12

driver_start:
    xor rdi, rdi
    call virtio_begin
    call virtio_pair
    push rbx
    xor rbx, rbx
net_fill:                               ; a buffer for each slot, one descriptor each
    mov rax, rbx
    shl rax, 4
    mov rdx, rbx
    imul rdx, SLOT_BYTES
    add rdx, RECEIVE_SLOTS
    mov [rax + RECEIVE_QUEUE], rdx
    mov rdx, D_WRITE << 32 | SLOT_BYTES
    mov [rax + RECEIVE_QUEUE + 8], rdx
    mov rdi, RECEIVE_QUEUE
    mov rsi, rbx
    call virtio_offer
    inc rbx
    cmp rbx, SLOTS
    jne net_fill
    pop rbx
    mov rdi, RECEIVE_QUEUE
    jmp virtio_kick

driver_transmit:
    push rdi
    mov rax, rdi
    shl rax, 4
    sub rsi, NET_HEADER
    mov qword [rsi], 0
    mov dword [rsi + 8], 0
    mov [rax + SEND_QUEUE], rsi
    mov qword [rax + SEND_QUEUE + 8], SIZE + NET_HEADER
    call net_reclaim
    mov rdi, SEND_QUEUE                 ; an interrupt when three quarters of the rest are out
    mov rax, [rdi + V_OFFERED]
    sub rax, [rdi + V_SEEN]
    imul rax, 3
    shr rax, 2
    add rax, [rdi + V_SEEN]
    mov word [rdi + V_USED_EVENT], rax
    pop rsi
    call virtio_offer
    jmp virtio_kick

; Take back the slots of what was sent.
net_reclaim:
    mov rdi, SEND_QUEUE
    call virtio_take
    cmp rax, -1
    je net_quiet
    call packet_sent
    jmp net_reclaim

driver_interrupt:
.if VECTORS
    mov rax, byte [VIRTIO_ISR]
    test rax, rax
    je net_quiet
    call net_sent
.else
    cmp rsi, 1
    je net_sent
    ja net_quiet
.endif
net_received:
    mov rdi, RECEIVE_QUEUE
    call virtio_take
    cmp rax, -1
    je net_none
    push rax
    imul rax, SLOT_BYTES
    lea rdi, [rax + RECEIVE_SLOTS + NET_HEADER]
    call packet_received
    pop rsi
    mov rdi, RECEIVE_QUEUE              ; the buffer goes back
    call virtio_offer
    jmp net_received
net_none:
    mov rdi, RECEIVE_QUEUE
    call virtio_kick
    call virtio_listen
    jne net_received
net_quiet:
    ret
net_sent:
    call net_reclaim
    mov rdi, SEND_QUEUE
    call virtio_listen
    jne net_sent
    ret
