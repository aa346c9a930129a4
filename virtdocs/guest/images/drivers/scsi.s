; The 16 bytes at rdx become the SCSI command (SBC-3) for the block layer's request at rdi.
scsi_command:
    mov qword [rdx], 0
    mov qword [rdx + 8], 0
    mov rax, [rdi + R_OPERATION]
    cmp rax, OP_FLUSH
    je scsi_flush
    mov rcx, 0x28                       ; READ(10)
    cmp rax, OP_READ
    je scsi_address
    mov rcx, 0x2a                       ; WRITE(10)
scsi_address:
    mov byte [rdx], rcx
    mov rax, [rdi + R_SECTOR]
    mov byte [rdx + 5], rax             ; the highest byte comes first
    shr rax, 8
    mov byte [rdx + 4], rax
    shr rax, 8
    mov byte [rdx + 3], rax
    shr rax, 8
    mov byte [rdx + 2], rax
    mov byte [rdx + 7], SECTORS >> 8
    mov byte [rdx + 8], SECTORS & 0xff
    ret
scsi_flush:
    mov byte [rdx], 0x35                ; SYNCHRONIZE CACHE(10)
    ret
