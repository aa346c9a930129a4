"""Record on a real QEMU what the engine's devices are held against.

packages      QEMU, a kernel: Debian's packages, unpacked into a directory
modules       which of the kernel's modules a driver needs, in which order
initramfs     the guest's files: those modules and the program guest/work.c
devices       each device: QEMU's options, the driver, its registers, the work
machine       one boot, with QEMU's trace written to a log
peer          the other end of the network
windows       the log cut at the guest's marks, and counted
rows          counts per operation as rows of a CSV file, beside the stored ones
"""
