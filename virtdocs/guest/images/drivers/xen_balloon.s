; Xen's balloon, as Linux drives it (drivers/xen/balloon.c, xen-balloon.c): the target comes from the
; Xenstore, frames go and come by memory_op. Pages are not cleared before they go: the host does that.
.equ STORE_TARGET, STORE + 32   ; KiB that the domain is to have, and its largest size
.equ STORE_STATIC_MAX, STORE + 40
.equ HC_BALLOON, hypercall_page + 64 * 12
.equ MEMORY_DECREASE, 1
.equ MEMORY_POPULATE, 6
.equ BALLOON_BATCH, 512
.equ BALLOON_EXTENTS, DEVICE_MEMORY ; the frame numbers of a call

driver_start:
    ret

driver_target:
    mov rax, [STORE_STATIC_MAX]
    sub rax, [STORE_TARGET]
    shr rax, 2
    ret

driver_report:                          ; the hypervisor counts for itself
    ret

driver_rest:
    jmp wait_for_device

driver_interrupt:                       ; the target may be another
    mov qword [balloon_due], 1
    jmp wake_up

driver_give:
    push rbx
    push r12
    mov r12, rdi
    xor rbx, rbx
give_page:
    mov rax, [rbx*8 + BALLOON_LIST]
.if PV
    mov rcx, [machine_frames]           ; by the machine's number, and out of our tables first
    mov rdx, [rcx + rax*8]
    mov [rbx*8 + BALLOON_EXTENTS], rdx
    mov qword [rcx + rax*8], 0
    mov rdi, rax
    shl rdi, 12
    mov rsi, 0
    mov rdx, UVMF_INVLPG
    call HC_UPDATE_VA_MAPPING
    call check_hypercall
.else
    mov [rbx*8 + BALLOON_EXTENTS], rax
.endif
    inc rbx
    cmp rbx, r12
    jne give_page
    mov rdi, MEMORY_DECREASE
    call change_reservation
    jmp balloon_called

driver_take:
    push rbx
    push r12
    mov r12, rdi
    xor rbx, rbx
take_number:
    mov rax, [rbx*8 + BALLOON_LIST]
    mov [rbx*8 + BALLOON_EXTENTS], rax
    inc rbx
    cmp rbx, r12
    jne take_number
    mov rdi, MEMORY_POPULATE
    call change_reservation
.if PV
    jne balloon_called
    xor rbx, rbx
take_page:                              ; into our tables again
    mov rdi, [rbx*8 + BALLOON_LIST]
    mov rsi, [rbx*8 + BALLOON_EXTENTS]
    mov rcx, [machine_frames]
    mov [rcx + rdi*8], rsi
    shl rdi, 12
    shl rsi, 12
    or rsi, PTE_PRESENT | PTE_WRITABLE
    xor rdx, rdx
    call HC_UPDATE_VA_MAPPING
    call check_hypercall
    inc rbx
    cmp rbx, r12
    jne take_page
    xor rax, rax
    test rax, rax
.endif
; -> rax: 0, or 1 where the hypervisor did not do all that it was asked.
balloon_called:
    mov rax, 0
    je balloon_called_well
    mov rax, 1
balloon_called_well:
    pop r12
    pop rbx
    ret

; memory_op: command rdi on the r12 extents. -> equal when all were done.
change_reservation:
    mov [reservation + 8], r12
    mov rsi, reservation
    call HC_BALLOON
    cmp rax, r12
    ret

    .align 8
reservation:                            ; extents, how many, of which order, whose
    .quad BALLOON_EXTENTS, 0, 0, DOMID_SELF
