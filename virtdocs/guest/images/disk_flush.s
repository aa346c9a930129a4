; disk_flush: what the program of disk.s does.
.equ OPERATION, 2
