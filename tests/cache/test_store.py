"""Entries are whole or absent: damaged, foreign, cut off by a kill, written twice at once."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

from virtdocs.cache import store as store_module
from virtdocs.cache.store import HASH_BYTES, Store
from virtdocs.views.model import Basis, Label, Value

VALUE = Label("caption.x", (("n", Value(Fraction(1, 3), Basis.RUN)),))
KEY = "ab" * 32
WRITER = """
import sys
from virtdocs.cache.store import Store
from virtdocs.views.model import Label
store = Store(__import__("pathlib").Path(sys.argv[1]))
print("ready", flush=True)
n = 0
while True:
    store.put("cd" * 32, Label("x" * 200_000))
"""


def test_what_is_put_is_got(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "folder")
    assert store.get(KEY) is None
    store.put(KEY, VALUE)
    assert store.get(KEY) == VALUE


def test_twenty_damaged_entries_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    rng = random.Random(20)
    for n in range(20):
        store.put(KEY, VALUE)
        entry = bytearray((tmp_path / KEY).read_bytes())
        if n % 3 == 0:
            entry = entry[: rng.randrange(len(entry))]
        elif n % 3 == 1:
            entry[rng.randrange(len(entry))] ^= 1 << rng.randrange(8)
        else:
            entry += rng.randbytes(rng.randrange(1, 9))
        (tmp_path / KEY).write_bytes(entry)
        assert store.get(KEY) is None


class Reaches:
    """Pickled as a call of ``getattr`` for what is no member of an enumeration."""

    def __reduce__(self) -> tuple[object, ...]:
        return getattr, (Label, "__init__")


class Member:
    """Pickled as Python 3.11.2 pickles a member of an enumeration."""

    def __reduce__(self) -> tuple[object, ...]:
        return getattr, (Basis, "RUN")


def test_members_of_enumerations_come_out_however_they_were_written(tmp_path: Path) -> None:
    Store(tmp_path).put(KEY, Member())
    assert Store(tmp_path).get(KEY) is Basis.RUN


@pytest.mark.parametrize("thing", [os.system, subprocess.Popen, open, Reaches()])
def test_nothing_foreign_comes_out(tmp_path: Path, thing: object) -> None:
    payload = pickle.dumps(thing)
    digest = hashlib.sha256(KEY.encode() + payload).digest()
    (tmp_path / KEY).write_bytes(digest + payload)
    assert Store(tmp_path).get(KEY) is None


def test_a_writer_that_is_killed_leaves_none_or_a_whole_entry(tmp_path: Path) -> None:
    rng = random.Random(7)
    for _ in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(rng.random() * 0.02)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        path = tmp_path / ("cd" * 32)
        assert not path.exists() or Store(tmp_path).get(path.name) == Label("x" * 200_000)


def _write(folder: str, times: int) -> None:
    store = Store(Path(folder))
    for _ in range(times):
        store.put(KEY, VALUE)


def test_two_writers_of_one_key_do_not_meet(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(tmp_path), 200)) for _ in range(2)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert [one.exitcode for one in writers] == [0, 0]
    assert Store(tmp_path).get(KEY) == VALUE
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = Store(tmp_path / "file")
    store.put(KEY, VALUE)
    assert store.get(KEY) is None


@pytest.mark.parametrize("limit", ["MOST_ENTRIES", "MOST_BYTES"])
def test_the_oldest_entries_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(store_module, limit, 9)
    for n in range(10):
        path = tmp_path / f"{n:064}"
        path.write_bytes(b"x")
        os.utime(path, (n, n))
    Store(tmp_path).put(KEY, VALUE)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {KEY, *(f"{n:064}" for n in range(5, 10))}


def test_the_first_bytes_are_the_hash_of_the_key_and_the_others(tmp_path: Path) -> None:
    Store(tmp_path).put(KEY, VALUE)
    entry = (tmp_path / KEY).read_bytes()
    assert hashlib.sha256(KEY.encode() + entry[HASH_BYTES:]).digest() == entry[:HASH_BYTES]


def test_an_entry_in_the_place_of_another_is_not_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, VALUE)
    (tmp_path / KEY[::-1]).write_bytes((tmp_path / KEY).read_bytes())
    assert store.get(KEY[::-1]) is None
