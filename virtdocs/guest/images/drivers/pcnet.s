; PCnet, as Linux 6.1 drives it (drivers/net/ethernet/amd/pcnet32.c).
.equ PCNET_DATA, 0xc030
.equ PCNET_ADDRESS, 0xc032
.equ CSR0_POLL, 0x48            ; look at the send ring; interrupts
.equ CSR0_INTERRUPTS, 0x40
.equ CSR0_CAUSES, 0x8f00
.equ PCNET_MASKS, 0x5f00
.equ PCNET_BLOCK, DEVICE_MEMORY
.equ SEND_RING, DEVICE_MEMORY + PAGE
.equ RECEIVE_RING, DEVICE_MEMORY + 2 * PAGE
.equ PCNET_OWN, 0x8000

driver_start:
    push rbx
    xor rbx, rbx
pcnet_fill:
    mov rdx, rbx
    imul rdx, SLOT_BYTES
    add rdx, RECEIVE_SLOTS
    mov rax, rbx
    shl rax, 4
    mov dword [rax + RECEIVE_RING], rdx
    mov rdi, rbx
    call pcnet_post
    inc rbx
    cmp rbx, SLOTS
    jne pcnet_fill
    pop rbx
    mov word [PCNET_BLOCK + 2], 0x5050  ; 32 descriptors each way
    mov dword [PCNET_BLOCK + 20], RECEIVE_RING
    mov dword [PCNET_BLOCK + 24], SEND_RING
    mov rdi, 1
    mov rsi, PCNET_BLOCK & 0xffff
    call write_csr
    mov rdi, 2
    mov rsi, PCNET_BLOCK >> 16
    call write_csr
    mov rdi, 0
    mov rsi, 1                          ; read the block
    call write_csr
    mov rdi, 0
    mov rsi, 0x142                      ; that is done: start, with interrupts
    jmp write_csr

; The register rdi -> rax.
read_csr:
    mov rax, rdi
    out PCNET_ADDRESS, ax
    xor rax, rax
    in ax, PCNET_DATA
    ret

; The register rdi becomes rsi.
write_csr:
    mov rax, rdi
    out PCNET_ADDRESS, ax
    mov rax, rsi
    out PCNET_DATA, ax
    ret

; Give the receive descriptor rdi to the device.
pcnet_post:
    mov rax, rdi
    shl rax, 4
    mov dword [rax + RECEIVE_RING + 8], 0
    mov word [rax + RECEIVE_RING + 4], -SLOT_BYTES
    mov word [rax + RECEIVE_RING + 6], PCNET_OWN
    ret

driver_transmit:
    mov rax, rdi
    shl rax, 4
    mov dword [rax + SEND_RING], rsi
    mov word [rax + SEND_RING + 4], -SIZE
    mov word [rax + SEND_RING + 6], 0x8300
    mov rdi, 0
    mov rsi, CSR0_POLL
    jmp write_csr

driver_interrupt:
    mov rdi, 0
    call read_csr
    test rax, CSR0_CAUSES
    je pcnet_not_ours
    push rbx
    mov rdi, 0                          ; acknowledge; that closes interrupts too
    mov rsi, rax
    and rsi, -0x50
    call write_csr
    mov rdi, 3                          ; mask everything while we look
    call read_csr
    or rax, PCNET_MASKS
    mov rsi, rax
    mov rdi, 3
    call write_csr
pcnet_received:
    mov rbx, [pcnet_next]
    mov rax, rbx
    shl rax, 4
    mov rax, word [rax + RECEIVE_RING + 6]
    test rax, PCNET_OWN
    jne pcnet_sent
    mov rdi, rbx
    imul rdi, SLOT_BYTES
    add rdi, RECEIVE_SLOTS
    call packet_received
    mov rdi, rbx
    call pcnet_post
    inc rbx
    and rbx, SLOTS - 1
    mov [pcnet_next], rbx
    jmp pcnet_received
pcnet_sent:
    mov rbx, [confirmed]
    cmp rbx, [sent]
    je pcnet_all_sent
    and rbx, SLOTS - 1
    shl rbx, 4
    mov rax, word [rbx + SEND_RING + 6]
    test rax, PCNET_OWN
    jne pcnet_all_sent
    call packet_sent
    jmp pcnet_sent
pcnet_all_sent:
    mov rdi, 3                          ; unmask, and let it interrupt again
    call read_csr
    mov rsi, rax
    and rsi, 0xff
    mov rdi, 3
    call write_csr
    mov rdi, 0
    mov rsi, CSR0_INTERRUPTS
    call write_csr
    pop rbx
pcnet_not_ours:
    ret

pcnet_next:
    .quad 0
