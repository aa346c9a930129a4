; disk_read: what the program of disk.s does.
.equ OPERATION, 0
