"""Devices: the registers and rings that a guest's driver meets, one file each."""
