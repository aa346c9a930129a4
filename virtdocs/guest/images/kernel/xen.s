; A guest of Xen with hardware's CPU and MMU (XEN_HVM): how it finds Xen and what it asks for.
; Compiled to nothing in every other build.

.if XEN_HVM
; Have Xen fill the hypercall page, put the shared info page into our memory, and deliver events by
; a vector of ours. (Xen's public/arch-x86/cpuid.h, public/memory.h, public/hvm/params.h.)
find_xen:
    mov rax, 0x40000000
    cpuid
    mov rcx, 0x566e6558                 ; "XenV"
    cmp rbx, rcx
    jne no_xen
    mov rax, 0x40000002
    cpuid
    mov rdi, rbx                        ; the register that takes the page's address
    mov rsi, hypercall_page
    call write_msr
    mov rdi, MEMORY_ADD_TO_PHYSMAP
    mov rsi, shared_page_place
    call HC_MEMORY
    call check_hypercall
    mov rdi, HVM_SET_PARAM
    mov rsi, event_delivery
    call HC_HVM
    call check_hypercall
    mov rax, SHARED_PAGE
    mov [rbp + C_EVENTS], rax           ; processor 0's part comes first
    mov [rbp + C_SHARED], rax
    ret

; Somebody else started us, whom we can't call: end the run as the board allows.
no_xen:
    mov rax, 64 + 61
    out DEBUG_EXIT, eax
    jmp no_xen

; A second processor: until the first one has found Xen.
wait_for_xen:
    pause
    cmp qword [cpu0 + C_SHARED], 0
    je wait_for_xen
    ret

    .align 8
shared_page_place:                      ; whose, space 0 (shared info), index, our frame
    .quad DOMID_SELF, 0, 0, SHARED_PAGE >> 12
event_delivery:                         ; whose, parameter, value
    .quad DOMID_SELF, HVM_CALLBACK, CALLBACK_BY_VECTOR | EVENT_VECTOR
.endif

.if PVH
; The domain builder enters us with the start info's address in rbx, flat segments and page tables,
; and nothing else: no descriptor tables, no task. (Xen's public/arch-x86/hvm/start_info.h.)
check_start:
    mov rax, [rbx]
    shl rax, 32
    mov rcx, START_MAGIC << 32
    cmp rax, rcx
    jne no_xen

; Descriptors like the firmware's elsewhere; the stack of ring 0 is in the task's structure.
load_descriptors:
    lgdt [gdt_pointer]
    mov rax, 0x38
    ltr rax
    ret

    .align 8
gdt_pointer:
    .quad 8 * 8 - 1, gdt
gdt:                                    ; none, kernel code and data, two unused, user data and code
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0, 0
    .quad 0x00cff2000000ffff, 0x00cffa000000ffff
    .quad 0x0000890000000067 | TSS_ADDRESS << 16
.endif
