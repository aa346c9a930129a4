"""Trap-and-emulate: the guest's kernel runs unchanged in ring 1.

What traps is emulated, and is right. What does not trap although it should
(``popf``, ``pushf``, ``sgdt``, ``mov r, cs`` …) is not seen by the monitor at all
and does what the hardware does in ring 1: here is where x86 was not virtualizable
(Popek & Goldberg 1974; Robin & Irvine 2000).
"""

from __future__ import annotations

from virtdocs.vmm.deprivileged import DeprivilegedEngine


class TrapEmulateEngine(DeprivilegedEngine):
    """The deprivileged engine and nothing else: all code runs directly on the hardware."""
