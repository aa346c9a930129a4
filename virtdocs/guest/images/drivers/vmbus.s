; VMBus, as Linux drives it (drivers/hv/hv.c, connection.c, channel.c): name ourselves, have the
; hypercall page filled, turn on the synthetic interrupt controller, make contact with the root
; partition, take its one offer, lend it pages for a ring each way, and open the channel.
; A device's driver has the labels driver_start (the channel is open: set the device up),
; driver_call, driver_packet (a packet is at PACKET), driver_batch (all packets of this interrupt
; have been taken) and driver_lost (the root partition has taken the device back).
.equ DEVICE_MEMORY, 0x280000
.equ HYPERCALL_PAGE, DEVICE_MEMORY + 0x8000
.equ MESSAGE_PAGE, DEVICE_MEMORY + 0x9000
.equ FLAGS_PAGE, DEVICE_MEMORY + 0xa000
.equ POST_PAGE, DEVICE_MEMORY + 0xb000
.equ PACKET, DEVICE_MEMORY + 0xc000     ; the packet that was read last
.equ MSR_GUEST_NAME, 0x40000000
.equ MSR_HYPERCALL, 0x40000001
.equ MSR_SYNIC, 0x40000080
.equ MSR_FLAGS_PAGE, 0x40000082
.equ MSR_MESSAGE_PAGE, 0x40000083
.equ MSR_END_OF_MESSAGE, 0x40000084
.equ MSR_SOURCE, 0x40000092             ; source 2, for messages and event flags alike
.equ AUTO_EOI, 1 << 17                  ; the hypervisor acknowledges for us
.equ OPEN_SOURCE, 1 << 63               ; our name: an open-source system
.equ MESSAGE, MESSAGE_PAGE + 2 * 256    ; source 2's slot
.equ MESSAGE_FLAGS, MESSAGE + 5
.equ MESSAGE_PAYLOAD, MESSAGE + 16
.equ EVENT_FLAGS, FLAGS_PAGE + 2 * 256
.equ POST_MESSAGE, 0x5c
.equ SIGNAL_EVENT, 0x1005d              ; its input is in a register ("fast")
.equ OFFER, 1
.equ RESCIND, 2
.equ REQUEST_OFFERS, 3
.equ ALL_OFFERS, 4
.equ OPEN_CHANNEL, 5
.equ OPEN_RESULT, 6
.equ LEND_PAGES, 8
.equ PAGES_LENT, 10
.equ INITIATE_CONTACT, 14
.equ VERSION_RESPONSE, 15
.equ VMBUS_VERSION, 4 << 16
.equ RINGS, 1                           ; the handle of the rings' pages; a device's own follow
.equ PACKET_INBAND, 6
.equ PACKET_TRANSFER, 7
.equ PACKET_DIRECT, 9
.equ PACKET_COMPLETION, 11
.equ ANSWER_WANTED, 1 << 48             ; a flag, where the descriptor's first word has it
.equ P_TRANSACTION, 8                   ; of a packet, after kind, offset, length and flags
.equ P_HEADER, 16
.equ NO_DEVICE, 62                      ; how the run ends when no device is offered

main:
    mov rax, driver_call
    mov [driver], rax
    call start_synic
    call make_contact
    call open_channel
    call driver_start
    mov rdi, [programs]
    xor rsi, rsi
    call create_process
    inc qword [running_programs]
    jmp idle

; Messages and event flags come by one vector, which needs no end of interrupt.
start_synic:
    mov rax, vmbus_entry & 0xffff | KERNEL_CS << 16 | 0x8e << 40 | (vmbus_entry >> 16 & 0xffff) << 48
    mov [idt + 16 * EVENT_VECTOR], rax
    mov rax, vmbus_entry >> 32
    mov [idt + 16 * EVENT_VECTOR + 8], rax
    mov rdi, MSR_GUEST_NAME
    mov rsi, OPEN_SOURCE
    call write_msr
    mov rdi, MSR_HYPERCALL
    mov rsi, HYPERCALL_PAGE + 1
    call write_msr
    mov rdi, MSR_MESSAGE_PAGE
    mov rsi, MESSAGE_PAGE + 1
    call write_msr
    mov rdi, MSR_FLAGS_PAGE
    mov rsi, FLAGS_PAGE + 1
    call write_msr
    mov rdi, MSR_SOURCE
    mov rsi, AUTO_EOI | EVENT_VECTOR
    call write_msr
    mov rdi, MSR_SYNIC
    mov rsi, 1
    jmp write_msr

; Agree on a version, and ask for offers until there are no more.
make_contact:
    mov qword [post_words], INITIATE_CONTACT
    mov qword [post_words + 8], VMBUS_VERSION
    mov rdi, 40
    mov rsi, VERSION_RESPONSE
    call post_and_wait
    mov rax, byte [message_copy + 8]
    test rax, rax
    je no_device
    mov qword [post_words], REQUEST_OFFERS
    mov rdi, 8
    mov rsi, ALL_OFFERS
    call post_and_wait
    cmp qword [channel_number], 0
    je no_device
    ret
no_device:
    mov rdi, NO_DEVICE
    mov [exit_code], rdi
    jmp shutdown

open_channel:
    mov dword [OUT_RING + RING_FEATURES], 1 ; we say what room we wait for, and tell the other side
    mov rdi, RINGS
    mov rsi, OUT_RING
    mov rdx, 2 * RING_BYTES
    call lend_pages
    mov qword [post_words], OPEN_CHANNEL
    mov rax, [channel_number]
    mov [post_words + 8], rax           ; and 0: what makes this opening unique
    mov qword [post_words + 16], RINGS  ; and processor 0
    mov qword [post_words + 24], RING_BYTES >> 12
    mov rdi, 148
    mov rsi, OPEN_RESULT
    call post_and_wait
    mov rax, dword [message_copy + 16]
    test rax, rax
    jne no_device
    ret

; Lend the rdx bytes at rsi, whole pages, under the handle rdi (26 pages fit into one message).
lend_pages:
    push rbx
    mov qword [post_words], LEND_PAGES
    mov rax, [channel_number]
    mov dword [post_words + 8], rax
    mov dword [post_words + 12], rdi
    mov rcx, rdx
    shr rcx, 12
    lea rax, [rcx*8 + 8]                ; one range: its length, and its length in bytes
    or rax, 1 << 16
    mov dword [post_words + 16], rax
    mov dword [post_words + 20], rdx
    mov dword [post_words + 24], 0
    shr rsi, 12
    mov rbx, post_words + 28
next_page_lent:
    mov [rbx], rsi
    inc rsi
    add rbx, 8
    dec rcx
    jne next_page_lent
    mov rdi, rbx
    sub rdi, post_words
    mov rsi, PAGES_LENT
    call post_and_wait
    mov rax, dword [message_copy + 16]
    pop rbx
    test rax, rax
    jne no_device
    ret

; Post the rdi bytes at post_words and sleep until the message of kind rsi has come.
post_and_wait:
    mov [message_wanted], rsi
    mov qword [POST_PAGE], 1            ; the connection for messages
    mov dword [POST_PAGE + 8], 1        ; any kind but 0
    mov dword [POST_PAGE + 12], rdi
    mov rsi, post_words
    mov rdx, POST_PAGE + 16
    mov rcx, 30
post_word:
    mov rax, [rsi]
    mov [rdx], rax
    add rsi, 8
    add rdx, 8
    dec rcx
    jne post_word
    mov rcx, POST_MESSAGE
    mov rdx, POST_PAGE
    mov rax, HYPERCALL_PAGE
    call rax
    test rax, rax
    jne no_device
sleep_until_message:
    cmp qword [message_wanted], 0
    je message_has_come
    sti                                 ; no interrupt comes between sti and hlt
    hlt
    cli
    jmp sleep_until_message
message_has_come:
    ret

vmbus_entry:
    push 0
    push vmbus_interrupt
    jmp common_entry

; Channels first, then messages (drivers/hv/vmbus_drv.c, vmbus_isr).
vmbus_interrupt:
    xor rax, rax
    xchg [EVENT_FLAGS], rax             ; in one step: a flag that comes now interrupts again
    test rax, rax
    je vmbus_message
    call read_channel
vmbus_message:
    mov rax, dword [MESSAGE]
    test rax, rax
    je vmbus_done
    mov rsi, MESSAGE_PAYLOAD
    mov rdi, message_copy
    mov rcx, 30
copy_message:
    mov rax, [rsi]
    mov [rdi], rax
    add rsi, 8
    add rdi, 8
    dec rcx
    jne copy_message
    mov rdx, byte [MESSAGE_FLAGS]
    mov dword [MESSAGE], 0              ; the slot is empty
    test rdx, 1
    je message_alone
    mov rdi, MSR_END_OF_MESSAGE         ; another one waits for the slot
    xor rsi, rsi
    call write_msr
message_alone:
    call take_message
    jmp vmbus_message
vmbus_done:
    ret

take_message:
    mov rax, dword [message_copy]
    cmp rax, [message_wanted]
    jne message_unasked
    mov qword [message_wanted], 0
    ret
message_unasked:
    cmp rax, OFFER
    jne message_no_offer
    mov rcx, dword [message_copy + 184]
    mov [channel_number], rcx
    mov rcx, dword [message_copy + 192]
    mov [channel_connection], rcx
    ret
message_no_offer:
    cmp rax, RESCIND
    je driver_lost
    ret

message_wanted:
    .quad 0
channel_number:
    .quad 0
channel_connection:
    .quad 0
    .align 8
post_words:
    .zero 240
message_copy:
    .zero 240
