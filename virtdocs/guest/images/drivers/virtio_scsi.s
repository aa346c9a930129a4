; virtio-scsi (OASIS virtio 1.2, 5.6): SCSI commands through the request queue, the third one.
.equ REQUEST_QUEUE, VIRTQUEUES + 2 * V_BYTES
.equ SCSI_REQUESTS, VIRTQUEUES + 3 * V_BYTES
.equ Q_HEADER, 0                ; 51 bytes: unit, tag, attributes, command
.equ Q_COMMAND, 19
.equ Q_RESPONSE, 64             ; 108 bytes
.equ Q_STATUS, 64 + 10
.equ Q_TABLE, 192               ; three descriptors
.equ Q_BYTES, 256

driver_start:
    xor rdi, rdi
    call virtio_begin
    mov rdi, 0
    mov rsi, DEVICE_VECTOR
    call virtio_queue
    mov rdi, 1
    mov rsi, DEVICE_VECTOR
    call virtio_queue
    mov rdi, 2
    mov rsi, DEVICE_VECTOR
    call virtio_queue
    jmp virtio_ready

driver_queue:
    push rbx
    mov rbx, rsi
    imul rbx, Q_BYTES
    add rbx, SCSI_REQUESTS
    mov rax, 0x400001                   ; target 0, unit 0
    mov [rbx], rax
    mov [rbx + 8], rsi
    lea rdx, [rbx + Q_COMMAND]
    call scsi_command
    mov [rbx + Q_TABLE], rbx
    mov rax, 1 << 48 | D_NEXT << 32 | 51
    mov [rbx + Q_TABLE + 8], rax
    lea rcx, [rbx + Q_RESPONSE]
    mov rdx, [rdi + R_BUFFER]
    mov rax, [rdi + R_OPERATION]
    cmp rax, OP_FLUSH
    je scsi_no_data
    cmp rax, OP_READ
    je scsi_data_in
    mov [rbx + Q_TABLE + 16], rdx       ; data to the device comes before its response
    mov rax, 2 << 48 | D_NEXT << 32 | SIZE
    mov [rbx + Q_TABLE + 24], rax
    mov [rbx + Q_TABLE + 32], rcx
    mov rax, D_WRITE << 32 | 108
    mov [rbx + Q_TABLE + 40], rax
    mov rdx, D_INDIRECT << 32 | 48
    jmp scsi_offer
scsi_data_in:
    mov [rbx + Q_TABLE + 32], rdx
    mov rax, D_WRITE << 32 | SIZE
    mov [rbx + Q_TABLE + 40], rax
    mov [rbx + Q_TABLE + 16], rcx
    mov rax, 2 << 48 | (D_NEXT | D_WRITE) << 32 | 108
    mov [rbx + Q_TABLE + 24], rax
    mov rdx, D_INDIRECT << 32 | 48
    jmp scsi_offer
scsi_no_data:
    mov [rbx + Q_TABLE + 16], rcx
    mov rax, D_WRITE << 32 | 108
    mov [rbx + Q_TABLE + 24], rax
    mov rdx, D_INDIRECT << 32 | 32
scsi_offer:
    mov rax, rsi
    shl rax, 4
    add rax, REQUEST_QUEUE
    lea rcx, [rbx + Q_TABLE]
    mov [rax], rcx
    mov [rax + 8], rdx
    mov rdi, REQUEST_QUEUE
    pop rbx
    jmp virtio_offer

driver_kick:
    cmp qword [scsi_stopped], 0
    jne requests_lost
    mov rdi, REQUEST_QUEUE
    jmp virtio_kick

driver_interrupt:
.if VECTORS
    mov rax, byte [VIRTIO_ISR]
    test rax, ISR_CONFIG
    jne scsi_changed
    test rax, rax
    je scsi_not_ours
.else
    cmp rsi, CONFIG_MESSAGE
    je scsi_changed
.endif
scsi_completed:
    mov rdi, REQUEST_QUEUE
    call virtio_take
    cmp rax, -1
    je scsi_none
    imul rax, Q_BYTES
    mov rdi, byte [rax + SCSI_REQUESTS + Q_STATUS]
    test rdi, rdi
    je scsi_succeeded
    mov rdi, 1
scsi_succeeded:
    call request_done
    jmp scsi_completed
scsi_none:
    mov rdi, REQUEST_QUEUE
    call virtio_listen
    jne scsi_completed
scsi_not_ours:
    ret

; The device has changed: if it has stopped, nothing that is outstanding will ever come back.
scsi_changed:
    call virtio_broken
    je scsi_not_ours
    mov qword [scsi_stopped], 1
    jmp requests_lost

scsi_stopped:
    .quad 0
