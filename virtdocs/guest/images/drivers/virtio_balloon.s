; virtio-balloon (OASIS virtio 1.2, 5.5), as Linux drives it (drivers/virtio/virtio_balloon.c): an
; array of page numbers is one buffer, and the driver sleeps until the host has it.
.equ F_MUST_TELL_HOST, 1
.equ INFLATE_QUEUE, VIRTQUEUES
.equ DEFLATE_QUEUE, VIRTQUEUES + V_BYTES
.equ BALLOON_PFNS, VIRTQUEUES + 2 * V_BYTES
.equ BALLOON_BATCH, 256
.equ BALLOON_NUM_PAGES, DEVICE + 0x200
.equ BALLOON_ACTUAL, DEVICE + 0x204

driver_start:
    mov rdi, F_MUST_TELL_HOST
    call virtio_begin
    jmp virtio_pair

driver_target:
    mov rax, dword [BALLOON_NUM_PAGES]
    ret

driver_report:
    mov rax, [balloon_size]
    mov dword [BALLOON_ACTUAL], rax
    ret

driver_rest:
    jmp wait_for_device

driver_give:
    mov rsi, INFLATE_QUEUE
    jmp tell_host
driver_take:
    mov rsi, DEFLATE_QUEUE
; Offer the array of rdi page numbers in the queue rsi, and wait until it is back.
tell_host:
    push rbx
    mov rbx, rsi
    mov rcx, rdi
    shl rcx, 2
    mov [rbx + 8], rcx                  ; descriptor 0: address, length, no flags
    mov rax, BALLOON_PFNS
    mov [rbx], rax
tell_next:
    test rdi, rdi
    je tell_all
    dec rdi
    mov rax, [rdi*8 + BALLOON_LIST]
    mov dword [rdi*4 + BALLOON_PFNS], rax
    jmp tell_next
tell_all:
    mov rdi, rbx
    xor rsi, rsi
    call virtio_offer
    mov rdi, rbx
    call virtio_kick
tell_wait:
    mov rdi, rbx
    call virtio_take
    cmp rax, -1
    jne told
    cmp qword [balloon_due], 0          ; the device has changed meanwhile: has it stopped?
    je tell_sleep
    call virtio_broken
    jne tell_refused
tell_sleep:
    call wait_for_device
    call close_interrupts
    jmp tell_wait
told:
    mov rdi, rbx                        ; ask for an interrupt at the next one, too
    call virtio_listen
    xor rax, rax
    pop rbx
    ret
tell_refused:
    mov rax, 1
    pop rbx
    ret

driver_interrupt:
.if VECTORS
    mov rax, byte [VIRTIO_ISR]          ; a line: this says whether it was us, and drops the line
    test rax, ISR_CONFIG
    jne balloon_changed
    test rax, rax
    je balloon_not_ours
.else
    cmp rsi, CONFIG_MESSAGE
    je balloon_changed
.endif
    jmp wake_up
balloon_not_ours:
    ret

; The host wants another size, or the device has stopped: whoever waits finds out which.
balloon_changed:
    mov qword [balloon_due], 1
    jmp wake_up
