; balloon: the kernel's balloon driver gives pages to the host and takes them back, as the host asks;
; a program waits until it has moved OPS of them. One op is one page given or taken.
programs:
    .quad watch_balloon, 0

    .org USER_TEXT + 0x1000
watch_balloon:
    mov rdi, OPS
    mov rax, SYS_DRIVER
    call system_call
    mov [result], rax                   ; fewer than OPS when the device did not want to go on
    jmp finish

    .align 64
result:
    .zero 8
    .result result, 8
