"""What the measured guest is made of, its peer on the network, and what a host may lack."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
from pathlib import Path

import pytest

from virtdocs.devices.registry import DEVICES as MODELLED
from virtdocs.errors import BadValue
from virtdocs.measure import packages, session
from virtdocs.measure.devices import DEVICES
from virtdocs.measure.initramfs import archive
from virtdocs.measure.machine import PROGRAM
from virtdocs.measure.modules import depends, in_order
from virtdocs.measure.packages import obtain
from virtdocs.measure.peer import ETHERTYPE, HOST, Peer

HEADER_BYTES = 110


def members(raw: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and content of each entry of an archive, read by its own rules."""
    data, found = gzip.decompress(raw), {}
    at = 0
    while at < len(data):
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + HEADER_BYTES : at + HEADER_BYTES + name_size - 1].decode()
        at += HEADER_BYTES + name_size
        at += -at % 4
        found[name] = (mode, data[at : at + size])
        at += size + -size % 4
    return found


def test_the_archive_holds_files_their_directories_and_a_console() -> None:
    found = members(archive({"init": b"program", "modules/00-a.ko": b"\1\2\3"}))
    assert found["init"] == (0o100755, b"program")
    assert found["modules/00-a.ko"][1] == b"\1\2\3"
    assert found["modules"][0] == found["dev"][0] == 0o040755
    assert found["dev/console"][0] == 0o020600
    names = list(found)
    assert names.index("modules") < names.index("modules/00-a.ko")
    assert names[-1] == "TRAILER!!!"


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A kernel's directory: b needs a-lib, and d is built in."""
    for name, needs in (("a-lib", ""), ("b", "a_lib"), ("c", "b,a_lib")):
        (tmp_path / f"{name}.ko").write_bytes(b"\0license=GPL\0depends=%s\0" % needs.encode())
    (tmp_path / "modules.builtin").write_text("kernel/d.ko\n")
    return tmp_path


def test_modules_come_after_what_they_need(kernel: Path) -> None:
    assert [path.stem for path in in_order(kernel, ["c", "d"])] == ["a-lib", "b", "c"]
    assert depends(kernel / "c.ko") == ["b", "a_lib"]
    with pytest.raises(BadValue, match="no module nothing"):
        in_order(kernel, ["nothing"])


@pytest.mark.parametrize("replies", [0, 1, 3])
def test_the_peer_sends_a_frame_back_as_often_as_it_says(replies: int) -> None:
    with Peer() as peer:
        option = dict(part.split("=") for part in peer.options[1].split(",")[1:])
        here, there = option["udp"].split(":")[1], option["localaddr"].split(":")[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest:
            guest.bind((HOST, int(there)))
            guest.settimeout(5)
            for count in (replies, 1):
                frame = b"\xff" * 6 + b"mymac1" + ETHERTYPE + bytes((count,)) + bytes(49)
                guest.sendto(frame, (HOST, int(here)))
            back = [guest.recv(2048) for _ in range(replies + 1)]
    assert {frame[:6] for frame in back} == {b"mymac1"}
    assert [frame[14] for frame in back] == [replies] * replies + [1]


def test_every_measured_device_is_modelled_and_its_program_is_there() -> None:
    assert set(DEVICES) <= set(MODELLED)
    assert PROGRAM.read_text().count("int main(") == 1


@pytest.mark.parametrize("program", packages.NEEDED)
def test_a_missing_program_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else f"/bin/{name}")
    with pytest.raises(BadValue) as mistake:
        obtain(tmp_path)
    package = packages.NEEDED[program]
    assert str(mistake.value) == f"measure: {program} is missing: apt-get install {package}"


def test_only_root_may_have_apt_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(BadValue, match="root only"):
        obtain(tmp_path)


def test_a_program_that_fails_ends_in_its_last_complaint() -> None:
    with pytest.raises(BadValue, match=r"^measure: sh -c failed: second$"):
        packages.run(["sh", "-c", "echo first >&2; echo second >&2; exit 3"])
    with pytest.raises(BadValue, match="cannot be run"):
        packages.run(["/no/such/program"])


@pytest.mark.parametrize(
    ("modules", "name"), [(["kvm", "kvm_intel"], "kvm_intel"), (["kvm", "kvm_other"], "kvm_other")]
)
def test_a_kvm_is_recorded_by_its_modules_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, modules: list[str], name: str
) -> None:
    (tmp_path / "device").touch()
    for module in modules:
        (tmp_path / module).mkdir()
    monkeypatch.setattr(session, "KVM", tmp_path / "device")
    monkeypatch.setattr(session, "MODULES", tmp_path)
    assert session.module_of("kvm") == name
    assert session.module_of("tcg") == ""
    monkeypatch.setattr(session, "KVM", tmp_path / "none")
    with pytest.raises(BadValue, match="no KVM"):
        session.module_of("kvm")


def test_the_command_compares_what_was_measured_with_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from virtdocs.cli import main
    from virtdocs.measure.rows import REFERENCE, read

    host = {"qemu": "7.2", "guest_kernel": "6.1", "accelerator": "tcg", "module": ""}
    rows = [{**one, **host} for one in read(REFERENCE) if one["device"] == "ahci"]

    def measured(wrong: str) -> int:
        changed = [{**rows[0], **({"reg_reads": wrong} if wrong else {})}, *rows[1:]]
        done = session.Measurement(changed, "rows.csv", 1.5)
        monkeypatch.setattr(session, "measure", lambda *_: done)
        return main(["measure", "--devices", "ahci", "--output", str(tmp_path), "--json"])

    assert measured("") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [one["same"] for one in answer["agreement"]] == [True, True]
    assert (answer["seconds"], answer["file"]) == (1.5, str(tmp_path / "rows.csv"))
    assert read(tmp_path / "rows.csv") == rows
    assert measured("9") == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--devices", "ide"], "--devices: unknown device 'ide'. Did you mean ide-"),
        (["--accelerator", "xen"], "--accelerator: unknown accelerator 'xen'"),
    ],
)
def test_wrong_names_are_bad_input(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    from virtdocs.cli import main

    assert main(["measure", *words]) == 2
    assert complaint in capsys.readouterr().err
