; An ATA disk, as Linux 6.1 drives it (drivers/ata/libata-sff.c): every access below is there for
; the reason that its comment gives. One request at a time; the others wait in the block layer.
.equ ATA_DATA, 0x1f0
.equ ATA_FEATURES, 0x1f1
.equ ATA_COUNT, 0x1f2
.equ ATA_LBA_LOW, 0x1f3
.equ ATA_LBA_MID, 0x1f4
.equ ATA_LBA_HIGH, 0x1f5
.equ ATA_DEVICE, 0x1f6
.equ ATA_STATUS, 0x1f7          ; read; written, it is the command
.equ ATA_ALTERNATE, 0x3f6
.equ BM_COMMAND, 0xc000
.equ BM_STATUS, 0xc002
.equ BM_TABLE, 0xc004
.equ ATA_BUSY, 0x80
.equ ATA_DRQ, 0x08
.equ ATA_ERROR, 0x01
.equ BM_START, 1
.equ BM_TO_MEMORY, 8
.equ BM_INTERRUPT, 4
.equ PRD_TABLE, DEVICE_MEMORY
.equ PRD_LAST, 1 << 31
.equ MULTIPLE_BYTES, 16 * 512   ; one block of data between interrupts

driver_start:
    ret

driver_queue:
    inc qword [ide_waiting]
    ret

driver_kick:
    mov rdi, requests
    mov [ide_request], rdi
    jmp ide_issue

; Status until the disk is neither busy nor asking for data: once, if all is well.
ide_wait_idle:
    in al, ATA_STATUS
    test rax, ATA_BUSY | ATA_DRQ
    jne ide_wait_idle
    ret

; Give the disk the request at [ide_request].
ide_issue:
    push rbx
    mov rbx, [ide_request]
    xor rax, rax
    call ide_wait_idle
    mov rax, 0xa0                       ; select device 0
    out ATA_DEVICE, al
    in al, ATA_ALTERNATE                ; gives it 400 ns
    call ide_wait_idle
    cmp qword [rbx + R_OPERATION], OP_FLUSH
    je ide_flush
    mov rax, 0
    out ATA_FEATURES, al
    mov rax, SECTORS
    out ATA_COUNT, al
    mov rcx, [rbx + R_SECTOR]
    mov rax, rcx
    out ATA_LBA_LOW, al
    shr rax, 8
    out ATA_LBA_MID, al
    shr rax, 8
    out ATA_LBA_HIGH, al
    shr rax, 8
    and rax, 15
    or rax, 0xe0                        ; LBA, device 0
    out ATA_DEVICE, al
    call ide_wait_idle
.if IDE_DMA
    call ide_regions
    mov rax, PRD_TABLE
    out BM_TABLE, eax
    xor rax, rax
    in al, BM_COMMAND
    and rax, -1 - BM_TO_MEMORY - BM_START
    mov rcx, 0xca                       ; WRITE DMA
    cmp qword [rbx + R_OPERATION], OP_READ
    jne ide_direction
    or rax, BM_TO_MEMORY
    mov rcx, 0xc8                       ; READ DMA
ide_direction:
    out BM_COMMAND, al
    mov rax, rcx
    out ATA_STATUS, al
    in al, ATA_ALTERNATE
    in al, BM_COMMAND
    or rax, BM_START
    out BM_COMMAND, al
    pop rbx
    ret
.else
    mov qword [ide_left], SIZE
    mov rax, [rbx + R_BUFFER]
    mov [ide_data], rax
    mov rax, 0xc5                       ; WRITE MULTIPLE
    cmp qword [rbx + R_OPERATION], OP_READ
    jne ide_write
    mov rax, 0xc4                       ; READ MULTIPLE
    out ATA_STATUS, al
    in al, ATA_ALTERNATE
    pop rbx
    ret
ide_write:
    out ATA_STATUS, al
    in al, ATA_ALTERNATE
ide_not_ready:                          ; the first block goes without an interrupt
    in al, ATA_STATUS
    test rax, ATA_BUSY
    jne ide_not_ready
    pop rbx
    jmp ide_move
.endif
ide_flush:
    mov rax, 0xe0
    out ATA_DEVICE, al
    call ide_wait_idle
    mov rax, 0xea                       ; FLUSH CACHE EXT
    out ATA_STATUS, al
    in al, ATA_ALTERNATE
    pop rbx
    ret

.if IDE_DMA
; The regions of the request's buffer: none may cross a multiple of 64 KiB.
ide_regions:
    mov rax, [rbx + R_BUFFER]
    mov rcx, SIZE
    mov rdx, PRD_TABLE
ide_region:
    mov r8, rax
    and r8, 0xffff
    neg r8
    add r8, 0x10000                     ; bytes up to the boundary
    mov dword [rdx], rax
    cmp rcx, r8
    jbe ide_last_region
    mov r9, r8
    and r9, 0xffff
    mov dword [rdx + 4], r9
    add rax, r8
    sub rcx, r8
    add rdx, 8
    jmp ide_region
ide_last_region:
    and rcx, 0xffff                     ; 0 stands for 64 KiB
    mov rax, PRD_LAST
    or rcx, rax
    mov dword [rdx + 4], rcx
    ret
.else
; Move one block between the buffer and the data port.
ide_move:
    mov rdx, [ide_data]
    mov rcx, [ide_left]
    cmp rcx, MULTIPLE_BYTES
    jbe ide_move_all
    mov rcx, MULTIPLE_BYTES
ide_move_all:
    sub [ide_left], rcx
    add rcx, rdx
    mov [ide_data], rcx
    mov r8, [ide_request]
    cmp qword [r8 + R_OPERATION], OP_READ
    jne ide_move_out
ide_move_in:
    in eax, ATA_DATA
    mov dword [rdx], rax
    add rdx, 4
    cmp rdx, rcx
    jne ide_move_in
    jmp ide_moved
ide_move_out:
    mov rax, dword [rdx]
    out ATA_DATA, eax
    add rdx, 4
    cmp rdx, rcx
    jne ide_move_out
ide_moved:
    xor rax, rax
    in al, ATA_ALTERNATE                ; lets the writes arrive
    ret
.endif

driver_interrupt:
    push rbx
    xor rax, rax
    mov rbx, [ide_request]
.if IDE_DMA
    cmp qword [rbx + R_OPERATION], OP_FLUSH
    je ide_status
    in al, BM_STATUS                    ; was it us?
    test rax, BM_INTERRUPT
    je ide_not_ours
    in al, BM_COMMAND
    and rax, -1 - BM_START
    out BM_COMMAND, al
    in al, ATA_ALTERNATE                ; time for the bus master to stop
.endif
ide_status:
    in al, ATA_ALTERNATE                ; busy: somebody else's interrupt
    test rax, ATA_BUSY
    jne ide_not_ours
    in al, ATA_STATUS                   ; drops the line
    mov rcx, rax
    in al, BM_STATUS
    out BM_STATUS, al                   ; clears the bus master's note of it
    test rcx, ATA_ERROR
    jne ide_done
.if IDE_DMA
.else
    cmp qword [rbx + R_OPERATION], OP_FLUSH
    je ide_done
    cmp qword [ide_left], 0
    je ide_done                         ; the last block was written
    call ide_move
    xor rcx, rcx
    cmp qword [rbx + R_OPERATION], OP_READ
    jne ide_not_ours                    ; an interrupt follows when it is on the disk
    cmp qword [ide_left], 0
    jne ide_not_ours
    call ide_wait_idle
.endif
ide_done:
    mov rdi, rcx
    and rdi, ATA_ERROR
    add qword [ide_request], R_BYTES
    dec qword [ide_waiting]
    je ide_last_done
    call request_done
    pop rbx
    jmp ide_issue
ide_last_done:
    pop rbx
    jmp request_done
ide_not_ours:
    pop rbx
    ret

ide_request:                            ; the one that the disk works on
    .quad 0
ide_waiting:                            ; how many there are, with that one
    .quad 0
ide_data:
    .quad 0
ide_left:
    .quad 0
