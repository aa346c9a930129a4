"""The catalogue is complete in both languages, and a hole in it is a mistake."""

from __future__ import annotations

import pytest

from virtdocs.errors import BadValue, VirtdocsError
from virtdocs.exhibits import EXHIBITS
from virtdocs.experiments.io_request import PATHS
from virtdocs.experiments.mixes import mixes
from virtdocs.render import catalogue
from virtdocs.render.palette import COLOURS
from virtdocs.trace import EventKind, Party
from virtdocs.views.model import Basis


def test_both_languages_hold_the_same_keys_and_values() -> None:
    assert catalogue.differences() == []


@pytest.mark.parametrize("lang", catalogue.LANGUAGES)
@pytest.mark.parametrize(
    "keys",
    [
        [f"event.{kind}" for kind in EventKind],
        [f"party.{party}" for party in Party],
        [f"party_short.{party}" for party in Party],
        [f"technique.{name}" for name in COLOURS],
        [f"basis.{basis}" for basis in Basis],
        [f"basis_long.{basis}" for basis in Basis],
        [f"caption.{name}" for name in EXHIBITS],
        [exhibit.about for exhibit in EXHIBITS.values()],
        [f"param.{key}" for e in EXHIBITS.values() for key, _ in e.parameters],
        [f"{what}.{one.model}" for one in mixes().values() for what in ("model", "formula")],
        [f"limit.{limit}" for one in mixes().values() for limit in one.limits],
        [f"path.{path}" for path in PATHS],
    ],
    ids=lambda keys: keys[0] if keys else "none",
)
def test_every_name_of_the_engine_has_an_entry(lang: str, keys: list[str]) -> None:
    words = catalogue.load(lang).words
    assert [key for key in keys if key not in words] == []


def test_a_missing_key_is_a_mistake_that_names_the_file_and_the_nearest() -> None:
    with pytest.raises(VirtdocsError, match=r"en\.toml: no entry 'party\.cpuu'.*party\.cpu\?"):
        catalogue.load("en").text("party.cpuu")


def test_a_missing_value_is_a_mistake() -> None:
    with pytest.raises(VirtdocsError, match=r"\{key\}"):
        catalogue.load("ko").text("event.trap")


def test_an_unknown_language_is_a_mistake() -> None:
    with pytest.raises(BadValue):
        catalogue.load("fr")


def test_a_particle_in_an_entry_follows_the_value_before_it() -> None:
    words = catalogue.Catalogue("ko", {"a": "{x}{은/는} {y}{을/를}"})
    assert words.text("a", {"x": "cli", "y": "값"}) == "cli는 값을"
    assert words.text("a", {"x": "커널", "y": "단계"}) == "커널은 단계를"


@pytest.mark.parametrize(
    ("ko", "en", "message"),
    [
        ({"a": "하나"}, {"a": "one", "b": "two"}, "no entry 'b'"),
        ({"a": "{n}개", "b": "x"}, {"a": "some", "b": "x"}, "leaves out n"),
        ({"a": " "}, {"a": "one"}, "is empty"),
    ],
)
def test_a_hole_in_one_language_is_reported(
    monkeypatch: pytest.MonkeyPatch, ko: dict[str, str], en: dict[str, str], message: str
) -> None:
    both = {"ko": catalogue.Catalogue("ko", ko), "en": catalogue.Catalogue("en", en)}
    monkeypatch.setattr(catalogue, "load", both.__getitem__)
    assert any(message in found for _, found in catalogue.differences())
