"""The numbers in a device's docstring are those of a run."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "e1000", "virtio_balloon", "virtio_console", "virtqueue", "vmware_balloon", "xen_balloon",
)  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_docstrings_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"virtdocs.devices.{module}"))
    assert found.attempted > 0
    assert found.failed == 0
