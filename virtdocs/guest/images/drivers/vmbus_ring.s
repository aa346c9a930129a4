; A channel's two rings (Linux, drivers/hv/ring_buffer.c): a page of control and a page of data
; each. Linux maps the data twice in a row; here each word's place is masked.
.equ RING_BYTES, 2 * PAGE
.equ OUT_RING, DEVICE_MEMORY
.equ IN_RING, DEVICE_MEMORY + RING_BYTES
.equ RING_WRITE, 0
.equ RING_READ, 4
.equ RING_MASK, 8
.equ RING_PENDING, 12                   ; the room that the writer waits for
.equ RING_FEATURES, 64
.equ RING_DATA, PAGE
.equ RING_END, PAGE - 1

; Send the packet at rdi, which has rsi bytes. -> rax: 0, or 1 when there is no room yet; then the
; root partition knows how much we wait for, and sets our event flag when there is.
ring_send:
    add rsi, 8                          ; the trailer
ring_room:
    mov rdx, dword [OUT_RING + RING_WRITE]
    mov rcx, dword [OUT_RING + RING_READ]
    mov rax, rdx
    sub rax, rcx
    and rax, RING_END
    mov rcx, PAGE
    sub rcx, rax
    cmp rcx, rsi                        ; filled to the last byte it would look empty
    ja ring_has_room
    mov rax, dword [OUT_RING + RING_PENDING]
    cmp rax, rsi
    je ring_full
    mov dword [OUT_RING + RING_PENDING], rsi
    jmp ring_room                       ; it may have been read in between
ring_full:
    mov rax, 1
    ret
ring_has_room:
    mov dword [OUT_RING + RING_PENDING], 0
    mov r8, rdx                         ; where the packet begins
    sub rsi, 8
ring_copy_out:
    mov rax, [rdi]
    mov [rdx + OUT_RING + RING_DATA], rax
    add rdi, 8
    add rdx, 8
    and rdx, RING_END
    sub rsi, 8
    jne ring_copy_out
    mov rax, r8
    shl rax, 32
    mov [rdx + OUT_RING + RING_DATA], rax
    add rdx, 8
    and rdx, RING_END
    mov dword [OUT_RING + RING_WRITE], rdx
    mov rax, dword [OUT_RING + RING_MASK]
    test rax, rax
    jne ring_sent                       ; the reader is reading: it will find this too
    mov rax, dword [OUT_RING + RING_READ]
    cmp rax, r8
    jne ring_sent                       ; the ring was not empty: it has been signalled already
    call ring_signal
ring_sent:
    xor rax, rax
    ret

; Signal the root partition: there is something, or room.
ring_signal:
    mov rcx, SIGNAL_EVENT
    mov rdx, [channel_connection]
    mov rax, HYPERCALL_PAGE
    jmp rax

; Our event flag was set: read all packets with signals masked, let signals come again, and look
; once more (drivers/hv/connection.c, vmbus_on_event).
read_channel:
    push rbx
read_all:
    mov dword [IN_RING + RING_MASK], 1
read_next:
    mov rbx, [ring_read]
    mov rax, dword [IN_RING + RING_WRITE]
    cmp rax, rbx
    je read_to_the_end
    mov rcx, [rbx + IN_RING + RING_DATA]
    shr rcx, 32
    and rcx, 0xffff                     ; its length in words
    mov rdi, PACKET
ring_copy_in:
    mov rax, [rbx + IN_RING + RING_DATA]
    mov [rdi], rax
    add rdi, 8
    add rbx, 8
    and rbx, RING_END
    dec rcx
    jne ring_copy_in
    add rbx, 8                          ; the trailer
    and rbx, RING_END
    mov [ring_read], rbx
    call driver_packet
    jmp read_next
read_to_the_end:
    call ring_give_room
    call driver_batch
    mov dword [IN_RING + RING_MASK], 0
    mov rax, dword [IN_RING + RING_WRITE]
    cmp rax, [ring_read]
    jne read_all
    pop rbx
    ret

; Show what we have read; tell the root partition if it waits for as much room as there is now, and
; had less before (hv_pkt_iter_close).
ring_give_room:
    mov rdx, [ring_read]
    mov rcx, rdx
    mov rax, dword [IN_RING + RING_READ]
    sub rcx, rax
    and rcx, RING_END                   ; what has become free
    mov dword [IN_RING + RING_READ], rdx
    mov rsi, dword [IN_RING + RING_PENDING]
    test rsi, rsi
    je nobody_wants_room
    mov rax, dword [IN_RING + RING_WRITE]
    sub rax, rdx
    and rax, RING_END
    mov rdx, PAGE
    sub rdx, rax                        ; the room now
    cmp rdx, rsi
    jbe nobody_wants_room
    sub rdx, rcx                        ; the room before
    cmp rdx, rsi
    jbe ring_signal
nobody_wants_room:
    ret

ring_read:
    .quad 0
