"""A hypervisor in a guest: levels 0 (on the hardware), 1 (its guest) and 2 (the guest's guest)."""
