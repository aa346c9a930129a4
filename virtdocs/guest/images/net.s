; net_tx, net_pingpong, net_burst: a program sends frames of SIZE bytes and waits for REPLIES
; replies to each. One op is one frame, with its replies.
programs:
    .quad use_network, 0

    .org USER_TEXT + 0x1000
use_network:
    xor r13, r13
    mov r12, OPS
next_packet:
    mov [frame], r12
    mov rdi, frame
    mov rsi, REPLIES
    mov rax, SYS_DRIVER
    call system_call
    add r13, rax
    dec r12
    jne next_packet
    mov [result], r13
    jmp finish

    .align 64
result:
    .zero 8
    .result result, 8
    .align 64
frame:
    .zero 1536
