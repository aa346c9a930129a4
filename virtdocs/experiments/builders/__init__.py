"""Machines, put together: one file for each way of running the guest's CPUs."""
