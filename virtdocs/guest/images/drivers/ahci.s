; AHCI, as Linux 6.1 drives it (drivers/ata/libahci.c): a command's slot is its number in the block
; layer; queued commands set two bits, others one.
.equ HBA_CONTROL, DEVICE + 0x04
.equ HBA_STATUS, DEVICE + 0x08
.equ PORT_LIST, DEVICE + 0x100
.equ PORT_LIST_HIGH, DEVICE + 0x104
.equ PORT_STATUS, DEVICE + 0x110
.equ PORT_ENABLE, DEVICE + 0x114
.equ PORT_COMMAND, DEVICE + 0x118
.equ PORT_ACTIVE, DEVICE + 0x134
.equ PORT_ISSUE, DEVICE + 0x138
.equ HBA_MESSAGE, DEVICE + 0x1000
.equ PORT_ERRORS, 0x60000000
.equ COMMAND_LIST, DEVICE_MEMORY
.equ COMMAND_TABLES, DEVICE_MEMORY + PAGE
.equ TABLE_BYTES, 256

driver_start:
    mov dword [PORT_LIST], COMMAND_LIST
    mov dword [PORT_LIST_HIGH], 0
    mov dword [PORT_ENABLE], 0x60000009
.if VECTORS
.else
    mov dword [HBA_MESSAGE + 8], DEVICE_VECTOR
    mov dword [HBA_MESSAGE + 12], 0
.endif
    mov rax, 0x80000002                 ; AHCI mode, interrupts
    mov dword [HBA_CONTROL], rax
    mov dword [PORT_COMMAND], 1
    ret

; Fill slot rsi with the request at rdi and give it to the controller.
driver_queue:
    mov rcx, rsi
    mov rdx, rsi
    imul rdx, TABLE_BYTES
    add rdx, COMMAND_TABLES
    mov rax, rsi
    shl rax, 5
    add rax, COMMAND_LIST
    mov [rax + 8], rdx
    mov r8, [rdi + R_OPERATION]
    cmp r8, OP_FLUSH
    je ahci_flush
    mov r9, 1 << 16 | 5                 ; one region, five words of FIS
    mov r10, 0x608027                   ; register FIS, READ FPDMA QUEUED
    cmp r8, OP_READ
    je ahci_direction
    or r9, 0x40                         ; to the device
    mov r10, 0x618027                   ; WRITE FPDMA QUEUED
ahci_direction:
    mov dword [rax], r9
    mov r9, SECTORS & 0xff
    shl r9, 24
    or r10, r9
    mov dword [rdx], r10
    mov r9, [rdi + R_SECTOR]
    mov r10, r9
    and r10, 0xffffff
    mov r11, 0x40000000                 ; LBA
    or r10, r11
    mov dword [rdx + 4], r10
    shr r9, 24
    mov r10, SECTORS >> 8
    shl r10, 24
    or r9, r10
    mov dword [rdx + 8], r9
    mov r9, rsi
    shl r9, 3                           ; the tag
    mov dword [rdx + 12], r9
    mov r9, [rdi + R_BUFFER]
    mov [rdx + 0x80], r9
    mov dword [rdx + 0x88], 0
    mov dword [rdx + 0x8c], SIZE - 1
    mov rax, 1
    shl rax, rcx
    or [ahci_active], rax
    mov qword [ahci_queued], 1
    mov dword [PORT_ACTIVE], rax
    mov dword [PORT_ISSUE], rax
    ret
ahci_flush:
    mov dword [rax], 5
    mov dword [rdx], 0xea8027           ; FLUSH CACHE EXT
    mov dword [rdx + 4], 0
    mov dword [rdx + 8], 0
    mov dword [rdx + 12], 0
    mov rax, 1
    shl rax, rcx
    or [ahci_active], rax
    mov qword [ahci_queued], 0
    mov dword [PORT_ISSUE], rax
    ret

driver_kick:
    ret

driver_interrupt:
    push rbx
    push r12
    mov rax, dword [HBA_STATUS]
    test rax, rax
    je ahci_not_ours
    mov r12, dword [PORT_STATUS]
    mov dword [PORT_STATUS], r12
    cmp qword [ahci_queued], 0
    je ahci_plain
    mov rbx, dword [PORT_ACTIVE]
    jmp ahci_compare
ahci_plain:
    mov rbx, dword [PORT_ISSUE]
ahci_compare:
    xor rbx, [ahci_active]              ; the slots that are no longer busy
    xor [ahci_active], rbx
    and r12, PORT_ERRORS
ahci_next:
    test rbx, rbx
    je ahci_completed
    mov rax, rbx
    dec rax
    and rbx, rax
    xor rdi, rdi
    test r12, r12
    je ahci_fine
    mov rdi, 1
ahci_fine:
    call request_done
    jmp ahci_next
ahci_completed:
    mov rax, 1
    mov dword [HBA_STATUS], rax         ; after the port, whose bit would come back
ahci_not_ours:
    pop r12
    pop rbx
    ret

ahci_active:
    .quad 0
ahci_queued:
    .quad 0
