"""Where things lie in a random guest. Firmware's own places are in machine/firmware.py.

Pages whose table entries a guest edits hold neither its handlers, nor their stack, nor
its tables: an interrupt between an edit and its invalidation touches none of them, so
no translation is stale when it is used.
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.firmware import TABLES_ADDRESS

PAGE: Final = 4096

HANDLERS: Final = 0x10_0000  # start-up code and handlers (scaffold.py)
BODY: Final = 0x11_0000  # the random kernel code
BODY_END: Final = 0x12_0000
DATA: Final = 0x12_0000  # four pages to read and write
DATA_PAGES: Final = 4
RING1_CODE: Final = 0x13_0000
RING1_END: Final = 0x13_8000
RING1_STACK: Final = 0x13_F000
STATE: Final = 0x14_0000  # the handlers' own words
ALTERED_GDT: Final = 0x14_2000  # two pages
ALTERED_IDT: Final = 0x14_4000
TREE: Final = 0x15_0000  # a second set of tables: directory, upper levels, two last tables
STACK_GUARD: Final = 0x15_F000
STACK: Final = 0x16_4000
FUNCTIONS: Final = 0x18_0000  # small functions that the guest rewrites, remaps and forbids
FUNCTION_PAGES: Final = 4
FUNCTIONS_END: Final = FUNCTIONS + FUNCTION_PAGES * PAGE
FUNCTION_BYTES: Final = 256
REMOTE: Final = 0x30_0000  # two pages of code in a region where no data lies
REMOTE_PAGES: Final = 2
WINDOW: Final = 0x1F_0000  # pages that show the last-level tables once more, writable

USER_CODE: Final = 0x80_0000
USER_CODE_END: Final = 0x84_0000
USER_FUNCTIONS: Final = 0x84_0000
USER_FUNCTIONS_END: Final = 0x84_2000
USER_DATA: Final = 0x88_0000
USER_STACK: Final = 0x8C_0000

# Regions of 2 MiB with editable entries.
REGION: Final = 0x20_0000
EDITED: Final = 0x40_0000  # single pages, global ones too
SWITCHED: Final = 0x60_0000  # another last table in the second tree
USER_EDITED: Final = 0xA0_0000
USER_SWITCHED: Final = 0xC0_0000
LARGE: Final = 0xE0_0000  # its directory entry changes: large pages, rights, absence
EDITED_PAGES: Final = 12  # of each region

# A descriptor of the altered table: a kernel code segment that ends before the functions.
SHORT_CODE: Final = 0x40
SHORT_LIMIT: Final = BODY_END + 0xFFFF  # in bytes, ends with a page

# Words of the page STATE.
NEXT: Final = STATE  # where the kernel goes on after a fault that cannot be skipped
FAULTS: Final = STATE + 8
TICKS: Final = STATE + 16
SOFTWARE: Final = STATE + 24
CALLS: Final = STATE + 32
FAR_POINTER: Final = STATE + 64
TABLE_POINTERS: Final = STATE + 128  # pseudo-descriptors of 16 bytes
EDITS: Final = STATE + 1024  # pairs of entry address and value, done at the start

FAULT_LIMIT: Final = 60  # then the guest gives up
GAVE_UP: Final = 99  # with this exit code

# Vectors.
TIMER: Final = 0x40
IPI: Final = 0x50
KERNEL_ONLY: Final = 0x61
BACK_TO_KERNEL: Final = 0x80
RETURNING: Final = 0x81


def table_entry(address: int) -> int:
    """Physical address of the last-level entry in the firmware's tables."""
    return TABLES_ADDRESS + 8 * (address >> 12)


DIRECTORY: Final = TABLES_ADDRESS + 8 * PAGE  # after the eight last tables


def directory_entry(address: int) -> int:
    """Physical address of the entry that maps a region of 2 MiB."""
    return DIRECTORY + 8 * (address >> 21)
