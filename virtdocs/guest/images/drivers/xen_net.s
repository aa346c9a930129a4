; netfront (Xen's public/io/netif.h): a ring to send by and one to receive by; each slot's page is
; granted once and for all. Two slots share a page, so the send ring says where in it a frame is.
.equ SEND_RING, DEVICE_MEMORY
.equ RECEIVE_RING, DEVICE_MEMORY + PAGE
.equ TX_ENTRY, 12
.equ RX_ENTRY, 8
.equ NET_ENTRIES, 256
.equ SEND_GRANTS, 8             ; the first reference of each kind
.equ RECEIVE_GRANTS, 64
.equ RECEIVE_PAGES, DEVICE_MEMORY + 0x20000

driver_start:
    push rbx
    mov rdi, SEND_RING
    mov rsi, 1
    mov qword [STORE_RING], 1
    call new_ring
    mov rdi, RECEIVE_RING
    mov rsi, 2
    mov qword [STORE_SECOND_RING], 2
    call new_ring
    xor rbx, rbx
net_grant:
    mov rsi, rbx
    imul rsi, SLOT_BYTES
    add rsi, SEND_SLOTS
    lea rdi, [rbx + SEND_GRANTS]
    call grant
    mov rsi, rbx
    shl rsi, 12
    add rsi, RECEIVE_PAGES
    lea rdi, [rbx + RECEIVE_GRANTS]
    call grant
    mov rdi, rbx
    call net_post
    inc rbx
    cmp rbx, SLOTS
    jne net_grant
    mov rax, [net_posted]               ; shown before the back end connects: no event for them
    mov dword [RECEIVE_RING + R_PRODUCED], rax
    pop rbx
    ret

; Post the page of slot rdi to receive into.
net_post:
    mov rax, [net_posted]
    inc qword [net_posted]
    and rax, NET_ENTRIES - 1
    lea rax, [rax*8 + RECEIVE_RING + RING_ENTRIES]
    mov word [rax], rdi
.if INTERNAL
    push rax
    mov rsi, rdi
    shl rsi, 12
    add rsi, RECEIVE_PAGES
    call grant
    pop rax
.else
    add rdi, RECEIVE_GRANTS
.endif
    mov dword [rax + 4], rdi
    ret

driver_transmit:
    mov rax, [net_queued]
    inc qword [net_queued]
    and rax, NET_ENTRIES - 1
    imul rax, TX_ENTRY
    add rax, SEND_RING + RING_ENTRIES
    mov word [rax + 8], rdi
.if INTERNAL
    push rax
    call grant
    pop rax
.else
    add rdi, SEND_GRANTS
.endif
    mov dword [rax], rdi
    and rsi, PAGE - 1
    mov word [rax + 4], rsi
    mov word [rax + 6], 0
    mov word [rax + 10], SIZE
    mov rdi, SEND_RING
    mov rsi, [net_queued]
    jmp push_requests

driver_interrupt:
    push rbx
net_look:
    mov rbx, [net_confirmed]
    mov rax, dword [SEND_RING + R_RESPONDED]
    cmp rax, rbx
    je net_received
    inc qword [net_confirmed]
    call packet_sent
    jmp net_look
net_received:
    mov rbx, [net_taken]
    mov rax, dword [RECEIVE_RING + R_RESPONDED]
    cmp rax, rbx
    je net_all_received
    inc qword [net_taken]
    and rbx, NET_ENTRIES - 1
    mov rbx, word [rbx*8 + RECEIVE_RING + RING_ENTRIES]
    mov rdi, rbx
    shl rdi, 12
    add rdi, RECEIVE_PAGES
    call packet_received
    mov rdi, rbx
    call net_post
    jmp net_received
net_all_received:
    mov rdi, RECEIVE_RING
    mov rsi, [net_posted]
    call push_requests
    mov rax, [net_confirmed]            ; an event at the next answer of either kind
    inc rax
    mov dword [SEND_RING + R_RESPONSE_EVENT], rax
    mov rax, [net_taken]
    inc rax
    mov dword [RECEIVE_RING + R_RESPONSE_EVENT], rax
    mov rax, dword [SEND_RING + R_RESPONDED]
    cmp rax, [net_confirmed]
    jne net_look
    mov rax, dword [RECEIVE_RING + R_RESPONDED]
    cmp rax, [net_taken]
    jne net_look
    pop rbx
    ret

net_queued:
    .quad 0
net_confirmed:
    .quad 0
net_posted:
    .quad 0
net_taken:
    .quad 0
