"""The Korean particle after a word, a number or a unit, chosen by how it is read aloud.

은/는, 이/가, 을/를 and 과/와 ask whether the last syllable ends in a consonant; 으로/로
asks the same but takes 로 after ㄹ. Digits, Latin letters and units are read in Korean
first: 10 is 십, 12.75% is 퍼센트, 949.28 Mbps ends in 피에스, KVM in 엠.
"""

from __future__ import annotations

import re

from virtdocs.errors import BadValue, VirtdocsError, nearest

# (after a consonant, after a vowel)
PAIRS = {
    "은/는": ("은", "는"),
    "이/가": ("이", "가"),
    "을/를": ("을", "를"),
    "과/와": ("과", "와"),
    "으로/로": ("으로", "로"),
    "이라/라": ("이라", "라"),
    "이다/다": ("이다", "다"),
    "아/야": ("아", "야"),
}

DIGITS = dict(zip("0123456789", "영 일 이 삼 사 오 육 칠 팔 구".split(), strict=True))
PLACES = {1: "십", 2: "백", 3: "천", 4: "만", 8: "억", 12: "조", 16: "경"}
LETTERS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        "에이 비 시 디 이 에프 지 에이치 아이 제이 케이 엘 엠 엔 오 피 큐 알 에스 티 유 브이 "
        "더블유 엑스 와이 제트".split(),
        strict=True,
    )
)
SIGNS = {
    "%": "퍼센트",
    "×": "배",
    "µs": "마이크로초",
    "μs": "마이크로초",
    "ms": "밀리초",
    "ns": "나노초",
}
# Words that are read as words. Everything else in Latin letters is spelt out letter by
# letter when it is upper case, and is unknown when it is not.
WORDS = {
    "mbps": "메가비피에스",
    "gbps": "기가비피에스",
    "iops": "아이옵스",
    "mib": "메비바이트",
    "gib": "기비바이트",
    "kib": "키비바이트",
    "tps": "티피에스",
    "xen": "젠",
    "linux": "리눅스",
    "intel": "인텔",
    "amd": "에이엠디",
    "windows": "윈도",
    "native": "네이티브",
    "hypercall": "하이퍼콜",
    "vmware": "브이엠웨어",
    "esxi": "이에스엑스아이",
    "virtio": "버트아이오",
    "qemu": "큐에뮤",
    "dom0": "돔제로",
    "domu": "돔유",
    "ring": "링",
    "trap": "트랩",
    "exit": "엑시트",
    "root": "루트",
    "mysql": "마이에스큐엘",
    "cli": "시엘아이",
    "sti": "에스티아이",
    "hlt": "에이치엘티",
    "popf": "팝에프",
    "pushf": "푸시에프",
    "out": "아웃",
    "in": "인",
    "mov": "무브",
    "iret": "아이렛",
    "cpuid": "시피유아이디",
    "invlpg": "인브이엘피지",
    "int": "인트",
    "cs": "시에스",
    "rax": "알에이엑스",
    "cr0": "시알제로",
    "cr2": "시알투",
    "cr3": "시알스리",
    "cr4": "시알포",
    "cr8": "시알에잇",
    "gp": "지피",
    "type": "타입",
}

_LAST = re.compile(r"([가-힣]|[A-Za-z][A-Za-z0-9]*|[0-9][0-9,]*(?:\.[0-9]+)?|µs|μs|[%×])[^\w%×]*$")

# The particle fits the word before a bracket: 바이너리 변환(BT)은.
_BRACKET = re.compile(r"\s*\([^()]*\)$")


def is_pair(text: str) -> bool:
    """Whether ``text`` names a pair of particles, such as 은/는."""
    return text in PAIRS


def attach(text: str, particle: str) -> str:
    """``text`` with the fitting particle of the pair right behind it."""
    return text + choose(text, particle)


def choose(text: str, particle: str) -> str:
    """The particle of the pair that fits behind ``text``; raises for an unreadable end."""
    if particle not in PAIRS:
        raise BadValue("particle", f"no pair {particle!r}", nearest(particle, PAIRS))
    consonant, vowel = PAIRS[particle]
    coda = final_consonant(reading(text)[-1])
    if particle == "으로/로" and coda == "ㄹ":
        return vowel
    return consonant if coda else vowel


def reading(text: str) -> str:
    """The end of ``text`` in Hangul, as it is read aloud."""
    found = _LAST.search(_BRACKET.sub("", text.rstrip()) or text.rstrip())
    if not found:
        raise VirtdocsError("particle", f"{text!r} has no end that can be read")
    end = found[1]
    if "가" <= end <= "힣":
        return end
    if end in SIGNS:
        return SIGNS[end]
    return number_reading(end) if end[0].isdigit() else _latin(end)


def number_reading(digits: str) -> str:
    """The last syllable of a number: 10 십, 1,200 백, 12.75 오, 30000 만."""
    whole, _, decimals = digits.replace(",", "").partition(".")
    if decimals:
        return DIGITS[decimals[-1]]
    whole = whole.lstrip("0") or "0"
    zeros = len(whole) - len(whole.rstrip("0"))
    if whole == "0" or not zeros:
        return DIGITS[whole[-1]]
    return PLACES[max(power for power in PLACES if power <= zeros)]


def _latin(word: str) -> str:
    if word.lower() in WORDS:
        return WORDS[word.lower()]
    letters = word.rstrip("0123456789")
    digits = word[len(letters) :]
    if digits and letters:
        return number_reading(digits)
    if word.isupper() or len(word) == 1:
        return LETTERS[word[-1].lower()]
    raise VirtdocsError(
        "virtdocs/render/particles.py", f"no Korean reading of {word!r}", nearest(word, WORDS)
    )


def final_consonant(syllable: str) -> str:
    """The consonant under a Hangul syllable, "" for none."""
    codas: tuple[str, ...] = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
    return codas[(ord(syllable) - ord("가")) % len(codas)]
