"""Both machines, made once: each run puts them into a fresh state itself."""

from __future__ import annotations

import pytest

from tests.oracle.model import Model
from tests.oracle.x86 import RealX86


@pytest.fixture(scope="session")
def real() -> RealX86:
    return RealX86()


@pytest.fixture(scope="session")
def model() -> Model:
    return Model()
