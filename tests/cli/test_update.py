"""`virtdocs update`: writes golden files, shows what it writes, keeps back what nobody named."""

from __future__ import annotations

import json
from pathlib import Path

PAGE = "# {title} {{#home}}\n\n```exhibit\nname: table_7_4\n```\n"
FILE = "tests/golden/index.txt"


def test_it_shows_a_diff_writes_and_then_has_nothing_to_do(virtdocs, checkout: Path):
    for lang in ("ko", "en"):
        (checkout / "docs" / lang / "index.md").write_text(PAGE.format(title=lang))
    done = virtdocs("update")
    assert (done.status, done.err) == (0, "")
    added = [line[1:] for line in done.out.splitlines() if line.startswith("+table_7_4")]
    assert added == (checkout / FILE).read_text(encoding="utf-8").splitlines()[1:]
    again = virtdocs("update")
    assert (again.status, again.out) == (0, "nothing has changed\n")
    assert virtdocs("check", "golden").status == 0


def test_a_move_that_nobody_named_is_shown_and_not_written(virtdocs, checkout: Path):
    for lang in ("ko", "en"):
        (checkout / "docs" / lang / "index.md").write_text(PAGE.format(title=lang))
    virtdocs("update")
    text = (checkout / FILE).read_text(encoding="utf-8")
    name, _, raw = text.splitlines()[1].partition(" = ")
    forged = text.replace(f"{name} = {raw}\n", f"{name} = other\n")
    (checkout / FILE).write_text(forged, encoding="utf-8")
    done = virtdocs("update", "--json")
    found = json.loads(done.out)
    assert done.status == 1
    assert found["moved"] == [{"number": name, "from": "other", "to": raw}]
    assert found["unnamed"] == ["table_7_4"]
    assert done.err.startswith("virtdocs: CHANGELOG.md: `table_7_4` moved, and no new line")
    assert (checkout / FILE).read_text(encoding="utf-8") == forged
    assert virtdocs("check", "golden").status == 1
