; What every driver stands on: its registers mapped, its interrupts led into the kernel, and one
; program that talks to it by SYS_DRIVER. A driver has the labels driver_start (set the device up),
; driver_call (the system call) and driver_interrupt (number of the vector, from 0, in rsi).
.equ DEVICE_PHYSICAL, 0xfe000000 ; where the board puts the registers of the device under test
.equ DEVICE, 0x2c0000           ; where the kernel sees them
.equ DEVICE_PAGES, 8
.equ DEVICE_MEMORY, 0x280000    ; rings and what else driver and device share, up to DEVICE
.equ DEVICE_VECTOR, 0x60        ; the line's vector; messages may use the next ones too

main:
    call map_device
    mov rdi, DEVICE_VECTOR
    mov rsi, device_entry
    call set_gate
    mov rdi, DEVICE_VECTOR + 1
    mov rsi, second_device_entry
    call set_gate
    mov rdi, DEVICE_VECTOR + 2
    mov rsi, third_device_entry
    call set_gate
    mov rax, driver_call
    mov [driver], rax
    call driver_start
    mov rdi, [programs]
    xor rsi, rsi
    call create_process
    inc qword [running_programs]
    jmp idle

; Map the device's registers over pages that the kernel does not use.
map_device:
    mov rdi, [directory]
    mov rdi, [rdi + (DEVICE >> 21) * 8]
    and rdi, -PAGE
    add rdi, (DEVICE >> 12 & 511) * 8
    mov rsi, DEVICE_PHYSICAL + PTE_PRESENT + PTE_WRITABLE
    mov rcx, DEVICE
map_device_page:
    mov [rdi], rsi
    invlpg [rcx]
    add rdi, 8
    add rsi, PAGE
    add rcx, PAGE
    cmp rcx, DEVICE + DEVICE_PAGES * PAGE
    jne map_device_page
    ret

; The interrupt gate of vector rdi leads to rsi.
set_gate:
    shl rdi, 4
    mov rax, rsi
    and rax, 0xffff
    mov rdx, rsi
    shr rdx, 16
    and rdx, 0xffff
    shl rdx, 48
    or rax, rdx
    mov rdx, KERNEL_CS << 16 | 0x8e << 40
    or rax, rdx
    mov [rdi + idt], rax
    shr rsi, 32
    mov [rdi + idt + 8], rsi
    ret

device_entry:
    push 0
    push device_interrupt
    jmp common_entry
second_device_entry:
    push 0
    push second_device_interrupt
    jmp common_entry
third_device_entry:
    push 0
    push third_device_interrupt
    jmp common_entry

; A device of the board comes through the interrupt controller even where events do not.
device_done:
.if XEN
    mov rdi, MSR_EOI
    xor rsi, rsi
    jmp write_msr
.else
    jmp end_of_interrupt
.endif

device_interrupt:
    xor rsi, rsi
    call driver_interrupt
    jmp device_done
second_device_interrupt:
    mov rsi, 1
    call driver_interrupt
    jmp device_done
third_device_interrupt:
    mov rsi, 2
    call driver_interrupt
    jmp device_done
