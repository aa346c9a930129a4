; NVMe (base specification 1.4), as Linux 6.1 drives it (drivers/nvme/host/pci.c): a batch of
; commands shares one write of the doorbell, and so do the completions of one interrupt.
.equ NVME_CC, DEVICE + 0x14
.equ NVME_CSTS, DEVICE + 0x1c
.equ NVME_AQA, DEVICE + 0x24
.equ NVME_ASQ, DEVICE + 0x28
.equ NVME_ACQ, DEVICE + 0x30
.equ NVME_ADMIN_TAIL, DEVICE + 0x1000
.equ NVME_ADMIN_HEAD, DEVICE + 0x1004
.equ NVME_TAIL, DEVICE + 0x1008
.equ NVME_HEAD, DEVICE + 0x100c
.equ NVME_MESSAGES, DEVICE + 0x2000
.equ ADMIN_COMMANDS, DEVICE_MEMORY
.equ ADMIN_COMPLETIONS, DEVICE_MEMORY + PAGE
.equ COMMANDS, DEVICE_MEMORY + 2 * PAGE         ; 64 entries of 64 bytes
.equ COMPLETIONS, DEVICE_MEMORY + 3 * PAGE      ; 64 entries of 16 bytes
.equ PAGE_LISTS, DEVICE_MEMORY + 4 * PAGE       ; 128 bytes a request
.equ ENTRIES, 64

driver_start:
    mov dword [NVME_AQA], 7 << 16 | 7
    mov qword [NVME_ASQ], ADMIN_COMMANDS
    mov qword [NVME_ACQ], ADMIN_COMPLETIONS
    mov dword [NVME_CC], 0x460001       ; entries of 16 and 64 bytes, enable
nvme_not_ready:
    mov rax, dword [NVME_CSTS]
    test rax, 1
    je nvme_not_ready
.if VECTORS
.else
    mov dword [NVME_MESSAGES + 16 + 8], DEVICE_VECTOR
    mov dword [NVME_MESSAGES + 16 + 12], 0
.endif
    mov qword [ADMIN_COMMANDS], 0x05    ; create the completion queue: interrupts, message 1
    mov qword [ADMIN_COMMANDS + 24], COMPLETIONS
    mov dword [ADMIN_COMMANDS + 40], (ENTRIES - 1) << 16 | 1
    mov dword [ADMIN_COMMANDS + 44], 1 << 16 | 3
    mov qword [ADMIN_COMMANDS + 64], 0x01 | 1 << 16 ; create the submission queue
    mov qword [ADMIN_COMMANDS + 64 + 24], COMMANDS
    mov dword [ADMIN_COMMANDS + 64 + 40], (ENTRIES - 1) << 16 | 1
    mov dword [ADMIN_COMMANDS + 64 + 44], 1 << 16 | 1
    mov dword [NVME_ADMIN_TAIL], 2
nvme_creating:                          ; the second completion: its phase bit
    mov rax, dword [ADMIN_COMPLETIONS + 16 + 12]
    test rax, 0x10000
    je nvme_creating
    mov dword [NVME_ADMIN_HEAD], 2
    ret

driver_queue:
    push rbx
    mov rbx, [nvme_tail]
    mov rax, rbx
    inc rax
    and rax, ENTRIES - 1
    mov [nvme_tail], rax
    shl rbx, 6
    add rbx, COMMANDS
    mov rdx, rsi
    shl rdx, 16                         ; the command's identifier
    mov rax, [rdi + R_OPERATION]
    cmp rax, OP_FLUSH
    je nvme_command                     ; opcode 0
    mov rcx, 2                          ; read
    cmp rax, OP_READ
    je nvme_address
    mov rcx, 1                          ; write
nvme_address:
    or rdx, rcx
    mov rax, [rdi + R_SECTOR]
    mov [rbx + 40], rax
    mov qword [rbx + 48], SECTORS - 1
    mov rax, [rdi + R_BUFFER]
    mov [rbx + 24], rax
    and rax, -PAGE
    add rax, PAGE                       ; the pages after the first
    mov rcx, [rdi + R_BUFFER]
    add rcx, SIZE
    lea r8, [rax + PAGE]
    cmp rcx, r8
    ja nvme_list
    mov [rbx + 32], rax
    jmp nvme_command
nvme_list:
    mov r8, rsi
    shl r8, 7
    add r8, PAGE_LISTS
    mov [rbx + 32], r8
nvme_list_next:
    mov [r8], rax
    add r8, 8
    add rax, PAGE
    cmp rax, rcx
    jb nvme_list_next
nvme_command:
    mov rax, 1 << 32                    ; namespace 1
    or rdx, rax
    mov [rbx], rdx
    pop rbx
    ret

driver_kick:
    mov rax, [nvme_tail]
    mov dword [NVME_TAIL], rax
    ret

driver_interrupt:
    push rbx
    push r12
    mov r12, [nvme_head]
nvme_next:
    mov rbx, r12
    and rbx, ENTRIES - 1
    shl rbx, 4
    mov rax, dword [rbx + COMPLETIONS + 12]
    shr rax, 16
    mov rcx, r12                        ; the phase that is new turns over with each round
    and rcx, ENTRIES
    shr rcx, 6
    mov rdx, rax
    and rdx, 1
    cmp rcx, rdx
    je nvme_all
    inc r12
    xor rdi, rdi
    shr rax, 1
    je nvme_fine
    mov rdi, 1
nvme_fine:
    call request_done
    jmp nvme_next
nvme_all:
    cmp r12, [nvme_head]
    je nvme_not_ours
    mov [nvme_head], r12
    and r12, ENTRIES - 1
    mov dword [NVME_HEAD], r12
nvme_not_ours:
    pop r12
    pop rbx
    ret

nvme_tail:
    .quad 0
nvme_head:
    .quad 0
