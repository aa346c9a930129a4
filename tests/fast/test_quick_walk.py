"""The fast core's page walk does what the walk of the reference does, or nothing at all."""

from __future__ import annotations

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from virtdocs.machine.memory import PhysicalMemory
from virtdocs.machine.paging import (
    ACCESSED,
    DIRTY,
    GLOBAL,
    LARGE,
    NO_EXECUTE,
    PRESENT,
    USER,
    WRITABLE,
    Access,
    walk,
)
from virtdocs.machine.quick_walk import Read, quick_frame, quick_walk
from virtdocs.machine.traps import Trapped

NUMBER = 0x123_4567
BITS = (WRITABLE, USER, ACCESSED, DIRTY, GLOBAL, NO_EXECUTE)
# Mostly entries that lead somewhere, as chance would seldom let four of them do.
ENTRY = st.builds(
    lambda flags, missing, large: (
        sum(flags) | (0 if missing else PRESENT) | (LARGE if large else 0)
    ),
    st.sets(st.sampled_from(BITS)),
    st.integers(0, 19).map(lambda n: n == 0),
    st.integers(0, 4).map(lambda n: n == 0),
)


def tables(entries: list[int]) -> PhysicalMemory:
    """Tables from frame 1 on, one a level, that lead to frame 100; 2 MiB lie at frame 512."""
    memory = PhysicalMemory(1024)
    for depth, flags in enumerate(entries):
        page = memory.page(depth + 1)
        assert page is not None
        below = depth + 2 if depth + 1 < len(entries) else 100
        if flags & LARGE and depth + 2 == len(entries):
            below = 512
        page[NUMBER >> 9 * (len(entries) - 1 - depth) & 511] = flags | below << 12
    return memory


@given(
    entries=st.lists(ENTRY, min_size=2, max_size=4),
    access=st.sampled_from(Access),
    user=st.booleans(),
    protect=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_a_quick_walk_gives_the_same_translation_and_marks_the_same_entries(
    entries: list[int], access: Access, user: bool, protect: bool
) -> None:
    memory = tables(entries)
    other = copy.deepcopy(memory)
    levels = len(entries)
    quick = quick_walk(memory, 1, NUMBER, levels, access, user, protect)
    if quick is None:
        assert memory.pages == other.pages
        return
    references: list[tuple[int, int]] = []
    reference = walk(
        other, 1, NUMBER << 12, levels, access, user, write_protect=protect,
        on_reference=lambda frame, index: references.append((frame, index)),
    )  # fmt: skip
    assert quick == reference
    assert memory.pages == other.pages
    assert len(references) == len(quick.entries)


@given(entries=st.lists(ENTRY, min_size=4, max_size=4), access=st.sampled_from(Access))
@settings(max_examples=400, deadline=None)
def test_the_frame_alone_is_found_only_where_nothing_would_be_marked(
    entries: list[int], access: Access
) -> None:
    memory = tables(entries)
    other = copy.deepcopy(memory)
    read: list[Read] = []
    leaf = quick_frame(memory, 1, NUMBER, 4, access, read)
    assert memory.pages == other.pages
    if leaf is None:
        return
    found = walk(other, 1, NUMBER << 12, 4, access, True)
    assert (found.frame, found.reach) == leaf
    assert len(found.entries) == len(read)
    assert memory.pages == other.pages


@given(entries=st.lists(ENTRY, min_size=4, max_size=4), access=st.sampled_from(Access))
@settings(max_examples=200, deadline=None)
def test_a_walk_that_faults_is_never_quick(entries: list[int], access: Access) -> None:
    memory = tables(entries)
    try:
        walk(copy.deepcopy(memory), 1, NUMBER << 12, 4, access, True)
    except Trapped:
        assert quick_walk(memory, 1, NUMBER, 4, access, True, True) is None
