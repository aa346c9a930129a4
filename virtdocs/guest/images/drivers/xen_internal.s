; Xen's drivers in Xen itself, as in Xen 1.x: pages are named by the machine's number.
.equ INTERNAL, 1
