"""Numbers written as words with a unit: 두 배, 세 번, twice as, five traps.

A count hidden in a word goes stale like one in digits. Words that count nothing
measured (한 번, 두 번째, two languages) are not meant.
"""

from __future__ import annotations

import re

_KO_NUMBER = (
    "두|세|네|다섯|여섯|일곱|여덟|아홉|열(?:한|두|세|네|다섯|여섯|일곱|여덟|아홉)?|스무|스물|서른|마흔|쉰|"
    "몇십|수십|몇백|수백|몇천|수천|백|천|만"
)
_KO_UNIT = (
    "배(?![열포치경정우])|번(?!\\s?째|역|호)|차례|단계|회(?![사로의])|퍼센트|사이클|나노초|마이크로초|밀리초|"
    "초(?![기과판반안점보])|바이트"
)
_EN_NUMBER = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
    "seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|"
    "thousand|million|dozen|dozens of|hundreds of|thousands of|tens of"
)
_EN_UNIT = (
    "times|fold|percent|per cent|cycles?|exits?|traps?|transitions?|crossings?|steps?|hypercalls?|"
    "VM exits?|instructions?|references|accesses|faults|switches|nanoseconds?|microseconds?|"
    "milliseconds?|seconds?|bytes?|guests?|vCPUs?|pages?|packets?|requests?"
)

UNIT = (
    rf"(?:%|×|[x배번회개초](?![A-Za-z가-힣])|단계|가지|[kKMG]i?B(?![A-Za-z])|[KMG]?Hz|[KMG]?bps"
    rf"|(?:[nmµu]?s|{_EN_UNIT})(?![A-Za-z]))"
)
"""Matches what may follow a measured number, and never follows a version or a year."""

NUMBER_WORDS = re.compile(
    rf"(?<![가-힣])(?:{_KO_NUMBER})\s?(?:{_KO_UNIT})"
    rf"|(?<![가-힣])(?:몇|수)\s?배(?![열포치경정우])"
    r"|(?<![가-힣])절반"
    rf"|\b(?:{_EN_NUMBER})(?:\s|-)(?:{_EN_UNIT})\b"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|twenty|hundred)fold\b"
    r"|\btwice (?:as|the|that)\b|\bhalf (?:the|of|as|that)\b|\bdouble (?:the|that)\b"
    r"|\border(?:s)? of magnitude\b",
    re.IGNORECASE,
)
"""Matches one number word with its unit, in either language."""
