"""Particles follow how a value is read aloud in Korean."""

from __future__ import annotations

import pytest

from virtdocs.errors import BadValue, VirtdocsError
from virtdocs.render import particles


@pytest.mark.parametrize(
    ("text", "pair", "joined"),
    [
        ("커널", "은/는", "커널은"),
        ("하이퍼바이저", "은/는", "하이퍼바이저는"),
        ("커널", "이/가", "커널이"),
        ("장치", "이/가", "장치가"),
        ("값", "을/를", "값을"),
        ("단계", "을/를", "단계를"),
        ("트랩", "과/와", "트랩과"),
        ("상태", "과/와", "상태와"),
        ("트랩", "으로/로", "트랩으로"),
        ("커널", "으로/로", "커널로"),
        ("단계", "으로/로", "단계로"),
        # numbers: 영 일 이 삼 사 오 육 칠 팔 구, 십 백 천 만 억 조
        ("0", "은/는", "0은"),
        ("1", "은/는", "1은"),
        ("2", "은/는", "2는"),
        ("7", "으로/로", "7로"),
        ("8", "으로/로", "8로"),
        ("3", "으로/로", "3으로"),
        ("6", "이/가", "6이"),
        ("10", "이/가", "10이"),
        ("1,200", "이/가", "1,200이"),
        ("5,000", "으로/로", "5,000으로"),
        ("30000", "은/는", "30000은"),
        ("300,000,000", "은/는", "300,000,000은"),
        ("1,000,000,000,000", "은/는", "1,000,000,000,000는"),
        ("12.75", "은/는", "12.75는"),
        ("13.58", "으로/로", "13.58로"),
        ("1.0", "은/는", "1.0은"),
        ("−3", "은/는", "−3은"),
        # units and signs
        ("12.75%", "은/는", "12.75%는"),
        ("949.28 Mbps", "은/는", "949.28 Mbps는"),
        ("7,500 IOPS", "을/를", "7,500 IOPS를"),
        ("1.5×", "은/는", "1.5×는"),
        ("3 µs", "은/는", "3 µs는"),
        # letters and words
        ("KVM", "은/는", "KVM은"),
        ("Xen", "이/가", "Xen이"),
        ("IOMMU", "은/는", "IOMMU는"),
        ("URL", "으로/로", "URL로"),
        ("BT", "과/와", "BT와"),
        ("hlt", "은/는", "hlt는"),
        ("mov cr3", "을/를", "mov cr3를"),
        ("#GP", "은/는", "#GP는"),
        # the word before a bracket decides
        ("바이너리 변환(BT)", "은/는", "바이너리 변환(BT)은"),
        ("Xen 반가상화(32비트)", "은/는", "Xen 반가상화(32비트)는"),
    ],
)
def test_a_particle_fits_what_it_follows(text: str, pair: str, joined: str) -> None:
    assert particles.attach(text, pair) == joined


@pytest.mark.parametrize("text", ["qwzx", "…", ""])
def test_what_nobody_can_read_is_a_mistake(text: str) -> None:
    with pytest.raises(VirtdocsError):
        particles.attach(text, "은/는")


def test_an_unknown_pair_is_a_mistake_that_names_the_nearest() -> None:
    with pytest.raises(BadValue, match="은/는"):
        particles.attach("값", "는/은은/는")


def test_every_pair_is_told_from_other_text() -> None:
    assert all(particles.is_pair(pair) for pair in particles.PAIRS)
    assert not particles.is_pair("technique")
