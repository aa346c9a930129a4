"""Labels that are missing, unequal or unused are found, with file and line."""

from __future__ import annotations

import pytest

from virtdocs.checks.catalogue import check
from virtdocs.errors import VirtdocsError

KO, EN, CODE = "virtdocs/catalogue/ko.toml", "virtdocs/catalogue/en.toml", "virtdocs/views/heads.py"


def test_a_complete_catalogue_has_no_finding(site):
    assert check(site.root) == []


@pytest.mark.parametrize(("lang", "other"), [(KO, EN), (EN, KO)])
def test_a_label_in_one_language_only_is_found_where_it_stands(site, lang, other):
    text = site.read(lang)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.startswith("bt ="))
    rest = [row for row in site.read(other).splitlines() if not row.startswith("bt")]
    site.write(other, "\n".join(rest))
    found = check(site.root)
    assert (lang, line) in [(f.file, f.line) for f in found]


def test_a_label_that_the_code_asks_for_and_nobody_has_is_found_in_the_code(site):
    line = site.replace(CODE, 'Label("axis.gain")', 'Label("axis.gian"), Label("axis.gain")')
    [finding] = check(site.root)
    assert (finding.file, finding.line) == (CODE, line)
    assert "Did you mean axis.gain?" in finding.message


@pytest.mark.parametrize(
    "use",
    [
        'Label("other.thing")',
        'words.text("other.thing")',
        'words.text("other")',
        'Label(f"other.{x}")',
    ],
)
def test_a_key_of_an_unknown_group_is_found_where_it_is_asked_for(site, use):
    site.write("virtdocs/render/more.py", f"x = 1\ny = {use}\n")
    [finding] = check(site.root)
    assert (finding.file, finding.line) == ("virtdocs/render/more.py", 2)


def test_a_key_that_a_table_of_constants_holds_is_found_too(site):
    code = 'KEYS = {\n    "a": "axis.nothing",\n}\nFILE = "data.json"\n'
    site.write("virtdocs/views/more.py", code)
    [finding] = check(site.root)
    assert (finding.file, finding.line) == ("virtdocs/views/more.py", 2)


def test_a_label_that_nobody_uses_is_found(site):
    for file in (KO, EN):
        site.write(file, site.read(file) + 'loss = "x"\n')
    [finding] = check(site.root)
    assert (finding.file, finding.line) == (KO, len(site.read(KO).splitlines()))
    assert "'axis.loss' is never used" in finding.message


def test_unequal_placeholders_are_found(site):
    line = site.replace(EN, "gain in {unit}", "gain in {unti}")
    assert [f.line for f in check(site.root) if f.file == EN] == [line]


def test_particles_in_braces_are_no_placeholders(site):
    site.replace(KO, "{unit} 이득", "{unit}{은/는} 이득")
    assert check(site.root) == []


def test_an_empty_label_is_found(site):
    line = site.replace(KO, '"이진 변환"', '""')
    assert [(f.file, f.line) for f in check(site.root)] == [(KO, line)]


def test_a_catalogue_that_is_not_toml_is_bad_input(site):
    site.write(KO, "nonsense")
    with pytest.raises(VirtdocsError, match=r"ko\.toml"):
        check(site.root)
