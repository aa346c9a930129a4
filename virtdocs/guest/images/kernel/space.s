; Address spaces: the tables of a process, and which ones are in force.

; -> rax: the directory that maps the first 16 MiB, kept for every process to share.
find_directory:
.if PV
    mov rdi, [top_table]                ; the builder put the tables side by side, top first
    call machine_frame
    mov [boot_root], rax
.if LEVELS - 2
    add rdi, (LEVELS - 2) * PAGE
.endif
    mov [directory], rdi
    ret
.else
    mov rdi, cr3
    and rdi, -PAGE
    mov [boot_root], rdi
    mov rcx, LEVELS - 2
directory_below:
    test rcx, rcx
    je directory_found
    mov rdi, [rdi]
    and rdi, -PAGE
    dec rcx
    jmp directory_below
directory_found:
    mov [directory], rdi
    ret
.endif

; rdi: a process. Build its page tables in the pages that belong to its number: the last level,
; the directory, then what is above it.
build_space:
    push rbx
    push r12
    mov rbx, rdi
    mov r12, [rdi + P_NUMBER]
    imul r12, TABLES_BYTES
    add r12, TABLES
    mov [rbx + P_LEAF], r12
    lea rax, [r12 + 8 * PAGE]
    mov [rbx + P_FRAMES], rax
.if PV
    lea rdi, [r12 + (LEVELS - 1) * PAGE]
    call machine_frame
    mov [rbx + P_ROOT], rax
.endif
.if PV64
    lea rdi, [r12 + 6 * PAGE]
    call machine_frame
    mov [rbx + P_USER_ROOT], rax
.endif
    mov rdi, r12
    call zero_frame
    mov rsi, [directory]                ; everybody shares the kernel and the programs' text
    lea rdi, [r12 + PAGE]
    mov rcx, SHARED_SLOTS
share_slot:
    mov rax, [rsi]
    and rax, -33                        ; without the accessed bit, which is the other table's
    mov [rdi], rax
    add rsi, 8
    add rdi, 8
    dec rcx
    jne share_slot
    lea rdi, [r12 + PTE_TABLE]
.if PV
    call machine_entry
    mov [r12 + PAGE + USER_SLOT * 8], rax
.if PV64
    mov [r12 + 4 * PAGE + USER_SLOT * 8], rax
    mov rsi, [directory]                ; a second set for user mode, without the kernel's half
    mov rcx, SHARED_SLOTS / 2
share_user_slot:
    mov rax, [rsi + rcx*8 + SHARED_SLOTS * 4 - 8]
    and rax, -33
    mov [r12 + rcx*8 + 4 * PAGE + SHARED_SLOTS * 4 - 8], rax
    dec rcx
    jne share_user_slot
    lea rdi, [r12 + PAGE + PTE_TABLE]
    call machine_entry
    mov [r12 + 2 * PAGE], rax
    lea rdi, [r12 + 2 * PAGE + PTE_TABLE]
    call machine_entry
    mov [r12 + 3 * PAGE], rax
    lea rdi, [r12 + 4 * PAGE + PTE_TABLE]
    call machine_entry
    mov [r12 + 5 * PAGE], rax
    lea rdi, [r12 + 5 * PAGE + PTE_TABLE]
    call machine_entry
    mov [r12 + 6 * PAGE], rax
.endif
    xor rdi, rdi                        ; the hypervisor takes no table that we could write to
    call change_tables
    mov rdi, MMUEXT_PIN_L1 + LEVELS - 1
    mov rsi, [rbx + P_ROOT]
    call extended_operation
.if PV64
    mov rdi, MMUEXT_PIN_L1 + LEVELS - 1
    mov rsi, [rbx + P_USER_ROOT]
    call extended_operation
.endif
.else
    mov [r12 + PAGE + USER_SLOT * 8], rdi
    lea rax, [r12 + PAGE]
    mov rcx, LEVELS - 2
table_above:
    test rcx, rcx
    je space_built
    lea rdx, [rax + PTE_TABLE]
    add rax, PAGE
    mov [rax], rdx
    dec rcx
    jmp table_above
space_built:
    mov [rbx + P_ROOT], rax
.endif
    pop r12
    pop rbx
    ret

; Give up the running process's pages and tables; go on in the boot tables.
release_space:
    push rbx
    push r12
    push r13
    mov rbx, [rbp + C_CURRENT]
    mov rdi, [boot_root]
    call load_root
.if PV64
    mov rdi, MMUEXT_NEW_USER_ROOT       ; none: nobody goes back to user mode from here
    mov rsi, 0
    call extended_operation
.endif
    mov r12, [rbx + P_FRAMES]
    lea r13, [r12 + USER_PAGES * 8]
release_next:
    mov rdi, [r12]
    test rdi, rdi
    je release_none
    mov qword [r12], 0
    and rdi, -PAGE
    call release_frame
release_none:
    add r12, 8
    cmp r12, r13
    jne release_next
.if PV
    mov rdi, MMUEXT_UNPIN
    mov rsi, [rbx + P_ROOT]
    call extended_operation
.if PV64
    mov rdi, MMUEXT_UNPIN
    mov rsi, [rbx + P_USER_ROOT]
    call extended_operation
.endif
    mov r12, [rbx + P_LEAF]
    mov rdi, PTE_WRITABLE
    call change_tables
.endif
    pop r13
    pop r12
    pop rbx
    ret

.if PV
; rdi, a page's address, -> rax: the machine's frame number.
machine_frame:
    mov rcx, [machine_frames]
    mov rax, rdi
    shr rax, 12
    mov rax, [rcx + rax*8]
    ret

; Our own mapping of the process's tables, from r12 on: rdi is PTE_WRITABLE or 0.
change_tables:
    push rbx
    push r13
    push r14
    mov rbx, rdi
    mov r13, r12
.if PV64
    lea r14, [r12 + 7 * PAGE]
.else
    lea r14, [r12 + LEVELS * PAGE]
.endif
change_table:
    lea rdi, [r13 + PTE_PRESENT]
    or rdi, rbx
    call machine_entry
    mov rsi, rax
    mov rdi, r13
    mov rdx, UVMF_INVLPG
    call HC_UPDATE_VA_MAPPING
    call check_hypercall
    add r13, PAGE
    cmp r13, r14
    jne change_table
    pop r14
    pop r13
    pop rbx
    ret

; mmuext_op: command rdi, first argument rsi.
extended_operation:
    mov [extended_arguments], rdi
    mov [extended_arguments + 8], rsi
    mov rdi, extended_arguments
    mov rsi, 1
    mov rdx, queue_done
    mov r10, DOMID_SELF
    call HC_MMUEXT
    jmp check_hypercall
.endif

; Use the page tables rdi from now on.
load_root:
    mov [rbp + C_ROOT], rdi
.if PV
    mov rsi, rdi
    mov rdi, MMUEXT_NEW_ROOT
    jmp extended_operation
.else
    mov cr3, rdi
    ret
.endif

boot_root:
    .quad 0
directory:
    .quad 0
.if PV
extended_arguments:
    .quad 0, 0, 0
.endif
