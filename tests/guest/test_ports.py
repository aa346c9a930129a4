"""The port of the kernel is the text's own `.if`s: counted, and complete."""

from __future__ import annotations

import pytest

from virtdocs.errors import UnknownName
from virtdocs.guest.images import IMAGES
from virtdocs.guest.ports import port_diff
from virtdocs.guest.workloads import BUILDS, KERNEL, build


def lines_of(port: str, levels: int, file: str) -> list[str]:
    """The lines with meaning that a build is made of."""
    text = (
        line.strip() for name, _, line in build("cpu", port, levels=levels).text if name == file
    )
    return [line for line in text if line and not line.startswith(";")]


@pytest.mark.parametrize("port", ["pv32", "pv64"])
def test_the_counts_add_up_to_both_texts(port: str) -> None:
    found = port_diff(port)
    assert [file.file for file in found.files] == list(KERNEL)
    for file in found.files:
        assert file.kept + file.removed == len(lines_of("native", found.levels, file.file))
        assert file.kept + file.added == len(lines_of(port, found.levels, file.file))
    assert found.removed > 0
    assert found.added > found.removed  # asking a hypervisor takes more text than an instruction


def test_the_diff_shows_each_added_line() -> None:
    for file in port_diff("pv32").files:
        added = [line[1:].strip() for line in file.diff if line[0] == "+" and line[:3] != "+++"]
        added = [line for line in added if line and not line.startswith(";")]
        assert len(added) == file.added
        assert set(added) <= set(lines_of("pv32", 2, file.file))


def test_a_sixty_four_bit_port_changes_more_than_a_thirty_two_bit_one() -> None:
    assert port_diff("pv64").added > port_diff("pv32").added


def test_an_unknown_port_is_told() -> None:
    with pytest.raises(UnknownName, match="pv31"):
        port_diff("pv31")


def test_only_what_can_be_rebuilt_has_a_port() -> None:
    for image in IMAGES.values():
        assert set(image.builds) <= set(BUILDS)
        assert (set(image.builds) > {"native"}) is image.rebuildable
