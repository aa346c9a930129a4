; disk_write: what the program of disk.s does.
.equ OPERATION, 1
