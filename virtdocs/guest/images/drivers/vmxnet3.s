; vmxnet3, as Linux 6.1 drives it (drivers/net/vmxnet3/vmxnet3_drv.c).
.equ VMX_MASKS, DEVICE + 0      ; 8 bytes an interrupt: 0 receives, 1 sends
.equ VMX_SEND, DEVICE + 0x600
.equ VMX_RECEIVE, DEVICE + 0x800
.equ VMX_SHARED_LOW, DEVICE + 0x1010
.equ VMX_SHARED_HIGH, DEVICE + 0x1018
.equ VMX_COMMAND, DEVICE + 0x1020
.equ VMX_CAUSES, DEVICE + 0x1038
.equ VMX_MESSAGES, DEVICE + 0x2000
.equ VMX_SHARED, DEVICE_MEMORY
.equ VMX_QUEUES, DEVICE_MEMORY + 0x400
.equ VMX_DEFERRED, VMX_QUEUES + 0           ; packets that the device has not been told of
.equ VMX_THRESHOLD, VMX_QUEUES + 4          ; as many as it wants to be told of at a time
.equ VMX_WANTS_RECEIVE, VMX_QUEUES + 256    ; whether it wants to be told of buffers
.equ SEND_RING, DEVICE_MEMORY + PAGE
.equ SEND_DONE, DEVICE_MEMORY + 2 * PAGE
.equ RECEIVE_RING, DEVICE_MEMORY + 3 * PAGE
.equ RECEIVE_DONE, DEVICE_MEMORY + 4 * PAGE
.equ GENERATION, 1 << 31
.equ TX_GENERATION, 1 << 14

driver_start:
    mov rax, 0xbabefee1
    mov [VMX_SHARED], rax
    mov qword [VMX_SHARED + 40], VMX_QUEUES
    mov byte [VMX_SHARED + 80], 1       ; an interrupt masks itself
    mov qword [VMX_QUEUES + 16], SEND_RING
    mov qword [VMX_QUEUES + 32], SEND_DONE
    mov dword [VMX_QUEUES + 56], SLOTS
    mov dword [VMX_QUEUES + 64], SLOTS
.if VECTORS
    mov byte [VMX_QUEUES + 72], 0       ; a line: one interrupt for both directions
.else
    mov byte [VMX_QUEUES + 72], 1
.endif
    mov qword [VMX_QUEUES + 256 + 16], RECEIVE_RING
    mov qword [VMX_QUEUES + 256 + 32], RECEIVE_DONE
    mov dword [VMX_QUEUES + 256 + 56], SLOTS
    mov dword [VMX_QUEUES + 256 + 64], SLOTS
    mov rax, RECEIVE_RING
    mov rdx, RECEIVE_SLOTS
    mov rcx, GENERATION | SLOT_BYTES
vmx_fill:
    mov [rax], rdx
    mov [rax + 8], rcx
    add rax, 16
    add rdx, SLOT_BYTES
    cmp rax, RECEIVE_RING + SLOTS * 16
    jne vmx_fill
.if VECTORS
.else
    mov dword [VMX_MESSAGES + 8], DEVICE_VECTOR
    mov dword [VMX_MESSAGES + 12], 0
    mov dword [VMX_MESSAGES + 16 + 8], DEVICE_VECTOR + 1
    mov dword [VMX_MESSAGES + 16 + 12], 0
.endif
    mov dword [VMX_SHARED_LOW], VMX_SHARED
    mov dword [VMX_SHARED_HIGH], 0
    mov rax, 0xcafe0000                 ; activate
    mov dword [VMX_COMMAND], rax
    mov dword [VMX_MASKS], 0
    mov dword [VMX_MASKS + 8], 0
    ret

driver_transmit:
    mov rax, rdi
    shl rax, 4
    mov [rax + SEND_RING], rsi
    mov dword [rax + SEND_RING + 12], 0x3000 ; end of packet, report completion
    mov rdx, [sent]                     ; counts this one: the generation turns over each round
    dec rdx
    and rdx, SLOTS
    mov rcx, SIZE
    jne vmx_old_generation
    or rcx, TX_GENERATION
vmx_old_generation:
    mov dword [rax + SEND_RING + 8], rcx
    mov rax, dword [VMX_DEFERRED]
    inc rax
    mov dword [VMX_DEFERRED], rax
    mov rcx, dword [VMX_THRESHOLD]
    cmp rax, rcx
    jb vmx_deferred
    mov dword [VMX_DEFERRED], 0
    mov rax, [sent]
    and rax, SLOTS - 1
    mov dword [VMX_SEND], rax
vmx_deferred:
    ret

driver_interrupt:
.if VECTORS
    mov rax, dword [VMX_CAUSES]         ; a line: who was it?
    test rax, rax
    je vmx_not_ours
    call vmx_sent
.else
    test rsi, rsi
    je vmx_receive
    call vmx_sent
    mov dword [VMX_MASKS + 8], 0        ; let it interrupt again
    ret
.endif
vmx_receive:
    push rbx
vmx_received:
    mov rbx, [vmx_next]
    mov rdi, rbx
    and rdi, SLOTS - 1
    mov rax, rdi
    shl rax, 4
    mov rax, dword [rax + RECEIVE_DONE + 12]
    shr rax, 31                         ; new while the generation is that of this round
    mov rdx, rbx
    shr rdx, 5
    and rdx, 1
    cmp rax, rdx
    je vmx_all_received
    imul rdi, SLOT_BYTES
    add rdi, RECEIVE_SLOTS
    call packet_received
    mov rax, rbx                        ; the buffer goes back, for the next round
    and rax, SLOTS - 1
    shl rax, 4
    mov rcx, SLOT_BYTES
    mov rdx, rbx
    and rdx, SLOTS
    je vmx_odd_round
    mov rdx, GENERATION
    or rcx, rdx
vmx_odd_round:
    mov dword [rax + RECEIVE_RING + 8], rcx
    inc rbx
    mov [vmx_next], rbx
    cmp byte [VMX_WANTS_RECEIVE], 0
    je vmx_received
    test rbx, 15
    jne vmx_received
    mov rax, rbx
    and rax, SLOTS - 1
    mov dword [VMX_RECEIVE], rax
    jmp vmx_received
vmx_all_received:
    pop rbx
    mov dword [VMX_MASKS], 0
vmx_not_ours:
    ret

vmx_sent:
    mov rax, [confirmed]
    mov rdx, rax
    shr rdx, 5
    and rdx, 1
    and rax, SLOTS - 1
    shl rax, 4
    mov rax, dword [rax + SEND_DONE + 12]
    shr rax, 31
    cmp rax, rdx
    je vmx_not_ours
    call packet_sent
    jmp vmx_sent

vmx_next:
    .quad 0
