"""A small clean checkout in a temporary folder, for gates to pass on and to be broken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from virtdocs.checks.recorded import update, write
from virtdocs.checks.reviewed import record_review
from virtdocs.checks.values import Memo

KO = """\
# 시작 {#home}

처음 글입니다. [표](table.md#gains)를 보십시오.
"""
EN = """\
# Start {#home}

The first text. See [the table](table.md#gains).
"""
KO_TABLE = """\
# 표 {#table}

원본의 표를 다시 계산합니다.

## 이득 {#gains}

평균은 {{ table_7_4.arithmetic_mean }}{으로/로} 나타납니다.
출처는 <span data-cite="SRC">15–20%</span>라고 합니다.

```exhibit
name: table_7_4
```

- 완전가상화(전가상화)는 고치지 않은 게스트 OS를 씁니다.
- 반가상화는 게스트 OS를 고칩니다.

| 방식 | 뜻 |
|---|---|
| BT | 이진 변환 |

## 끝 {#end}

x86-64의 링 0은 Xen 4.20에서도 같습니다. **굵은 글**입니다.
"""
EN_TABLE = """\
# Table {#table}

The table of the source, recomputed.

## Gains {#gains}

The mean is {{ table_7_4.arithmetic_mean }}. The source says <span data-cite="SRC">15–20%</span>.

```exhibit
name: table_7_4
```

- Full virtualization runs a guest as it is.
- Paravirtualization changes the guest.

| technique | meaning |
|---|---|
| BT | binary translation |

## End {#end}

Ring 0 of x86-64 is the same in Xen 4.20. **Bold text** it is.
"""
TERMS = """\
[full_virtualization]
ko = "완전가상화"
en = "full virtualization"
aliases = ["전가상화"]
flagged = ["전가상화", "full-virtualization"]
settled = false
basis = "SD"

[second_level]
ko = "2단계 주소 변환"
en = "second-level address translation"
settled = true
basis = "MS"
"""
KO_GLOSSARY = """\
# 용어 {#glossary}

쓰는 말입니다.

### 완전가상화 {#full_virtualization}

게스트 OS를 고치지 않습니다. *전가상화*{.alias}라고도 합니다.

### 2단계 주소 변환 {#second_level}

주소를 한 번 더 바꿉니다.
"""
EN_GLOSSARY = """\
# Glossary {#glossary}

The words in use.

### full virtualization {#full_virtualization}

The guest is not changed. Exams say *전가상화*{.alias}.

### second-level address translation {#second_level}

Addresses are translated once more.
"""
SOURCES = """\
[SRC]
title = "A document"
authors = "Somebody"
venue = "Nowhere"
locator = "section 1"
read = "2026-11-23"
status = "read"

[HEARSAY]
title = "Another"
authors = "Somebody"
venue = "Nowhere"
locator = "section 2"
read = "2026-11-23"
status = "unverified"
"""
KO_LABELS = """\
[technique]
native = "네이티브"
bt = "이진 변환"

[axis]
gain = "{unit} 이득"
"""
EN_LABELS = """\
[technique]
native = "native"
bt = "binary translation"

[axis]
gain = "gain in {unit}"
"""
PARTS = """\
id,kind,line,text
S1,section,1,완전가상화
DEF2,definition,2,전가상화는 방식이다
"""
ERRORS = """\
id,severity,where,verdict
FC01,S1,whole,omission
"""
PLACES = """\
complete = ["S1"]

["table.md"]
gains = ["S1", "DEF2"]
"""
CODE = '''\
def heads(names):
    """Ask for axis.nothing here and it is only a docstring."""
    return [Label(f"technique.{name}") for name in names], Label("axis.gain")
'''


@dataclass(frozen=True)
class Site:
    """A checkout that tests may write to."""

    root: Path

    def write(self, file: str, text: str) -> None:
        """Write one file below the checkout."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, file: str) -> str:
        """The text of one file."""
        return (self.root / file).read_text(encoding="utf-8")

    def replace(self, file: str, old: str, new: str) -> int:
        """Replace a text that stands there once; the line where it stood."""
        text = self.read(file)
        assert text.count(old) == 1, (file, old)
        self.write(file, text.replace(old, new))
        return text.count("\n", 0, text.index(old)) + 1

    def page(self, body: str, lang: str = "ko") -> int:
        """Replace docs/LANG/index.md by a heading and this body; the body's first line."""
        self.write(f"docs/{lang}/index.md", f"# 시작 {{#home}}\n\n{body}\n")
        return 3


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A clean checkout: three pages in two languages, all reviewed and recorded."""
    made = Site(tmp_path)
    for file, text in {
        "docs/ko/index.md": KO,
        "docs/en/index.md": EN,
        "docs/ko/table.md": KO_TABLE,
        "docs/en/table.md": EN_TABLE,
        "docs/ko/reference/glossary.md": KO_GLOSSARY,
        "docs/en/reference/glossary.md": EN_GLOSSARY,
        "virtdocs/data/terms.toml": TERMS,
        "virtdocs/data/sources.toml": SOURCES,
        "virtdocs/catalogue/ko.toml": KO_LABELS,
        "virtdocs/catalogue/en.toml": EN_LABELS,
        "virtdocs/views/heads.py": CODE,
        "virtdocs/data/source/inventory.csv": PARTS,
        "virtdocs/data/source/corrections.csv": ERRORS,
        "docs/coverage.toml": PLACES,
        "README.md": "# A project\n\nSome **bold** words:\n\n- one\n- two\n",
    }.items():
        made.write(file, text)
    for section in ("index.md#home", "table.md#table", "table.md#gains", "table.md#end"):
        record_review(tmp_path, section)
    for entry in ("glossary", "full_virtualization", "second_level"):
        record_review(tmp_path, f"reference/glossary.md#{entry}")
    write(tmp_path, update(tmp_path, Memo()))
    return made
