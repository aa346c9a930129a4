"""Exhibits are found by name, their parameters checked, their answers hashed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from virtdocs import exhibits
from virtdocs.errors import BadValue, UnknownName, VirtdocsError
from virtdocs.exhibits import EXHIBITS, Exhibit, Parameter
from virtdocs.exhibits.registry import collect, compute
from virtdocs.views.answer import answer_hash, plain
from virtdocs.views.model import Basis, Label, Table, ViewBundle, number

PARAMETERS = (
    ("technique", Parameter("bt", ("bt", "native"))),
    ("depth", Parameter("1", ("1", "2"))),
)


def shown(technique: str, depth: str) -> ViewBundle:
    """A made-up exhibit whose one value depends on its parameters."""
    value = number(len(technique) * int(depth), Basis.RUN)
    table = Table(Label("column.technique"), (), ())
    return ViewBundle(Label("caption.x"), Label("alt.x"), table, {"n": value})


ONE = Exhibit("one", shown, PARAMETERS)


def test_defaults_fill_in_and_numbers_from_yaml_are_accepted() -> None:
    assert ONE.resolve({"depth": 2}) == (("technique", "bt"), ("depth", "2"))


@pytest.mark.parametrize(
    ("given", "mistake", "hint"),
    [
        ({"techniqe": "bt"}, UnknownName, "technique"),
        ({"technique": "nativ"}, BadValue, "native"),
        ({"depth": 3}, BadValue, "one of 1, 2"),
        ({"depth": None}, BadValue, "depth"),
    ],
)
def test_a_bad_parameter_is_a_mistake_with_a_hint(
    given: dict[str, object], mistake: type[VirtdocsError], hint: str
) -> None:
    with pytest.raises(mistake, match=hint):
        ONE.resolve(given)


def test_an_unknown_exhibit_is_a_mistake_that_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean table_7_4\?"):
        exhibits.build("table_74", {})


def test_two_exhibits_of_one_name_are_a_mistake() -> None:
    with pytest.raises(VirtdocsError, match="two exhibits"):
        collect([(ONE,), (ONE,)])


def test_the_command_line_names_every_parameter() -> None:
    found = compute(ONE, {"technique": "native"}).command
    assert found == "virtdocs exhibit one --param technique=native --param depth=1 --format json"


def test_the_answer_hash_depends_on_parameters_and_values_and_not_on_the_engine() -> None:
    one = compute(ONE, {})
    assert one.answer_hash == compute(ONE, {}).answer_hash
    assert one.answer_hash != compute(ONE, {"depth": 2}).answer_hash
    assert one.answer_hash == answer_hash(replace(one, engine_hash="other").data())


def test_the_answer_hash_of_json_leaves_out_seconds_and_both_hashes() -> None:
    plainly = {"a": 1}
    assert answer_hash({"a": 1, "seconds": 3, "engine_hash": "x", "answer_hash": "y"}) == (
        answer_hash(plainly)
    )
    assert answer_hash({"a": 2}) != answer_hash(plainly)


def test_a_view_holds_only_plain_parts() -> None:
    with pytest.raises(TypeError, match="object"):
        plain(object())


def test_a_parameter_of_several_values_takes_any_of_them_joined_by_plus() -> None:
    several = Parameter("a", ("a", "b", "c"), several=True)
    one = Exhibit("one", shown, (("technique", several),))
    assert one.resolve({"technique": "b+c"}) == (("technique", "b+c"),)
    with pytest.raises(BadValue, match=r"can't be 'd'.*joined by \+"):
        one.resolve({"technique": "b+d"})


@pytest.mark.parametrize("name", sorted(EXHIBITS))
def test_every_exhibit_names_itself_and_has_working_defaults(name: str) -> None:
    assert EXHIBITS[name].name == name
    for key, parameter in EXHIBITS[name].parameters:
        assert parameter.check(name, key, parameter.default) == parameter.default


def test_every_module_that_declares_exhibits_is_a_group() -> None:
    folder = Path(exhibits.__file__).parent
    declaring = {path.stem for path in folder.glob("*.py") if "\nEXHIBITS = (" in path.read_text()}
    assert set(exhibits.GROUPS) == declaring
    assert len(exhibits.GROUPS) == len(declaring)
