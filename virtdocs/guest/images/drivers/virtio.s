; The driver's half of virtio (OASIS virtio 1.2): the transport's registers (4.1.4) and the split
; virtqueue (2.7). A queue takes four pages: descriptors, available ring, used ring, and what the
; driver keeps for itself.
.equ VIRTIO_FEATURE_SELECT, DEVICE + 0
.equ VIRTIO_FEATURE, DEVICE + 4
.equ VIRTIO_ACCEPT_SELECT, DEVICE + 8
.equ VIRTIO_ACCEPT, DEVICE + 12
.equ VIRTIO_CONFIG_VECTOR, DEVICE + 16
.equ VIRTIO_QUEUES, DEVICE + 18
.equ VIRTIO_STATUS, DEVICE + 20
.equ VIRTIO_QUEUE, DEVICE + 22
.equ VIRTIO_QUEUE_VECTOR, DEVICE + 26
.equ VIRTIO_QUEUE_ENABLE, DEVICE + 28
.equ VIRTIO_QUEUE_AREAS, DEVICE + 32
.equ VIRTIO_ISR, DEVICE + 0x100
.equ VIRTIO_MESSAGES, DEVICE + 0x800
.equ VIRTIO_NOTIFY, DEVICE + 0x1000

.equ STATUS_DRIVER, 3           ; acknowledge, driver
.equ STATUS_FEATURES_OK, 11
.equ STATUS_DRIVER_OK, 15
.equ STATUS_NEEDS_RESET, 64
.equ ISR_CONFIG, 2
.equ CONFIG_MESSAGE, 2          ; the message of changes comes as the third vector
.equ F_INDIRECT, 1 << 28
.equ F_EVENT_IDX, 1 << 29
.equ F_VERSION_1, 1             ; of the upper 32
.equ D_NEXT, 1
.equ D_WRITE, 2
.equ D_INDIRECT, 4

.equ QUEUE_SIZE, 256
.equ V_AVAILABLE, PAGE
.equ V_USED_EVENT, PAGE + 4 + 2 * QUEUE_SIZE
.equ V_USED, 2 * PAGE
.equ V_AVAILABLE_EVENT, 2 * PAGE + 4 + 8 * QUEUE_SIZE
.equ V_NUMBER, 3 * PAGE         ; which queue of the device
.equ V_OFFERED, 3 * PAGE + 8    ; the available index
.equ V_KICKED, 3 * PAGE + 16    ; what it was at the last kick
.equ V_SEEN, 3 * PAGE + 24      ; used buffers taken back
.equ V_PRIVATE, 3 * PAGE + 64   ; the driver's own
.equ V_BYTES, 4 * PAGE
.equ VIRTQUEUES, DEVICE_MEMORY

; Reset the device and agree on features: the device's own are in rdi.
virtio_begin:
    mov byte [VIRTIO_STATUS], 0
    mov byte [VIRTIO_STATUS], STATUS_DRIVER
    or rdi, F_INDIRECT | F_EVENT_IDX
    mov dword [VIRTIO_FEATURE_SELECT], 0
    mov rax, dword [VIRTIO_FEATURE]
    and rax, rdi
    mov dword [VIRTIO_ACCEPT_SELECT], 0
    mov dword [VIRTIO_ACCEPT], rax
    mov dword [VIRTIO_ACCEPT_SELECT], 1
    mov dword [VIRTIO_ACCEPT], F_VERSION_1
    mov byte [VIRTIO_STATUS], STATUS_FEATURES_OK
    ret

; Set queue rdi up in its pages; its message, if messages are used, goes to vector rsi.
; -> rax: the queue.
virtio_queue:
    mov rax, rdi
    imul rax, V_BYTES
    add rax, VIRTQUEUES
    mov [rax + V_NUMBER], rdi
    mov word [VIRTIO_QUEUE], rdi
    mov qword [VIRTIO_QUEUE_AREAS], 0
    mov dword [VIRTIO_QUEUE_AREAS], rax
    lea rdx, [rax + V_AVAILABLE]
    mov dword [VIRTIO_QUEUE_AREAS + 8], rdx
    lea rdx, [rax + V_USED]
    mov dword [VIRTIO_QUEUE_AREAS + 16], rdx
.if VECTORS
.else
    mov rdx, rdi
    shl rdx, 4
    mov dword [rdx + VIRTIO_MESSAGES + 8], rsi
    mov dword [rdx + VIRTIO_MESSAGES + 12], 0
    mov word [VIRTIO_QUEUE_VECTOR], rdi
.endif
    mov word [VIRTIO_QUEUE_ENABLE], 1
    ret

; A queue for each way, with a message of its own, and the device may start.
virtio_pair:
    mov rdi, 0
    mov rsi, DEVICE_VECTOR
    call virtio_queue
    mov rdi, 1
    mov rsi, DEVICE_VECTOR + 1
    call virtio_queue
    jmp virtio_ready

; The device may start; its changes of configuration come as a message after those of the queues.
virtio_ready:
.if VECTORS
.else
    mov rax, word [VIRTIO_QUEUES]
    mov word [VIRTIO_CONFIG_VECTOR], rax
    shl rax, 4
    mov dword [rax + VIRTIO_MESSAGES + 8], DEVICE_VECTOR + CONFIG_MESSAGE
    mov dword [rax + VIRTIO_MESSAGES + 12], 0
.endif
    mov byte [VIRTIO_STATUS], STATUS_DRIVER_OK
    ret

; -> not equal when the device has stopped: the ring was not as it must be (2.1.2).
virtio_broken:
    mov rax, byte [VIRTIO_STATUS]
    test rax, STATUS_NEEDS_RESET
    ret

; Offer the chain that begins at descriptor rsi in queue rdi.
virtio_offer:
    mov rax, [rdi + V_OFFERED]
    mov rdx, rax
    and rdx, QUEUE_SIZE - 1
    mov word [rdi + rdx*2 + V_AVAILABLE + 4], rsi
    inc rax
    mov [rdi + V_OFFERED], rax
    mov word [rdi + V_AVAILABLE + 2], rax
    ret

; Tell the device of what was offered in queue rdi, if it wants to hear: if the index passed its
; event (2.7.10).
virtio_kick:
    mov rax, [rdi + V_OFFERED]
    mov rcx, rax
    sub rcx, [rdi + V_KICKED]
    mov [rdi + V_KICKED], rax
    mov rdx, word [rdi + V_AVAILABLE_EVENT]
    sub rax, rdx
    dec rax
    and rax, 0xffff
    cmp rax, rcx
    jae virtio_quiet
    mov rax, [rdi + V_NUMBER]
    mov word [rax*4 + VIRTIO_NOTIFY], rax
virtio_quiet:
    ret

; -> rax: the head that the device returned next in queue rdi, or -1; rdx: bytes it wrote.
virtio_take:
    mov rcx, [rdi + V_SEEN]
    mov rax, word [rdi + V_USED + 2]
    mov rdx, rcx
    and rdx, 0xffff
    cmp rax, rdx
    je virtio_none
    and rdx, QUEUE_SIZE - 1
    inc rcx
    mov [rdi + V_SEEN], rcx
    lea rdx, [rdi + rdx*8]
    mov rax, dword [rdx + V_USED + 4]
    mov rdx, dword [rdx + V_USED + 8]
    ret
virtio_none:
    mov rax, -1
    ret

; Ask for an interrupt at the next buffer that comes back in queue rdi. -> not equal when one has
; come back already, which will not interrupt.
virtio_listen:
    mov rax, [rdi + V_SEEN]
    mov word [rdi + V_USED_EVENT], rax
    and rax, 0xffff
    mov rdx, word [rdi + V_USED + 2]
    cmp rax, rdx
    ret
