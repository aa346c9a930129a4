; Start the workload's programs: each a process with its number, from 0, in rdi.
main:
    mov rbx, programs
    xor r12, r12
start_program:
    mov rdi, [rbx]
    test rdi, rdi
    je idle
    mov rsi, r12
    call create_process
    inc qword [running_programs]
    add rbx, 8
    inc r12
    jmp start_program
