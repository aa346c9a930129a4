"""The short allow-list: numerals that are names, dates, versions or places in a text.

Each entry is a form with the examples that it is for; tests run the examples. A
numeral that counts or measures something belongs into a value tag instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from virtdocs.checks.mask import MARKUP
from virtdocs.checks.number_words import UNIT

_YEAR = r"(?:19[4-9]\d|20[0-3]\d)(?!\d)"
_MEASURED = rf"(?!\s?{UNIT})"
_NUMBER = r"\d+(?:\.\d+)*[A-Z]?"
_AND = r"(?:\s*(?:,|[–~-]|,?\s?(?:and|or|to)\b|및|·|(?<=\d)[과와]|에서)\s*)"
_LIST = rf"{_NUMBER}(?:{_AND}{_NUMBER})*"
_RING = rf"[0-3](?:{_AND}[0-3])*"
_PRODUCTS = (
    "AMD64 APM|Android|Bochs|CentOS|Chromium|Core|Debian|ESX|ESXi|Fedora|FreeBSD|GSX Server|"
    "HTML|Hyper-V|KVM|Linux|MkDocs|NetBSD|OS/2|Parallels Desktop|Pentium|Proxmox VE|Python|QEMU|"
    "RHEL|Red Hat Enterprise Linux|Solaris|SLES|System/3|Ubuntu|VMware Workstation|VirtualBox|"
    "Virtual PC|Virtual Server|Windows NT|Windows Server|Windows|Workstation|XenServer|Xen|"
    "iptables|kernel|macOS|vSphere|virtio|WebAssembly|리눅스|윈도우|윈도|펜티엄|커널|버전|version"
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """One form of numeral that prose may hold, why, and examples of it."""

    why: str
    form: str
    examples: tuple[str, ...]


ALLOWED: tuple[Allowed, ...] = (
    Allowed(
        "a licence",
        r"CC\sBY(?:-\w+)*\s\d\.\d|Apache(?:\sLicense)?\s2\.0",
        ("CC BY 4.0",),
    ),
    Allowed(
        "an ISO date",
        rf"(?<!\d){_YEAR}-\d\d(?:-\d\d)?(?!\d)",
        ("2026-11-23", "2006-11"),
    ),
    Allowed(
        "a Korean date",
        rf"(?<![\d.]){_YEAR}(?:\s*[–~-]\s*{_YEAR})?\s?년대?"
        r"(?:\s\d{1,2}월(?:\s\d{1,2}일)?)?",
        ("2006년", "2000년대", "2026년 11월 23일", "1998~2005년"),
    ),
    Allowed(
        "an English year",
        rf"(?:(?<![a-z])(?:in|since|until|by|from|of|before|after|around|and|to|between)\s"
        rf"|[(–-]|,\s|(?<![A-Za-z])[A-Z][a-z]+\s){_YEAR}(?![A-Za-z]|[.,]\d){_MEASURED}"
        r"(?!\s(?!as\b|was\b|is\b|has\b|this\b|its\b|does\b)[a-z]+s\b)",  # 2000 machines
        ("in 1974", "(Popek and Goldberg, 1974)", "since 2005", "November 2005"),
    ),
    Allowed(
        "a decade",
        r"(?:the|early|late|mid)[\s-](?:19[4-9]|20[0-3])0s(?![a-z])",
        ("the 1990s", "late 2000s"),
    ),
    Allowed(
        "a place in a text",
        rf"§\s?{_LIST}|(?i:\b(?:sections?|chapters?|vol(?:ume|\.)|pp?\.|appendix|rfc|part|no\.)\s{_LIST})"
        rf"|(?i:\btables?\s)\d+\.\d+|표\s\d+\.\d+|(?<![\d.]){_LIST}\s?(?:절|장|쪽|권)(?![점치])",
        ("§4.2", "sections 4.2, 5.2 and 6.3", "table 7.4", "표 7.4", "4.2, 5.2, 6.3절", "p. 12"),
    ),
    Allowed(
        "a version",
        rf"(?<![A-Za-z])(?:{_PRODUCTS})\sv?\d+(?:\.[\dx]+)*(?:{_AND}\d+\.[\dx]+)*(?![\d.,]*\d){_MEASURED}"
        r"|(?<![A-Za-z\d.])v\d+(?:\.\d+)*|(?<![\d.])\d+\.\d+\.\d+(?:\.\d+)*(?!\d)",
        ("Xen 4.20", "Linux 2.6.32", "Pentium 4", "Python 3.11", "v1.2", "1.2.3", "Xen 3.x"),
    ),
    Allowed(
        "a protection ring or privilege level",
        rf"(?i:(?<![a-z])(?:rings?|cpl|iopl|dpl|rpl)[\s-])\s?{_RING}"
        rf"|(?:링|특권 수준)\s?{_RING}",
        ("Ring 0", "Ring 0–3", "rings 0 and 3", "링 1과 3", "CPL 3", "ring-1", "링 0~3"),
    ),
    Allowed(
        "a type of hypervisor",
        r"(?i:(?<![a-z])types?[\s-])[12](?:\s?(?:/|and|or|와|과)\s?[12])?(?!\d)|(?:유형|타입)\s[12]|(?<!\d)[12]형",
        ("Type 1", "type-2", "types 1 and 2", "유형 2", "1형", "2형"),
    ),
    Allowed(
        "a domain",
        r"(?i:domain)\s0|도메인\s0",
        ("Domain 0", "도메인 0"),
    ),
    Allowed(
        "a word size that names a mode or a port",
        r"(?<![\d.])(?:8|16|32|64|128)[\s-]?(?:bits?(?![a-z])|비트)",
        ("32-bit", "64-bit", "64비트", "32 bit"),
    ),
    Allowed(
        "a kind of paging",
        r"(?<![\d.])[2-5]-level\s(?:paging|page[\s-]tables?|walk)"
        r"|(?<![\d.])[2-5]단계\s(?:페이징|페이지 테이블)",
        ("4-level paging", "4단계 페이징", "2-level page tables"),
    ),
    Allowed(
        "a word that starts with a Latin letter",
        r"(?<![A-Za-z\d.])(?!x\d)(?=[A-Za-z][A-Za-z_./+-]*\d)[A-Za-z][A-Za-z\d]*(?:[-_./+][A-Za-z\d]+)*"
        r"|(?<![A-Za-z\d])x(?:86|64)(?:[-_][A-Za-z\d]+)?",
        ("x86", "x86-64", "IA-32", "e1000", "cr3", "dom0", "SHA-256", "FC01", "i386", "RTL8139"),
    ),
)

_FORMS = tuple(re.compile(entry.form) for entry in ALLOWED)


def mask_allowed(prose: str, names: tuple[str, ...] = ()) -> str:
    """``prose`` with allowed numerals replaced; ``names`` are glossary forms with digits."""
    for name in names:
        prose = prose.replace(name, MARKUP * len(name))
    for form in _FORMS:
        prose = form.sub(_blank, prose)
    return prose


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", MARKUP, match.group())
