; A 16550A, as Linux 6.1 drives it (drivers/tty/serial/8250/8250_port.c and 8250_core.c).
.equ UART_DATA, 0x3f8
.equ UART_IER, 0x3f9
.equ UART_IIR, 0x3fa            ; written, it is the FIFO control register
.equ UART_LCR, 0x3fb
.equ UART_MCR, 0x3fc
.equ UART_LSR, 0x3fd
.equ UART_MSR, 0x3fe
.equ IER_THR_EMPTY, 2
.equ IIR_NONE, 1
.equ LSR_THR_EMPTY, 0x20
.equ LSR_ALL_SENT, 0x40
.equ UART_FIFO, 16

driver_start:
    mov rax, 0x83                       ; 8 bits, divisor
    out UART_LCR, al
    mov rax, 1                          ; 115200 baud
    out UART_DATA, al
    mov rax, 0
    out UART_IER, al
    mov rax, 3
    out UART_LCR, al
    mov rax, 0x81                       ; FIFOs on
    out UART_IIR, al
    mov rax, 0x0b                       ; the line's gate, and ready
    out UART_MCR, al
    ret

; SYS_DRIVER(bytes, count): send them, wait until the last one is out.
driver_call:
    call close_interrupts
    mov rcx, transmit
    mov [transmit_next], rcx
    add rsi, rcx
    mov [transmit_end], rsi
copy_byte:
    cmp rcx, rsi
    je copied
    mov rax, byte [rdi]
    mov byte [rcx], rax
    inc rdi
    inc rcx
    jmp copy_byte
copied:
    mov rax, IER_THR_EMPTY              ; the interrupt that follows does the rest
    mov [uart_ier], rax
    out UART_IER, al
uart_wait:
    mov rax, [transmit_end]
    cmp rax, [transmit_next]
    je uart_drain
    call wait_for_device
    call close_interrupts
    jmp uart_wait
uart_drain:
    xor rax, rax
    in al, UART_LSR
    test rax, LSR_ALL_SENT
    je uart_drain
    xor rax, rax
    ret

; The line is an edge, so the handler goes on until the port asks for nothing any more.
driver_interrupt:
    xor rax, rax
    in al, UART_IIR
    test rax, IIR_NONE
    jne uart_quiet
    in al, UART_LSR
    mov rcx, rax
    in al, UART_MSR                     ; has the other end's readiness changed?
    test rcx, LSR_THR_EMPTY
    je driver_interrupt
    test qword [uart_ier], IER_THR_EMPTY
    je driver_interrupt
    mov rdx, UART_FIFO
    mov rcx, [transmit_next]
send_byte:
    cmp rcx, [transmit_end]
    je all_sent
    mov rax, byte [rcx]
    out UART_DATA, al
    inc rcx
    dec rdx
    jne send_byte
all_sent:
    mov [transmit_next], rcx
    cmp rcx, [transmit_end]
    jne driver_interrupt
    mov rax, 0                          ; nothing more to send: no interrupt for that
    mov [uart_ier], rax
    out UART_IER, al
    call wake_up
    jmp driver_interrupt
uart_quiet:
    ret

uart_ier:
    .quad 0
transmit_next:
    .quad 0
transmit_end:
    .quad 0
transmit:
    .zero 256
