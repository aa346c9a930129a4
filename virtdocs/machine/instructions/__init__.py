"""Every instruction, by opcode, by name and by form, collected from the declarations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from virtdocs.machine.instructions import (
    alu,
    data,
    descriptor_tables,
    flags,
    flow,
    ports,
    segment_registers,
    system,
    virtualization,
)
from virtdocs.machine.isa import Spec

SPECS: Final[tuple[Spec, ...]] = tuple(
    spec
    for module in (
        data, alu, flow, flags, ports, system, descriptor_tables, segment_registers, virtualization
    )
    for spec in module.DECLARED.specs
)  # fmt: skip
BY_OPCODE: Final[Mapping[int, Spec]] = MappingProxyType({s.opcode: s for s in SPECS})
BY_NAME: Final[Mapping[str, Spec]] = MappingProxyType({s.name: s for s in SPECS})
BY_FORM: Final[Mapping[tuple[str, str], Spec]] = MappingProxyType(
    {(s.mnemonic, form): s for s in SPECS for form in s.forms}
)
if len(BY_OPCODE) != len(SPECS) or len(BY_NAME) != len(SPECS):
    raise ValueError("two instructions share an opcode or a name")
if len(BY_FORM) != sum(len(s.forms) for s in SPECS):
    raise ValueError("two instructions share a mnemonic and a form")
