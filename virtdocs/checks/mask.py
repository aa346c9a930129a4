"""What of a Markdown page is prose: everything else becomes a private-use character.

Each kind of non-prose has a character of its own, so that a gate can still see
that a sentence goes on (a value tag counts as a number, code as a word), and
offsets and lines stay where they are.
"""

from __future__ import annotations

import re
from functools import partial

CODE = "\ue000"
TAG = "\ue001"
CITED = "\ue002"
QUOTED = "\ue003"
MARKUP = "\ue004"
ALIAS = "\ue005"  # *전가상화*{.alias}: a term mentioned, not used
MASKS = CODE + TAG + CITED + QUOTED + MARKUP + ALIAS

_LINE = r"(?:(?!\n[ >]*\n)[\s\S])"  # any character inside one paragraph

# In this order: an earlier form hides what it holds from the later ones.
_FORMS: tuple[tuple[str, str], ...] = (
    (MARKUP, rf"<!--{_LINE}*?-->"),
    (CODE, rf"(?<!`)(?P<ticks>`+)(?!`){_LINE}+?(?<!`)(?P=ticks)(?!`)"),
    (TAG, r"\{\{[^{}\n]*\}\}(?:\{[가-힣]+/[가-힣]+\})?"),
    (QUOTED, rf"<q\s+data-source=\"[^\"\n]*\"\s*>{_LINE}*?</q>"),
    (CITED, rf"<(?P<el>\w+)\s[^<>]*?data-cite=\"[^\"\n]*\"[^<>]*>{_LINE}*?</(?P=el)>"),
    (ALIAS, r"(?P<em>\*{1,2})[^*\n]+(?P=em)\{[^{}\n]*\.alias\b[^{}\n]*\}"),
    (MARKUP, r"</?[A-Za-z][^<>\n]*>"),
    (MARKUP, r"<https?://[^<>\s]+>|https?://[^\s)\]>\"']+"),
    (MARKUP, r"(?<=\])\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)"),
    (MARKUP, r"\[\^[\w-]+\]:?"),
    (MARKUP, r"(?m)^\[[^\]\n]+\]:[ ]+\S+.*$"),
    (MARKUP, r"(?<!\{)\{:?[ ]*[#.\w][^{}\n]*\}"),
    (MARKUP, r"(?m)^[ >]*\d+[.)](?=[ ])"),
    (MARKUP, r"(?m)^[ ]*(?:!!!|\?\?\?\+?|===\+?)(?:[ ]+(?!\")[\w -]+)?"),
    (MARKUP, r"(?m)^[ ]*\|?[ ]*:?-{2,}:?[ ]*(?:\|[ ]*:?-{2,}:?[ ]*)*\|?[ ]*$"),
    (MARKUP, r"&#?\w+;"),
)
_COMPILED = tuple((char, re.compile(form)) for char, form in _FORMS)
_QUOTE_BLOCK = re.compile(r"^(?P<indent>[ ]*)(?:!!!|\?\?\?\+?)[ ]+quote\b")


def mask_prose(text: str) -> str:
    """``text`` with everything but prose replaced, same length, same line breaks."""
    text = _mask_quote_blocks(text)
    for char, form in _COMPILED:
        text = form.sub(partial(_blank_match, char), text)
    return text


def _blank(text: str, char: str) -> str:
    return re.sub(r"[^\n]", char, text)


def _blank_match(char: str, match: re.Match[str]) -> str:
    return _blank(match.group(), char)


def _mask_quote_blocks(text: str) -> str:
    """``!!! quote`` admonitions hold the words of the source document."""
    lines = text.split("\n")
    inside: int | None = None
    for n, line in enumerate(lines):
        start = _QUOTE_BLOCK.match(line)
        if start:
            inside = len(start["indent"])
        elif inside is not None and line.strip():
            indent = len(line) - len(line.lstrip(" "))
            if indent < inside + 4:
                inside = None
        if inside is not None:
            lines[n] = _blank(line, QUOTED)
    return "\n".join(lines)
