"""Values as text: separators, signs, rounding, units, formats."""

from __future__ import annotations

from fractions import Fraction

import pytest

from virtdocs.errors import BadValue, VirtdocsError
from virtdocs.render.catalogue import load
from virtdocs.render.numbers import digits_text, raw_text, value_text
from virtdocs.views.model import Basis, Value, code, digest, number, term, terms

GAIN = number(Fraction(11000, 810), Basis.DERIVED, "percent", 2, signed=True)


@pytest.mark.parametrize(
    ("raw", "digits", "signed", "shown"),
    [
        (0, 0, False, "0"),
        (1234567, 0, False, "1,234,567"),
        (Fraction(1, 3), 2, False, "0.33"),
        (Fraction(5, 2), 0, False, "2"),
        (Fraction(7, 2), 0, False, "4"),
        (Fraction(-1, 3), 1, False, "−0.3"),
        (12, 0, True, "+12"),
        (0, 0, True, "0"),
        (Fraction(-1, 1000), 1, False, "0.0"),
        (10**30, 0, False, "1" + ",000" * 10),
    ],
)
def test_digits_are_grouped_rounded_half_to_even_and_signed(
    raw: int | Fraction, digits: int, signed: bool, shown: str
) -> None:
    assert digits_text(raw, digits, signed=signed) == shown


@pytest.mark.parametrize(
    ("fmt", "shown"),
    [
        ("", "+13.58%"),
        (".1", "+13.6%"),
        ("int", "+14%"),
        ("bare", "+13.58"),
        (".1,bare", "+13.6"),
        ("signed", "+13.58%"),
    ],
)
def test_an_inline_format_changes_decimals_sign_and_unit(fmt: str, shown: str) -> None:
    assert value_text(GAIN, load("ko"), fmt) == shown


@pytest.mark.parametrize(
    ("value", "lang", "shown"),
    [
        (term("answer.yes", Basis.RUN), "ko", "예"),
        (term("answer.yes", Basis.RUN), "en", "yes"),
        (terms(("party.cpu", "party.hypervisor"), Basis.RUN), "ko", "CPU · 하이퍼바이저"),
        (code("mov cr3", Basis.RUN), "ko", "mov cr3"),
        (digest("0123456789abcdef" * 4, Basis.RUN), "en", "0123456789ab"),
    ],
)
def test_words_are_translated_and_code_is_not(value: Value, lang: str, shown: str) -> None:
    assert value_text(value, load(lang)) == shown


def test_a_hash_is_shown_whole_on_demand() -> None:
    whole = "0123456789abcdef" * 4
    assert value_text(digest(whole, Basis.RUN), load("en"), "hash") == whole


def test_an_unknown_format_is_a_mistake() -> None:
    with pytest.raises(BadValue, match="pct"):
        value_text(GAIN, load("ko"), "pct")


@pytest.mark.parametrize(("basis", "mark"), [(Basis.RUN, "●"), (Basis.DERIVED, "○")])
def test_a_sentence_that_the_run_bears_out_gets_the_mark_of_its_basis(
    basis: Basis, mark: str
) -> None:
    assert value_text(term("answer.no", basis), load("ko"), "is:no") == mark


@pytest.mark.parametrize("expected", ["yes", "answer.no", ""])
def test_a_sentence_that_the_run_contradicts_is_a_mistake(expected: str) -> None:
    with pytest.raises(BadValue, match="the run says 'no'"):
        value_text(term("answer.no", Basis.RUN), load("en"), f"is:{expected}")


def test_a_term_without_entry_is_a_mistake() -> None:
    with pytest.raises(VirtdocsError, match=r"ko\.toml"):
        value_text(term("answer.perhaps", Basis.RUN), load("ko"))


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (number(7, Basis.RUN), "7"),
        (number(Fraction(1, 3), Basis.RUN, digits=2), "0.3333333333333333"),
        (digest("ab" * 32, Basis.RUN), "ab" * 32),
        (term("answer.no", Basis.RUN), "answer.no"),
    ],
)
def test_the_raw_form_loses_nothing_to_rounding(value: Value, raw: str) -> None:
    assert raw_text(value) == raw
