"""Guest software: the assembler, the kernel and its drivers as text, the workloads."""
