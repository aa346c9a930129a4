; e1000, as Linux 6.1 drives it (drivers/net/ethernet/intel/e1000/e1000_main.c).
.equ E1000_STATUS, DEVICE + 0x0008
.equ E1000_ICR, DEVICE + 0x00c0
.equ E1000_ITR, DEVICE + 0x00c4
.equ E1000_IMS, DEVICE + 0x00d0
.equ E1000_IMC, DEVICE + 0x00d8
.equ E1000_RCTL, DEVICE + 0x0100
.equ E1000_TCTL, DEVICE + 0x0400
.equ E1000_RDBAL, DEVICE + 0x2800
.equ E1000_RDLEN, DEVICE + 0x2808
.equ E1000_RDH, DEVICE + 0x2810
.equ E1000_RDT, DEVICE + 0x2818
.equ E1000_TDBAL, DEVICE + 0x3800
.equ E1000_TDLEN, DEVICE + 0x3808
.equ E1000_TDH, DEVICE + 0x3810
.equ E1000_TDT, DEVICE + 0x3818
.equ E1000_CAUSES, 0xd5         ; received, receiver short, sequence, link, sent
.equ SEND_RING, DEVICE_MEMORY
.equ RECEIVE_RING, DEVICE_MEMORY + PAGE
.equ TX_COMMAND, 0x0b           ; end of packet, checksum, report status

driver_start:
    mov dword [E1000_ITR], THROTTLE / 256
    mov dword [E1000_TDBAL], SEND_RING
    mov dword [E1000_TDLEN], SLOTS * 16
    mov dword [E1000_RDBAL], RECEIVE_RING
    mov dword [E1000_RDLEN], SLOTS * 16
    mov dword [E1000_TCTL], 2
    mov rax, RECEIVE_RING
    mov rdx, RECEIVE_SLOTS
e1000_fill:
    mov [rax], rdx
    mov qword [rax + 8], 0
    add rax, 16
    add rdx, SLOT_BYTES
    cmp rax, RECEIVE_RING + SLOTS * 16
    jne e1000_fill
    mov dword [E1000_RCTL], 2
    mov dword [E1000_RDT], SLOTS - 1    ; one stays ours: equal would mean none
    mov dword [E1000_IMS], E1000_CAUSES
    ret

driver_transmit:
    mov rax, rdi
    shl rax, 4
    mov [rax + SEND_RING], rsi
    mov rdx, TX_COMMAND << 24 | SIZE
    mov [rax + SEND_RING + 8], rdx
    inc rdi
    and rdi, SLOTS - 1
    mov [e1000_tail], rdi
    mov dword [E1000_TDT], rdi
    ret

driver_interrupt:
    mov rax, dword [E1000_ICR]          ; why? reading it drops the line
    test rax, rax
    je e1000_not_ours
    mov rax, -1
    mov dword [E1000_IMC], rax          ; no more until the rings are empty
    mov rax, dword [E1000_STATUS]       ; lets the write arrive
    push rbx
e1000_sent:
    mov rbx, [confirmed]
    cmp rbx, [sent]
    je e1000_all_sent
    and rbx, SLOTS - 1
    shl rbx, 4
    mov rax, byte [rbx + SEND_RING + 12]
    test rax, 1
    je e1000_all_sent
    mov byte [rbx + SEND_RING + 12], 0
    call packet_sent
    jmp e1000_sent
e1000_all_sent:
    mov rbx, [e1000_next]
    mov r8, rbx
e1000_received:
    mov rax, rbx
    shl rax, 4
    mov rdx, byte [rax + RECEIVE_RING + 12]
    test rdx, 1
    je e1000_all_received
    mov qword [rax + RECEIVE_RING + 8], 0
    mov rdi, rbx
    imul rdi, SLOT_BYTES
    add rdi, RECEIVE_SLOTS
    push r8
    call packet_received
    pop r8
    inc rbx
    and rbx, SLOTS - 1
    jmp e1000_received
e1000_all_received:
    cmp rbx, r8
    je e1000_on
    mov [e1000_next], rbx
    lea rax, [rbx - 1]                  ; the buffers go back, all in one write
    and rax, SLOTS - 1
    mov dword [E1000_RDT], rax
e1000_on:
    pop rbx
    mov dword [E1000_IMS], E1000_CAUSES
    mov rax, dword [E1000_STATUS]
e1000_not_ours:
    ret

e1000_tail:
    .quad 0
e1000_next:
    .quad 0
