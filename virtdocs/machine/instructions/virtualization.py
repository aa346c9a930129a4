"""The virtualization instructions of both vendors, as a guest meets them.

No program here is a hypervisor: outside a guest they are #UD, as CR4.VMXE and
EFER.SVME stay without effect; in a VMX guest each of them exits (SDM vol. 3C §26.1.2),
and the hypervisor answers #UD. The monitor itself is Python and enters guests through
``Cpu.controls``; so is one that is a guest of another's (``vmm/nested``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from virtdocs.machine.isa import Declared, Handler, Instruction
from virtdocs.machine.registers import UD
from virtdocs.machine.traps import fault
from virtdocs.trace import ExitReason

if TYPE_CHECKING:
    from virtdocs.machine.cpu import Cpu

DECLARED: Final = Declared("virtualization", 0xD0)


def _hypercall(mnemonic: str, vendor: str) -> Handler:
    def execute(cpu: Cpu, ins: Instruction) -> None:
        if cpu.vendor != vendor:
            raise fault(UD)
        cpu.intercept(ExitReason.HYPERCALL, ins)
        raise fault(UD)

    execute.__doc__ = f"Call the hypervisor on {vendor}; #UD where there is none or elsewhere."
    execute.__name__ = mnemonic
    return DECLARED.instruction(mnemonic)(execute)


_hypercall("vmcall", "intel")
_hypercall("vmmcall", "amd")


def _hypervisor_only(mnemonic: str, vendor: str, *forms: str) -> Handler:
    def execute(cpu: Cpu, ins: Instruction) -> None:
        if cpu.vendor != vendor:
            raise fault(UD)
        cpu.intercept(ExitReason.VMX_INSTRUCTION, ins)
        raise fault(UD)

    execute.__doc__ = f"For hypervisors on {vendor}: exits in a guest, #UD elsewhere."
    execute.__name__ = mnemonic
    return DECLARED.instruction(mnemonic, *forms)(execute)


for _mnemonic, *_forms in (
    ("vmxon", "m"), ("vmxoff",), ("vmptrld", "m"), ("vmptrst", "m"), ("vmclear", "m"),
    ("vmread", "rr"), ("vmwrite", "rr"), ("vmlaunch",), ("vmresume",), ("invept", "rm"),
):  # fmt: skip
    _hypervisor_only(_mnemonic, "intel", *_forms)
for _mnemonic in ("vmrun", "vmload", "vmsave", "stgi", "clgi"):
    _hypervisor_only(_mnemonic, "amd")
