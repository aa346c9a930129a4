"""Full virtualization and paravirtualization, shown on a running machine."""

__version__ = "0.1.0"
