"""Memory operands: effective addresses, loads and stores through the micro-TLB.

An unaligned access that leaves its word, a page that no view has and an address
that is no page all end in an exception, which leaves the trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.machine.isa import Instruction
from virtdocs.machine.registers import FS, GS, RSP
from virtdocs.machine.translate.source import Source

SEGMENT_NUMBER = {"fs": FS, "gs": GS}


@dataclass(frozen=True, slots=True)
class Where:
    """An address: its expression, the number when it is known, and whether fs leads there."""

    text: str
    fixed: int | None = None
    monitor: bool = False
    across: bool = False  # it may leave its word
    base: int = -1  # where it is a register and a distance alone
    disp: int = 0


SMALL: Final = 1 << 12  # no view holds the last page, so this much above an address never wraps


def note_bound(source: Source, ins: Instruction) -> None:
    """The access at this operand succeeded: its base register is no address near 2**64."""
    if ins.base >= 0 and ins.index < 0 and not ins.segment and ins.disp >= 0:
        source.bounded.add(ins.base)


def address(source: Source, ins: Instruction, moved: int = 0) -> Where:
    """The linear address, without wrapping: one that would wrap is in no view.

    ``moved`` is how far rsp has moved before the address is computed (pop to memory).
    """
    parts = []
    disp = ins.disp
    data = source.mode.monitor_data if ins.segment == "fs" else 0
    if ins.base >= 0:
        parts.append(source.get(ins.base))
        disp += moved if ins.base == RSP else 0
    if ins.index >= 0:
        scaled = "" if ins.scale == 1 else f" * {ins.scale}"
        parts.append(source.get(ins.index) + scaled)
        disp += moved * ins.scale if ins.index == RSP else 0
    if data:
        disp += data
    elif ins.segment:
        parts.append(f"cpu.segment_base[{SEGMENT_NUMBER[ins.segment]}]")
    if not parts:
        return Where(str(disp), disp, data != 0, source.across)
    if disp:
        parts.append(str(disp))
    text = " + ".join(parts).replace("+ -", "- ")
    alone = ins.base >= 0 and ins.index < 0 and not ins.segment
    return Where(text, None, data != 0, source.across, ins.base if alone else -1, disp)


def fixed(where: int) -> Where:
    """A place that is known."""
    return Where(str(where), where)


def offset(source: Source, ins: Instruction) -> str:
    """The effective address modulo 2**64, as lea gives it."""
    plain = Instruction(
        ins.spec, ins.form, ins.a, ins.b, ins.base, ins.index, ins.scale, ins.size, "", ins.disp
    )
    return f"{address(source, plain).text} & {(1 << 64) - 1}"


def place(source: Source, kind: str, where: Where, size: int) -> tuple[str, str]:
    """Page and word index of an address, as expressions.

    For a part of a word, and wherever the address is computed, it stays in local ``a``.
    """
    view = source.view(kind, where.monitor)
    if size == 8 and where.fixed is not None and where.fixed & 7 == 0:
        return f"{view}[{where.fixed >> 12}]", str(where.fixed >> 3 & 511)
    table = "a >> 3 & 511" if size == 1 else f"T{size}[a & 4095]"
    return f"{view}[(a := {where.text}) >> 12]", table


def word(source: Source, kind: str, where: Where) -> str:
    """A whole word in memory, to read or to assign to."""
    if where.base >= 0:
        view = source.view(kind, where.monitor)
        return source.neighbours.access(view, where.base, where.disp, where.text)
    page, index = place(source, kind, where, 8)
    return f"{page}[{index}]"


def load(source: Source, where: Where, size: int = 8) -> str:
    """An expression for what lies at an address."""
    if where.across:
        return f"load_across({source.view('R', where.monitor)}, {where.text}, {size})"
    if size == 8:
        return word(source, "R", where)
    page, index = place(source, "R", where, size)
    return f"{page}[{index}] >> ((a & 7) << 3) & {(1 << 8 * size) - 1}"


def store(source: Source, where: Where, value: str, size: int = 8) -> None:
    """A line that stores a value, which must not depend on local ``a``."""
    if where.across:
        view = source.view("W", where.monitor)
        source.line(f"store_across({view}, {where.text}, {size}, {value})")
        return
    if size == 8:
        source.line(f"{word(source, 'W', where)} = {value}")
        return
    page, index = place(source, "W", where, size)
    source.line(f"p = {page}; i = {index}")
    source.line(put_part(value, size))


def read_then_write(source: Source, where: Where, size: int = 8) -> str:
    """Lines that find a place to read and then write; the expression for its value."""
    if where.across:
        view = source.view("M", where.monitor)
        source.line(f"v = load_across({view}, {where.text}, {size})")
        source.line(f"p = {view}; a = {where.text}")
        return "v"
    page, index = place(source, "M", where, size)
    source.line(f"p = {page}; i = {index}; v = p[i]")
    return "v" if size == 8 else f"v >> ((a & 7) << 3) & {(1 << 8 * size) - 1}"


def write_back(source: Source, value: str, size: int = 8) -> None:
    """Store to the place that ``read_then_write`` found."""
    if source.across:
        source.line(f"store_across(p, a, {size}, {value})")
        return
    source.line(f"p[i] = {value}" if size == 8 else put_part(value, size))


def put_part(value: str, size: int) -> str:
    """Replace part of the word p[i] at the address in local ``a``."""
    mask = (1 << 8 * size) - 1
    return f"s = (a & 7) << 3; p[i] = p[i] & ~({mask} << s) | (({value}) & {mask}) << s"


def push(source: Source, value: str) -> None:
    """Push a word; rsp moves only when the store succeeded."""
    rsp = source.get(RSP)
    store(source, Where(f"{rsp} - 8"), value)
    source.put(RSP, "a")


def top(source: Source, displacement: int = 0) -> str:
    """An expression for the word at rsp + displacement."""
    where = source.get(RSP)
    text = f"{where} + {displacement}" if displacement else where
    return load(source, Where(text, base=RSP, disp=displacement))
