"""The assembler: text in Intel order to a Program (interface.md, "Guest programs").

Two passes. The first parses every line, chooses each instruction by its operands
and lays out addresses; the second evaluates expressions and emits bytes. Errors
are collected, up to twenty, and raised together with ``file:line:column``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final, TypeVar

from virtdocs.errors import AssemblyError, VirtdocsError, VirtdocsErrors
from virtdocs.guest.directives import CONDITIONALS, WITHOUT_PLACE, Directives
from virtdocs.guest.encoder import Statement, build, choose
from virtdocs.guest.expressions import TokenStream, unexpected
from virtdocs.guest.lexer import Place, Token, tokenize
from virtdocs.guest.operands import parse_operand
from virtdocs.guest.program import Program, SourceLine
from virtdocs.guest.symbols import Symbols
from virtdocs.machine.firmware import LOAD_ADDRESS, MAPPED_BYTES
from virtdocs.machine.isa import INSTRUCTION_BYTES, encode

MAX_ERRORS: Final = 20
ENTRY_LABEL: Final = "start"
NO_CONSTANTS: Final[Mapping[str, int]] = MappingProxyType({})
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """Bytes to be emitted in the second pass, and the line that asks for them."""

    address: int
    size: int
    place: Place
    text: str
    emit: Callable[[], bytes]
    instruction: bool


def assemble(
    text: str, name: str = "program.s", *, constants: Mapping[str, int] = NO_CONSTANTS
) -> Program:
    """Assemble one file; VirtdocsErrors with all mistakes found, up to twenty."""
    return assemble_files([(name, text)], name, constants=constants)


def assemble_files(
    files: Iterable[tuple[str, str]],
    name: str,
    *,
    constants: Mapping[str, int] = NO_CONSTANTS,
) -> Program:
    """Assemble several files, (name, text), as one program; labels are shared."""
    return _Assembly(name, constants).run(list(files))


class _Assembly:
    """One run of the assembler."""

    def __init__(self, name: str, constants: Mapping[str, int]) -> None:
        self.name = name
        self.names: list[str] = []
        self.errors: list[VirtdocsError] = []
        self.symbols = Symbols(constants)
        self.items: list[Item] = []
        self.directives = Directives(self.symbols, self._add)
        self.directives.location = LOAD_ADDRESS
        self.unbound: list[str] = []
        self.entry: int | None = None
        self.text = ""  # the line being read
        self.counted: list[tuple[str, int, str]] = []

    def run(self, files: list[tuple[str, str]]) -> Program:
        """Both passes."""
        self.names = [file for file, _ in files]
        for file, text in files:
            for number, line in enumerate(text.split("\n"), 1):
                self.text = line.rstrip("\r")
                self._collect(partial(self._line, file, number))
        self._bind()
        self._collect(self.directives.finish)
        self._check_overlaps()
        self.symbols.complete = True
        pieces = [(item.address, self._collect(item.emit) or b"") for item in self.items]
        result = self._collect(self.directives.evaluate_result)
        for expression, here in self.symbols.unevaluated():
            self._collect(partial(expression.evaluate, self.symbols.lookup, here))
        if self.entry is None and not self.errors:
            where = Place(files[0][0] if files else self.name, 1, 1)
            self.errors.append(AssemblyError(str(where), "a program needs an instruction"))
        if self.errors or self.entry is None:
            raise self._mistakes()
        return Program(
            self.name,
            _joined(pieces),
            self.symbols.labels.get(ENTRY_LABEL, self.entry),
            MappingProxyType(dict(self.symbols.labels)),
            result,
            MappingProxyType({item.address: _source(item) for item in self.items}),
            tuple(self.counted),
        )

    def _collect(self, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except VirtdocsError as error:
            self.errors.append(error)
        if len(self.errors) >= MAX_ERRORS:
            raise self._mistakes()
        return None

    def _mistakes(self) -> VirtdocsErrors:
        """All mistakes, in the order of the text."""

        def position(error: VirtdocsError) -> tuple[int, int, int]:
            file, line, column = error.where.rsplit(":", 2)
            return self.names.index(file), int(line), int(column)

        return VirtdocsErrors(sorted(self.errors, key=position))

    # First pass ---------------------------------------------------------------------------

    def _line(self, file: str, number: int) -> None:
        words = self.text.split(maxsplit=1)
        conditional = bool(words) and words[0].lower() in CONDITIONALS
        if not conditional and not self.directives.active:
            return
        if not conditional:
            self.counted.append((file, number, self.text))
        stream = TokenStream(tokenize(self.text, file, number))
        while not conditional and self._label(stream):
            pass
        word = stream.take()
        if word.kind == "end":
            return
        if word.kind != "name":
            raise unexpected(word, "an instruction or directive")
        if not word.text.startswith("."):
            self._instruction(word, stream)
            return
        name = word.text.lower()
        if name in CONDITIONALS and not conditional:
            raise AssemblyError(str(word.place), f"{name} needs a line of its own")
        if name not in WITHOUT_PLACE:
            self._bind()
        self.directives.run(word, stream)

    def _label(self, stream: TokenStream) -> bool:
        if stream.next.kind != "name" or stream.tokens[stream.position + 1].text != ":":
            return False
        token = stream.take()
        stream.expect(":")
        self.symbols.declare(token)
        self.unbound.append(token.text)
        return True

    def _bind(self) -> None:
        """Labels stand for the address of what comes next."""
        for name in self.unbound:
            self.symbols.labels[name] = self.directives.location
        self.unbound.clear()

    def _instruction(self, mnemonic: Token, stream: TokenStream) -> None:
        here = self.directives.location + INSTRUCTION_BYTES - 1 & -INSTRUCTION_BYTES
        self.directives.location = here
        self._bind()
        operands = []
        try:
            if stream.next.kind != "end":
                operands.append(parse_operand(stream))
                while stream.accept(","):
                    operands.append(parse_operand(stream))
            stream.expect_end()
            statement = choose(mnemonic, operands)
        except AssemblyError:
            # The line still takes its place, so that one mistake does not cause others.
            self.directives.location = here + INSTRUCTION_BYTES
            raise
        if self.entry is None:
            self.entry = here
        self._add(INSTRUCTION_BYTES, mnemonic.place, lambda: self._encoded(statement, here), True)

    def _encoded(self, statement: Statement, here: int) -> bytes:
        return struct.pack("<QQ", *encode(build(statement, self.symbols.lookup, here)))

    def _add(
        self, size: int, place: Place, emit: Callable[[], bytes], instruction: bool = False
    ) -> None:
        here = self.directives.location
        if here + size > MAPPED_BYTES:
            raise AssemblyError(
                str(place), f"the program goes beyond the first {MAPPED_BYTES >> 20} MiB"
            )
        self.items.append(Item(here, size, place, self.text, emit, instruction))
        self.directives.location = here + size

    def _check_overlaps(self) -> None:
        last: Item | None = None
        order = {id(item): n for n, item in enumerate(self.items)}
        for item in sorted(self.items, key=lambda item: item.address):
            if last is not None and item.address < last.address + last.size:
                first, second = sorted((last, item), key=lambda item: order[id(item)])
                self.errors.append(
                    AssemblyError(
                        str(second.place), f"address {item.address:#x} is taken by {first.place}"
                    )
                )
                if len(self.errors) >= MAX_ERRORS:
                    raise self._mistakes()
            if last is None or item.address + item.size > last.address + last.size:
                last = item
        if self.errors:
            # Emitting overlapping regions again and again could take any amount of memory.
            self._drop_overlapping()

    def _drop_overlapping(self) -> None:
        end = 0
        kept = []
        for item in sorted(self.items, key=lambda item: item.address):
            if item.address >= end:
                kept.append(item)
                end = item.address + item.size
        self.items = kept


def _source(item: Item) -> SourceLine:
    place = item.place
    return SourceLine(place.file, place.line, item.text, item.size, item.instruction)


def _joined(pieces: list[tuple[int, bytes]]) -> tuple[tuple[int, bytes], ...]:
    """Chunks in order of address, neighbours joined."""
    chunks: list[tuple[int, bytearray]] = []
    for address, data in sorted(pieces):
        if chunks and chunks[-1][0] + len(chunks[-1][1]) == address:
            chunks[-1][1].extend(data)
        else:
            chunks.append((address, bytearray(data)))
    return tuple((address, bytes(data)) for address, data in chunks)
