; Where things are, and how the kernel's structures look.
; Given by the loader: PV PV32 PV64 (ports to Xen's paravirtualization), XEN_HVM PVH (guests of
; Xen with hardware's CPU and MMU), XEN (any of these), ENLIGHTENED: 0 or 1 each; LEVELS, KERNEL_CS, KERNEL_SS, TSS_ADDRESS, OPS,
; TICK and the workload's other parameters.

; Physical memory, which is mapped onto itself. The firmware or the domain builder owns what is
; below 1 MiB, this image the rest; from 8 MiB on user programs may use it too.
.equ PAGE, 4096
.equ PROCESSES, 0x180000        ; one block of two pages a process: structure below, kernel stack above
.equ PROCESS_BYTES, 8192
.equ PROCESS_COUNT, 8
.equ PROCESSES_END, PROCESSES + PROCESS_COUNT * PROCESS_BYTES
.equ REFERENCES, 0x1a0000       ; one byte a frame: how many page-table entries map it
.equ QUEUE, 0x1b0000            ; page-table updates on their way to the hypervisor (PV)
.equ SHARED_PAGE, 0x1c0000      ; where Xen is asked to put the shared info page (XEN_HVM)
.equ TABLES, 0x200000           ; page tables, 16 pages a process
.equ TABLES_BYTES, 16 * PAGE
.equ FRAMES_START, 0x300000     ; frames that the kernel hands out
.equ FRAMES_END, 0x800000
.equ USER_TEXT, 0x800000

; The part of the address space that each process has for itself: one last-level table.
.equ USER_BASE, 0x10000000
.equ USER_PAGES, 128
.equ USER_SLOT, USER_BASE >> 21  ; its entry in the page directory
.equ USER_STACK, USER_BASE + USER_PAGES * PAGE
.equ SHARED_SLOTS, 8            ; directory entries of the first 16 MiB, the same for everybody

; Page-table entries (SDM vol. 3A, table 4-20).
.equ PTE_PRESENT, 1
.equ PTE_WRITABLE, 2
.equ PTE_USER, 4
.equ PTE_TABLE, 7
.equ PTE_COPY, 0x200            ; a bit that the hardware leaves to software: copy on write

; Selectors of the firmware's GDT for user mode.
.equ USER_SS, 0x2b
.equ USER_CS, 0x33
.equ IF, 0x200

; A processor: gs points here while its kernel runs (native), rbp in any C of it.
.equ C_SELF, 0
.equ C_SCRATCH, 8               ; the user's rsp during the first instructions of a system call
.equ C_STACK, 16                ; top of the current process's kernel stack
.equ C_CURRENT, 24
.equ C_IDLE, 32                 ; the process that runs when no other can
.equ C_TICKS, 40
.equ C_RESCHEDULE, 48           ; not zero: look for another process before going back to user mode
.equ C_NUMBER, 56
.equ C_FIXUP, 64                ; where to go on when the kernel's own instruction faults, or 0
.equ C_TSS, 72                  ; the task-state segment's address
.equ C_ROOT, 80                 ; the page tables in force
.equ C_IPIS, 88                 ; interrupts from other processors
.equ C_IPIS_SEEN, 96
.equ C_SHARED, 104              ; XEN: the shared info page
.equ C_EVENTS, 112              ; XEN: this processor's part of it
.equ C_PORTS, 120               ; XEN: the event channels bound to it, one bit each
.equ C_LAZY_EOI, 104            ; ENLIGHTENED: the word that says "no acknowledgement needed", or 0
.equ C_MSR_EOI, 112             ; ENLIGHTENED: where to acknowledge when it is

; A process.
.equ P_CPU, 0
.equ P_RSP, 8                   ; the kernel stack pointer while it does not run
.equ P_ROOT, 16                 ; what cr3 takes (PV: the machine frame's address)
.equ P_STATE, 24
.equ P_NUMBER, 32
.equ P_PARENT, 40
.equ P_EXIT, 48
.equ P_LEAF, 56                 ; address of its last-level table
.equ P_FRAMES, 64               ; address of 128 words: frame address and flags of each of its pages
.equ P_WAKE, 72                 ; the tick it sleeps until
.equ P_USER_ROOT, 80            ; PV64: the tables in force in user mode

.equ FREE, 0
.equ RUNNABLE, 1
.equ WAITING, 2                 ; for a child's end
.equ SLEEPING, 3                ; for a tick
.equ ENDED, 4                   ; its parent has not asked yet

; The frame that every entry into the kernel leaves on the kernel stack, from rsp on:
; r15 … r8 rdi rsi rbp rbx rdx rcx rax, handler, error code, then the hardware's part.
.equ F_R11, 32
.equ F_RDI, 64
.equ F_RDX, 96
.equ F_RCX, 104
.equ F_RAX, 112
.equ F_HANDLER, 120
.equ F_ERROR, 128
.equ F_RIP, 136
.equ F_CS, 144
.equ F_RFLAGS, 152
.equ F_RSP, 160
.equ F_SS, 168
.equ F_BYTES, 176

; System calls.
.equ SYS_EXIT, 0
.equ SYS_GETPID, 1
.equ SYS_YIELD, 2
.equ SYS_UNMAP, 3
.equ SYS_PROTECT, 4
.equ SYS_FORK, 5
.equ SYS_WAIT, 6
.equ SYS_SLEEP, 7
.equ SYS_PUTCHAR, 8
.equ SYS_DRIVER, 9
.equ SYS_COUNT, 10

.equ TIMER_VECTOR, 0x40
.equ IPI_VECTOR, 0x50
.equ EVENT_VECTOR, 0xf3         ; XEN_HVM: Linux takes the same (HYPERVISOR_CALLBACK_VECTOR)
.equ DEBUG_EXIT, 0xf4
.equ CONSOLE, 0xe9

.if XEN
; Hypercall entries (Xen's public/xen.h), 64 bytes apart.
.equ HC_SET_TIMER, hypercall_page + 64 * 15
.equ HC_CONSOLE_IO, hypercall_page + 64 * 18
.equ HC_SCHED, hypercall_page + 64 * 29
.equ HC_EVENT_CHANNEL, hypercall_page + 64 * 32
.equ SCHED_YIELD, 0
.equ SCHED_BLOCK, 1
.equ SCHED_SHUTDOWN, 2
; The shared info page.
.equ S_PENDING, 0
.equ S_MASK, 8
.equ S_PORTS, 24                 ; of the page, not of a processor
.equ S_TIME, 40
.equ S_CR2, 48
.equ S_TSC, 56                   ; the time-stamp counter when S_TIME was written
.equ DOMID_SELF, 0x7ff0
.endif
.if XEN_HVM
.equ HC_MEMORY, hypercall_page + 64 * 12
.equ HC_HVM, hypercall_page + 64 * 34
.equ MEMORY_ADD_TO_PHYSMAP, 7
.equ HVM_SET_PARAM, 0
.equ HVM_CALLBACK, 0             ; this parameter: how events come in
.equ CALLBACK_BY_VECTOR, 2 << 56
.equ START_MAGIC, 0x336ec578     ; PVH: the first word of the start info
.endif
.if PV
.equ HC_SET_TRAP_TABLE, hypercall_page + 64 * 0
.equ HC_MMU_UPDATE, hypercall_page + 64 * 1
.equ HC_STACK_SWITCH, hypercall_page + 64 * 3
.equ HC_SET_CALLBACKS, hypercall_page + 64 * 4
.equ HC_UPDATE_VA_MAPPING, hypercall_page + 64 * 14
.equ HC_IRET, hypercall_page + 64 * 23
.equ HC_MMUEXT, hypercall_page + 64 * 26
.equ MMUEXT_PIN_L1, 0
.equ MMUEXT_UNPIN, 4
.equ MMUEXT_NEW_ROOT, 5
.equ MMUEXT_FLUSH, 6
.equ MMUEXT_NEW_USER_ROOT, 15
.equ QUEUE_LENGTH, 32
.equ UVMF_INVLPG, 2
.else
; Model-specific registers (SDM vol. 4, table 2-2).
.equ MSR_STAR, 0xc0000081
.equ MSR_LSTAR, 0xc0000082
.equ MSR_FMASK, 0xc0000084
.equ MSR_GS_BASE, 0xc0000101
.equ MSR_KERNEL_GS_BASE, 0xc0000102
.equ MSR_EOI, 0x80b
.equ MSR_ICR, 0x830
.equ MSR_TIMER, 0x832
.equ MSR_TIMER_COUNT, 0x838
.equ MSR_TIMER_CURRENT, 0x839
.equ TIMER_PERIODIC, 0x20000
.equ TSS_RSP0, 4
.endif
