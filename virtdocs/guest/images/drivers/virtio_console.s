; virtio-console (OASIS virtio 1.2, 5.3), as Linux 6.1 drives it (drivers/char/virtio_console.c): one
; buffer for what is sent, which is waited for, and a page for each slot of what may be typed.
.equ TYPED_QUEUE, VIRTQUEUES
.equ LINE_QUEUE, VIRTQUEUES + V_BYTES
.equ TYPED_SLOTS, 16
.equ TYPED_BUFFERS, VIRTQUEUES + 2 * V_BYTES
.equ LINE_BUFFER, TYPED_BUFFERS + TYPED_SLOTS * PAGE

driver_start:
    xor rdi, rdi
    call virtio_begin
    call virtio_pair
    push rbx
    xor rbx, rbx
typed_fill:
    mov rax, rbx
    shl rax, 4
    mov rdx, rbx
    shl rdx, 12
    add rdx, TYPED_BUFFERS
    mov [rax + TYPED_QUEUE], rdx
    mov rdx, D_WRITE << 32 | PAGE
    mov [rax + TYPED_QUEUE + 8], rdx
    mov rdi, TYPED_QUEUE
    mov rsi, rbx
    call virtio_offer
    inc rbx
    cmp rbx, TYPED_SLOTS
    jne typed_fill
    pop rbx
    mov rdi, TYPED_QUEUE
    jmp virtio_kick

; SYS_DRIVER(bytes, count): send them, wait until the host has them. -> 0, or 1 when it stopped.
driver_call:
    call close_interrupts
    mov [LINE_QUEUE + 8], rsi           ; descriptor 0: address, length, no flags
    mov rax, LINE_BUFFER
    mov [LINE_QUEUE], rax
copy_byte:
    test rsi, rsi
    je copied
    mov rcx, byte [rdi]
    mov byte [rax], rcx
    inc rdi
    inc rax
    dec rsi
    jmp copy_byte
copied:
    mov rdi, LINE_QUEUE
    xor rsi, rsi
    call virtio_offer
    mov rdi, LINE_QUEUE
    call virtio_kick
line_wait:
    mov rdi, LINE_QUEUE
    call virtio_take
    cmp rax, -1
    jne line_sent
    cmp qword [console_stopped], 0
    jne line_lost
    sti                                 ; the news that the device stopped comes as an interrupt
    pause
    call close_interrupts
    jmp line_wait
line_sent:
    mov rdi, LINE_QUEUE                 ; ask for an interrupt at the next one, too
    call virtio_listen
    xor rax, rax
    ret
line_lost:
    mov rax, 1
    ret

driver_interrupt:
.if VECTORS
    mov rax, byte [VIRTIO_ISR]          ; a line: this says whether it was us, and drops the line
    test rax, ISR_CONFIG
    jne console_changed
    test rax, rax
    je console_not_ours
.else
    cmp rsi, CONFIG_MESSAGE
    je console_changed
.endif
    push rbx
    push r12
typed_next:                             ; keep what was typed, give the buffer back
    mov rdi, TYPED_QUEUE
    call virtio_take
    cmp rax, -1
    je typed_none
    mov rbx, rax
    shl rax, 12
    add rax, TYPED_BUFFERS
    lea r12, [rax + rdx]
keep_byte:
    cmp rax, r12
    je kept
    mov rdx, [typed_count]
    and rdx, TYPED_BYTES - 1
    mov rcx, byte [rax]
    mov byte [rdx + typed], rcx
    inc qword [typed_count]
    inc rax
    jmp keep_byte
kept:
    mov rdi, TYPED_QUEUE
    mov rsi, rbx
    call virtio_offer
    mov rdi, TYPED_QUEUE
    call virtio_kick
    jmp typed_next
typed_none:
    mov rdi, TYPED_QUEUE
    call virtio_listen
    jne typed_next
    pop r12
    pop rbx
console_not_ours:
    ret

console_changed:
    call virtio_broken
    je console_not_ours
    mov qword [console_stopped], 1
    ret

.equ TYPED_BYTES, 64
console_stopped:
    .quad 0
typed_count:                            ; bytes so far; the last TYPED_BYTES of them are kept
    .quad 0
typed:
    .zero TYPED_BYTES
