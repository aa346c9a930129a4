; The network layer: packets out of, and into, slots that driver and device share.
; A controller's driver has the label driver_transmit (send the frame in slot rdi, whose address is
; rsi) and calls packet_sent for each slot that is free again, in order, and packet_received.
.equ SLOT_BYTES, 2048
.equ SLOTS, 32
.equ SLOT_HEADROOM, 64          ; before the frame, for the device's own header
.equ SEND_SLOTS, DEVICE_MEMORY + 0x10000
.equ RECEIVE_SLOTS, DEVICE_MEMORY + 0x20000

; SYS_DRIVER(frame of SIZE bytes, replies): send it, and wait for so many replies.
; -> the sum of their first words.
driver_call:
    push rbx
    push r12
    push r13
    call close_interrupts
    mov rbx, rdi
    mov [expected], rsi
    mov qword [received_sum], 0
wait_for_slot:
    mov r12, [sent]
    mov rax, r12
    sub rax, [confirmed]
    cmp rax, SLOTS
    jb slot_free
    mov qword [slot_wanted], 1
    call wait_for_device
    call close_interrupts
    jmp wait_for_slot
slot_free:
    inc qword [sent]
    and r12, SLOTS - 1
    mov r13, r12
    imul r13, SLOT_BYTES
    add r13, SEND_SLOTS + SLOT_HEADROOM
    mov rdx, r13
    mov rcx, SIZE
copy_word:
    mov rax, [rbx]
    mov [rdx], rax
    add rbx, 8
    add rdx, 8
    sub rcx, 8
    jne copy_word
    mov rdi, r12
    mov rsi, r13
    call driver_transmit
wait_for_replies:
    cmp qword [expected], 0
    je replies_done
    mov qword [reply_wanted], 1
    call wait_for_device
    call close_interrupts
    jmp wait_for_replies
replies_done:
    mov rax, [received_sum]
    pop r13
    pop r12
    pop rbx
    ret

; From an interrupt: the oldest slot in use is free again.
packet_sent:
    inc qword [confirmed]
    cmp qword [slot_wanted], 0
    je nobody_wants
    mov qword [slot_wanted], 0
    jmp wake_up
nobody_wants:
    ret

; From an interrupt: a frame is at rdi.
packet_received:
    mov rax, [rdi]
    add [received_sum], rax
    dec qword [expected]
    jne nobody_wants
    cmp qword [reply_wanted], 0
    je nobody_wants
    mov qword [reply_wanted], 0
    jmp wake_up

sent:
    .quad 0
confirmed:
    .quad 0
slot_wanted:
    .quad 0
expected:
    .quad 0
reply_wanted:
    .quad 0
received_sum:
    .quad 0
