"""What a hypervisor offers a guest that knows it, beside the machine that it pretends to be.

A guest in VMX or SVM guest mode needs none of it. One that asks by cpuid who runs it
finds hypercalls, model-specific registers that no processor has, and cheaper ways to
hear of interrupts: kvm.py, hyperv.py, xen_hvm.py.
"""

from __future__ import annotations

from virtdocs.machine.apic import Apic
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.registers import GP
from virtdocs.machine.traps import fault


class GuestInterface:
    """For one virtual CPU. This one offers nothing."""

    def hypercall(self, cpu: Cpu) -> str | None:
        """Perform the hypercall that the registers name; its name, or None for #UD."""
        return None

    def has_msr(self, number: int) -> bool:
        """Whether a model-specific register is the hypervisor's own."""
        return False

    def read_msr(self, number: int) -> int:
        """Its value; raises #GP."""
        raise fault(GP, 0)

    def write_msr(self, number: int, value: int) -> None:
        """Write it; raises #GP for a value that it does not take."""
        raise fault(GP, 0)

    def exited(self) -> None:
        """The guest has left: whatever it wrote for us can be looked at."""

    def entering(self) -> None:
        """The guest goes on: last chance to write something for it."""

    def accept(self, apic: Apic, vector: int) -> None:
        """``vector`` is being delivered: by default through the interrupt controller."""
        apic.accept(vector)
