; vmxnet, second version, as open-vm-tools' Linux driver has it (modules/linux/vmxnet/vmxnet.c,
; commit 5034ce8).
.equ VMX2_ADDRESS, 0xc040
.equ VMX2_LENGTH, 0xc044
.equ VMX2_TRANSMIT, 0xc048
.equ VMX2_COMMAND, 0xc04c
.equ VMX2_MAC, 0xc050
.equ VMX2_LOW_VERSION, 0xc058
.equ VMX2_HIGH_VERSION, 0xc05c
.equ VMX2_DATA, DEVICE_MEMORY
.equ VMX2_DATA_BYTES, 176
.equ VMX2_RECEIVE_RING, VMX2_DATA + VMX2_DATA_BYTES     ; entries of 24 bytes
.equ VMX2_SECOND_RING, VMX2_RECEIVE_RING + SLOTS * 24   ; one entry, which nobody uses
.equ VMX2_SEND_RING, VMX2_SECOND_RING + 24              ; entries of 64 bytes
.equ VMX2_END, VMX2_SEND_RING + SLOTS * 64
.equ VMX2_RECEIVE_NEXT, VMX2_DATA + 8
.equ VMX2_CLUSTER, VMX2_DATA + 56       ; so many packets wait before the device is told
.equ VMX2_DEFERRED, VMX2_DATA + 60
.equ VMX2_NIC, 2                        ; whose an entry is: 0 the driver's, 2 the device's
.equ VMX2_BUFFER, 1536

driver_start:
    push rbx
    xor rax, rax
    in eax, VMX2_LOW_VERSION            ; vmxnet_check_version
    in eax, VMX2_HIGH_VERSION
    mov rax, 0x2000                     ; vmxnet_probe_features
    call vmx2_ask
    mov rax, 0x1000
    call vmx2_ask
    mov rax, 0x200
    call vmx2_ask
    mov rax, 0x400
    call vmx2_ask
    in al, VMX2_MAC
    in al, VMX2_MAC + 1
    in al, VMX2_MAC + 2
    in al, VMX2_MAC + 3
    in al, VMX2_MAC + 4
    in al, VMX2_MAC + 5
    mov rax, 0xbabe864f                 ; vmxnet_init_ring
    mov dword [VMX2_DATA], rax
    mov dword [VMX2_DATA + 4], SLOTS
    mov dword [VMX2_DATA + 12], 1
    mov dword [VMX2_DATA + 40], SLOTS
    mov dword [VMX2_DATA + 104], VMX2_END - VMX2_DATA
    mov dword [VMX2_DATA + 108], VMX2_RECEIVE_RING - VMX2_DATA
    mov dword [VMX2_DATA + 112], VMX2_SECOND_RING - VMX2_DATA
    mov dword [VMX2_DATA + 116], VMX2_SEND_RING - VMX2_DATA
    mov rax, VMX2_RECEIVE_RING
    mov rdx, RECEIVE_SLOTS
vmx2_fill:
    mov [rax], rdx
    mov dword [rax + 8], VMX2_BUFFER
    mov word [rax + 16], VMX2_NIC
    add rax, 24
    add rdx, SLOT_BYTES
    cmp rax, VMX2_SECOND_RING
    jne vmx2_fill
    mov rax, VMX2_SEND_RING
vmx2_empty:
    mov word [rax + 12], 1              ; physical addresses
    add rax, 64
    cmp rax, VMX2_END
    jne vmx2_empty
    mov rax, VMX2_DATA                  ; vmxnet_open
    out VMX2_ADDRESS, eax
    mov rax, VMX2_END - VMX2_DATA
    out VMX2_LENGTH, eax
    pop rbx
    ret

; The command rax, and its answer -> rax.
vmx2_ask:
    out VMX2_COMMAND, eax
    in eax, VMX2_COMMAND
    ret

driver_transmit:
    mov rax, rdi
    shl rax, 6
    add rax, VMX2_SEND_RING
    mov dword [rax + 16], rsi
    mov word [rax + 20], 0
    mov word [rax + 22], SIZE
    mov word [rax + 14], 1              ; in one piece
    inc dword [VMX2_DEFERRED]
    mov rdx, 1                          ; the device may keep it
    xor r8, r8                          ; tell the device?
    mov rcx, [sent]                     ; counts this one
    sub rcx, [confirmed]
    cmp rcx, SLOTS - 5
    jbe vmx2_room
    or rdx, 2                           ; the ring is low
    mov r8, 1
vmx2_room:
    mov word [rax], rdx
    mov word [rax + 2], VMX2_NIC
    mov rcx, dword [VMX2_DEFERRED]
    mov rdx, dword [VMX2_CLUSTER]
    cmp rcx, rdx
    jb vmx2_deferred
    mov dword [VMX2_DEFERRED], 0
    mov r8, 1
vmx2_deferred:
    push r8
    call vmx2_sent
    pop r8
    test r8, r8
    je vmx2_told
    in eax, VMX2_TRANSMIT
vmx2_told:
    ret

; check_tx_queue: whatever has come back is free again.
vmx2_sent:
    mov rax, [confirmed]
    cmp rax, [sent]
    je vmx2_told
    and rax, SLOTS - 1
    shl rax, 6
    mov rax, word [rax + VMX2_SEND_RING + 2]
    test rax, rax
    jne vmx2_told
    call packet_sent
    jmp vmx2_sent

; vmxnet_interrupt, vmxnet_rx
driver_interrupt:
    push rbx
    mov rax, 1
    out VMX2_COMMAND, eax               ; seen
vmx2_received:
    mov rbx, dword [VMX2_RECEIVE_NEXT]
    mov rax, rbx
    imul rax, 24
    mov rcx, word [rax + VMX2_RECEIVE_RING + 16]
    test rcx, rcx
    jne vmx2_all_received
    mov rcx, dword [rax + VMX2_RECEIVE_RING + 12]
    test rcx, rcx
    je vmx2_nothing
    mov rdi, rbx
    imul rdi, SLOT_BYTES
    add rdi, RECEIVE_SLOTS
    call packet_received
vmx2_nothing:
    mov rax, rbx
    imul rax, 24
    mov word [rax + VMX2_RECEIVE_RING + 16], VMX2_NIC
    inc rbx
    and rbx, SLOTS - 1
    mov dword [VMX2_RECEIVE_NEXT], rbx
    jmp vmx2_received
vmx2_all_received:
    call vmx2_sent
    pop rbx
    ret
