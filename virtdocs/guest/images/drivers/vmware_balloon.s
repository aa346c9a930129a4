; VMware's balloon, as Linux drives it (drivers/misc/vmw_balloon.c): every call is a read of one port.
.equ VMW_PORT, 0x5670
.equ VMW_MAGIC, 0x456c6d6f
.equ VMW_START, 0
.equ VMW_GET_TARGET, 1
.equ VMW_LOCK, 2
.equ VMW_GUEST_ID, 4
.equ VMW_BATCHED_LOCK, 6        ; unlocking is each time the next number
.equ VMW_CAPABILITIES, 6        ; what this driver can do: single pages, batches
.equ VMW_CAN_BATCH, 4
.equ VMW_RESET, 7
.equ BALLOON_BATCH, 512
.equ BALLOON_ENTRIES, DEVICE_MEMORY ; the page of a batch

driver_start:
    mov rdi, VMW_START
    mov rsi, VMW_CAPABILITIES
    call vmw_call
    mov [vmw_capabilities], rcx
    mov rdi, VMW_GUEST_ID
    mov rsi, 1                          ; Linux
    jmp vmw_call

; Command rdi, arguments rsi and rdx. -> rax: status; rdx and rcx: results.
vmw_call:
    push rbx
    mov rcx, rdi
    mov rbx, rsi
    mov rsi, rdx
    mov rax, VMW_MAGIC
    mov rdx, VMW_PORT
    in eax, dx
    mov rdx, rbx
    pop rbx
    test rax, rax
    jne vmw_called
    mov [vmw_target], rdx               ; each success tells what the host wants now
vmw_called:
    ret

driver_target:
    cmp qword [vmw_fresh], 0
    jne vmw_known
    mov qword [vmw_fresh], 1
    mov rdi, VMW_GET_TARGET
    mov rsi, (FRAMES_END - FRAMES_START) >> 12
    call vmw_call
    cmp rax, VMW_RESET
    je vmw_reset
vmw_known:
    mov rax, [vmw_target]
    ret

; The host has let all pages go: so does the driver, without a word, and begins anew.
vmw_reset:
    mov rcx, [balloon_size]
    test rcx, rcx
    je vmw_empty
    dec rcx
    mov [balloon_size], rcx
    mov rdi, [rcx*8 + BALLOON_INSIDE]
    shl rdi, 12
    call release_frame
    jmp vmw_reset
vmw_empty:
    inc qword [vmw_resets]
    call driver_start
    mov qword [vmw_fresh], 0
    jmp driver_target

driver_report:                          ; the host counts for itself
    ret

; Nobody tells the driver: it looks again at the next tick.
driver_rest:
    mov qword [vmw_fresh], 0
    mov qword [balloon_due], 1
    mov rdi, 1
    jmp sleep

driver_give:
    xor rsi, rsi
    jmp vmw_move
driver_take:
    mov rsi, 1
; Move the rdi pages of the list: in (rsi is 0) or out (1).
vmw_move:
    push rbx
    push r12
    push r13
    mov r12, rdi
    mov r13, rsi
    xor rbx, rbx
    test qword [vmw_capabilities], VMW_CAN_BATCH
    jne vmw_entry
vmw_single:
    lea rdi, [r13 + VMW_LOCK]
    mov rsi, [rbx*8 + BALLOON_LIST]
    call vmw_call
    test rax, rax
    jne vmw_refused
    inc rbx
    cmp rbx, r12
    jne vmw_single
    jmp vmw_moved
vmw_entry:
    mov rax, [rbx*8 + BALLOON_LIST]
    shl rax, 12                         ; the number above, the status below
    mov [rbx*8 + BALLOON_ENTRIES], rax
    inc rbx
    cmp rbx, r12
    jne vmw_entry
    lea rdi, [r13 + VMW_BATCHED_LOCK]
    mov rsi, BALLOON_ENTRIES >> 12
    mov rdx, r12
    call vmw_call
    test rax, rax
    jne vmw_refused
vmw_check:
    dec rbx
    test qword [rbx*8 + BALLOON_ENTRIES], 31
    jne vmw_refused
    test rbx, rbx
    jne vmw_check
vmw_moved:
    xor rax, rax
    jmp vmw_return
vmw_refused:
    mov rax, 1
vmw_return:
    pop r13
    pop r12
    pop rbx
    ret

driver_interrupt:
    ret

vmw_capabilities:
    .quad 0
vmw_target:
    .quad 0
vmw_fresh:                              ; the target was asked for since the last rest
    .quad 0
vmw_resets:
    .quad 0
