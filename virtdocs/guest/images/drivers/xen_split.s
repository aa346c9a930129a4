; Xen's drivers in a domain of their own: pages are granted to it. xenbus.s does the rest.
.equ INTERNAL, 0
