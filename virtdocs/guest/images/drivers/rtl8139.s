; RTL8139C+, as Linux 6.1 drives it (drivers/net/ethernet/realtek/8139cp.c).
.equ RTL_TX_RING, DEVICE + 0x20
.equ RTL_COMMAND, DEVICE + 0x37
.equ RTL_MASK, DEVICE + 0x3c
.equ RTL_STATUS, DEVICE + 0x3e
.equ RTL_POLL, DEVICE + 0xd9
.equ RTL_RX_RING, DEVICE + 0xe4
.equ RTL_RECEIVED, 0x53         ; the causes of the receiver
.equ RTL_SENT, 0x8c             ; those of the transmitter
.equ RTL_OWN, 1 << 31
.equ RTL_END, 1 << 30
.equ RTL_WHOLE, 3 << 28         ; first and last part of a frame
.equ SEND_RING, DEVICE_MEMORY
.equ RECEIVE_RING, DEVICE_MEMORY + PAGE

driver_start:
    push rbx
    xor rbx, rbx
rtl_fill:
    mov rdx, rbx
    imul rdx, SLOT_BYTES
    add rdx, RECEIVE_SLOTS
    mov rax, rbx
    shl rax, 4
    mov [rax + RECEIVE_RING + 8], rdx
    mov rdi, rbx
    call rtl_post
    inc rbx
    cmp rbx, SLOTS
    jne rtl_fill
    pop rbx
    mov dword [RTL_TX_RING], SEND_RING
    mov dword [RTL_RX_RING], RECEIVE_RING
    mov byte [RTL_COMMAND], 12
    mov word [RTL_MASK], RTL_RECEIVED | RTL_SENT
    ret

; Give the receive descriptor rdi to the device.
rtl_post:
    mov rcx, RTL_OWN | SLOT_BYTES
    cmp rdi, SLOTS - 1
    jne rtl_not_last
    mov rcx, RTL_OWN | RTL_END | SLOT_BYTES
rtl_not_last:
    mov rax, rdi
    shl rax, 4
    mov [rax + RECEIVE_RING], rcx
    ret

driver_transmit:
    mov rax, rdi
    shl rax, 4
    mov [rax + SEND_RING + 8], rsi
    mov rcx, RTL_OWN | RTL_WHOLE | SIZE
    cmp rdi, SLOTS - 1
    jne rtl_give
    mov rcx, RTL_OWN | RTL_END | RTL_WHOLE | SIZE
rtl_give:
    mov [rax + SEND_RING], rcx
    mov byte [RTL_POLL], 0x40
    ret

driver_interrupt:
    mov rax, word [RTL_MASK]            ; is it meant to interrupt at all?
    test rax, rax
    je rtl_not_ours
    mov rax, word [RTL_STATUS]
    test rax, rax
    je rtl_not_ours
    push rbx
    mov rbx, rax
    and rax, -1 - RTL_RECEIVED          ; the receiver's causes stay until they are polled
    mov word [RTL_STATUS], rax
    test rbx, RTL_RECEIVED
    je rtl_look_at_sent
    mov word [RTL_MASK], RTL_SENT
    mov rax, word [RTL_MASK]            ; lets the write arrive
rtl_look_at_sent:
    test rbx, RTL_SENT
    je rtl_look_at_received
    push rbx
rtl_sent:
    mov rbx, [confirmed]
    cmp rbx, [sent]
    je rtl_all_sent
    and rbx, SLOTS - 1
    shl rbx, 4
    mov rax, dword [rbx + SEND_RING]
    shr rax, 31
    jne rtl_all_sent
    call packet_sent
    jmp rtl_sent
rtl_all_sent:
    pop rbx
rtl_look_at_received:
    test rbx, RTL_RECEIVED
    je rtl_done
    mov word [RTL_STATUS], RTL_RECEIVED
rtl_received:
    mov rbx, [rtl_next]
    mov rax, rbx
    shl rax, 4
    mov rax, dword [rax + RECEIVE_RING]
    shr rax, 31
    jne rtl_all_received
    mov rdi, rbx
    imul rdi, SLOT_BYTES
    add rdi, RECEIVE_SLOTS
    call packet_received
    mov rdi, rbx
    call rtl_post
    inc rbx
    and rbx, SLOTS - 1
    mov [rtl_next], rbx
    jmp rtl_received
rtl_all_received:
    mov word [RTL_MASK], RTL_RECEIVED | RTL_SENT
    mov rax, word [RTL_MASK]
rtl_done:
    pop rbx
rtl_not_ours:
    ret

rtl_next:
    .quad 0
