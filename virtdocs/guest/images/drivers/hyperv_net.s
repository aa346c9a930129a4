; netvsc (Linux, drivers/net/hyperv): frames in sections of a send and a receive buffer, each
; behind an RNDIS header, and a packet to say which section. The ring out has room for all that can
; be under way: the packets of 32 frames, and the completions of 32 sections.
.equ MESSAGE_BYTES, 40
.equ NVSP_INIT, 1
.equ NVSP_NDIS_VERSION, 100
.equ NVSP_RECEIVE_BUFFER, 101
.equ NVSP_SEND_BUFFER, 104
.equ NVSP_SEND_RNDIS, 107
.equ NVSP_SENT, 108
.equ NVSP_NDIS_CONFIG, 125
.equ NVSP_SUCCESS, 1
.equ NVSP_VERSION, 0x50000
.equ RECEIVE_BUFFER_ID, 0xcafe
.equ RECEIVE_HANDLE, 2
.equ SEND_HANDLE, 3
.equ RNDIS_PACKET, 1
.equ RNDIS_DATA, 8                      ; where the data begins, counted from this word on
.equ T_RANGE, 24                        ; a transfer packet: the range's length and its offset
.equ RNDIS_INITIALIZE, 2                ; control messages: type, length, number of the request
.equ RNDIS_SET, 5
.equ PACKET_FILTER, 0x1010e             ; OID_GEN_CURRENT_PACKET_FILTER
.equ OUR_FRAMES, 13                     ; to us, to all, and all multicast
.equ RNDIS_STATUS, 12                   ; of an answer
.equ CONTROL, 0xffff                    ; the transaction of a control message; slots have numbers
.equ NO_ROOM, 63                        ; the run's end if the ring were smaller than said above

driver_start:
    mov rdi, RECEIVE_HANDLE
    mov rsi, RECEIVE_SLOTS
    mov rdx, SLOTS * SLOT_BYTES
    call lend_pages
    mov rdi, SEND_HANDLE
    mov rsi, SEND_SLOTS
    mov rdx, SLOTS * SLOT_BYTES
    call lend_pages
    mov rdi, NVSP_INIT
    mov rsi, NVSP_VERSION               ; the oldest that we understand, and the newest
    mov rdx, NVSP_VERSION
    call net_ask
    mov rax, dword [PACKET + P_HEADER + 12]
    cmp rax, NVSP_SUCCESS
    jne no_device                       ; it does not speak this version
    mov rdi, NVSP_NDIS_CONFIG
    mov rsi, 1514                       ; the longest frame
    xor rdx, rdx
    call net_tell
    mov rdi, NVSP_NDIS_VERSION
    mov rsi, 6
    mov rdx, 0x1e
    call net_tell
    mov rdi, NVSP_RECEIVE_BUFFER
    mov rsi, RECEIVE_HANDLE
    mov rdx, RECEIVE_BUFFER_ID
    call net_ask
    mov rax, dword [PACKET + P_HEADER + 4]
    cmp rax, NVSP_SUCCESS
    jne no_device
    mov rdi, NVSP_SEND_BUFFER
    mov rsi, SEND_HANDLE
    xor rdx, rdx
    call net_ask
    mov rax, dword [PACKET + P_HEADER + 4]
    cmp rax, NVSP_SUCCESS
    jne no_device
    mov rax, dword [PACKET + P_HEADER + 8]
    cmp rax, SLOT_BYTES                 ; the other side chooses how long a section is
    jne no_device
    mov rdi, rndis_initialize
    call net_control
    mov rdi, rndis_set_filter
; Send the control message at rdi, and wait for its answer.
net_control:
    mov rax, dword [rdi + 4]
    mov dword [net_direct + 24], rax
    mov rax, rdi
    and rax, PAGE - 1
    mov dword [net_direct + 28], rax
    mov rax, rdi
    shr rax, 12
    mov [net_direct + 32], rax
    mov qword [net_setting_up], 1
    mov rdi, net_direct
    mov rsi, 80
    call ring_send
    test rax, rax
    jne net_no_room
    call net_wait
    cmp qword [net_status], 0
    jne no_device
    ret

; Send the message rdi with two words, and wait for the answer.
net_ask:
    mov qword [net_setting_up], 1
    mov rax, ANSWER_WANTED
    call net_message
net_wait:
    cmp qword [net_setting_up], 0
    je net_set_up
    sti
    hlt
    cli
    jmp net_wait

; Send the message rdi with two words, to which no answer comes.
net_tell:
    xor rax, rax
net_message:
    mov dword [net_packet + P_HEADER], rdi
    mov dword [net_packet + P_HEADER + 4], rsi
    mov dword [net_packet + P_HEADER + 8], rdx
    mov dword [net_packet + P_HEADER + 12], 0
; The message in net_packet, with the flags in rax.
net_send:
    mov rcx, PACKET_INBAND | P_HEADER / 8 << 16 | (P_HEADER + MESSAGE_BYTES) / 8 << 32
    or rax, rcx
    mov [net_packet], rax
    mov rdi, net_packet
    mov rsi, P_HEADER + MESSAGE_BYTES
    call ring_send
    test rax, rax
    jne net_no_room
net_set_up:
    ret
net_no_room:
    mov rdi, NO_ROOM
    mov [exit_code], rdi
    jmp shutdown

; The slot's headroom takes the RNDIS header: slot and section are the same.
driver_transmit:
    lea rdx, [rsi - SLOT_HEADROOM]
    mov dword [rdx], RNDIS_PACKET
    mov dword [rdx + 4], SLOT_HEADROOM + SIZE
    mov dword [rdx + 8], SLOT_HEADROOM - RNDIS_DATA
    mov dword [rdx + 12], SIZE
    mov [net_packet + P_TRANSACTION], rdi
    mov dword [net_packet + P_HEADER], NVSP_SEND_RNDIS
    mov dword [net_packet + P_HEADER + 4], 0 ; data, not control
    mov dword [net_packet + P_HEADER + 8], rdi
    mov dword [net_packet + P_HEADER + 12], SLOT_HEADROOM + SIZE
    mov rax, ANSWER_WANTED
    jmp net_send

driver_packet:
    mov rax, word [PACKET]
    cmp rax, PACKET_TRANSFER
    je net_received
    mov rax, dword [PACKET + P_HEADER]
    cmp rax, NVSP_SENT
    je net_sent
    mov qword [net_setting_up], 0
    ret
net_sent:
    mov rax, [PACKET + P_TRANSACTION]
    cmp rax, CONTROL
    jne packet_sent
    ret                                 ; the answer follows
net_received:
    mov rcx, [net_held]
    mov rax, [PACKET + P_TRANSACTION]
    mov [rcx*8 + net_completions], rax  ; for later: first everything is read
    inc qword [net_held]
    mov rdi, dword [PACKET + T_RANGE + 4]
    add rdi, RECEIVE_SLOTS
    mov rax, dword [rdi]
    cmp rax, RNDIS_PACKET
    jne net_answered
    mov rax, dword [rdi + RNDIS_DATA]
    lea rdi, [rdi + rax + RNDIS_DATA]
    jmp packet_received
net_answered:
    mov rax, dword [rdi + RNDIS_STATUS]
    mov [net_status], rax
    mov qword [net_setting_up], 0
    ret

; All packets of this interrupt have been taken: give their sections back (netvsc.c,
; send_recv_completions).
driver_batch:
    push rbx
    xor rbx, rbx
net_give_back:
    cmp rbx, [net_held]
    je net_all_given
    mov rax, [rbx*8 + net_completions]
    mov [net_answer + P_TRANSACTION], rax
    mov rax, PACKET_COMPLETION | P_HEADER / 8 << 16 | (P_HEADER + 8) / 8 << 32
    mov [net_answer], rax
    mov rax, NVSP_SENT | 1 << 32        ; received well
    mov [net_answer + P_HEADER], rax
    mov rdi, net_answer
    mov rsi, P_HEADER + 8
    call ring_send
    test rax, rax
    jne net_no_room
    inc rbx
    jmp net_give_back
net_all_given:
    mov qword [net_held], 0
    pop rbx
    ret

; No frame will come or go any more: end the run rather than wait for ever.
driver_lost:
    jmp no_device

net_setting_up:
    .quad 0
net_status:
    .quad 0
net_held:
    .quad 0
net_completions:
    .zero 8 * SLOTS
net_packet:
    .zero 16 + MESSAGE_BYTES
net_answer:
    .zero 24
net_direct:                             ; one range: its length, its offset and its page; the message
    .quad PACKET_DIRECT | 40 / 8 << 16 | 80 / 8 << 32 | ANSWER_WANTED, CONTROL
    .quad 1 << 32, 0, 0
    .quad NVSP_SEND_RNDIS | 1 << 32, 0xffffffff, 0, 0, 0 ; control, and not in the send buffer
    .align 64
rndis_initialize:                       ; 24 bytes: request 1, version 1.0, our longest message
    .quad RNDIS_INITIALIZE | 24 << 32, 1 | 1 << 32, SLOT_BYTES << 32
    .align 64
rndis_set_filter:                       ; 32 bytes: request 2; the value has 4, 20 behind the header
    .quad RNDIS_SET | 32 << 32, 2 | PACKET_FILTER << 32, 4 | 20 << 32, OUR_FRAMES << 32
