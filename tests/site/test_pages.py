"""Where exhibits and values work, and where they must not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.site.conftest import Project

PAGE = """---
title: 쪽
---
# 중앙값 {{ table_7_4.median }}{은/는} 이것 {#page}

Text {{ table_7_4.median }}{으로/로} and
[link {{ table_7_4.median }}](index.md "to {{ table_7_4.median }}").

![alt {{ table_7_4.median }}{을/를}](dot.svg)

| a | b |
|---|---|
| {{ table_7_4.median|plain }} | x |

!!! note "title {{ table_7_4.median }}"

    ```exhibit
    name: table_7_4
    ```

=== "tab {{ table_7_4.median }}"

    - item

        ```exhibit
        name: table_7_4
        ```

Not here: `{{ table_7_4.nope|x }}{은/는}`.

````markdown
```exhibit
name: nope
```
{{ nope.nope|x }}
````

    ```exhibit
    name: indented
    ```
    {{ nope.nope|y }}

```exhibit
name: table_7_4_gain
```
"""


@pytest.fixture(scope="module")
def built(make_project: Callable[..., Project]) -> Project:
    dot = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    page = PAGE.replace("|plain", "")
    project = make_project({"page.md": page, "dot.svg": dot})
    done = project.build("--strict")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture(scope="module")
def article(built: Project) -> str:
    html = (built.site / "page.html").read_text(encoding="utf-8")
    return re.search(r"(?s)<article.*?</article>", html).group()


def test_values_appear_in_heading_text_link_cell_and_titles(article: str) -> None:
    data = r'<data data-value="table_7_4.median" value="[^"]+">[^<]+</data>'
    value = rf'<a class="vd-from"[^>]*>{data}</a>'
    for around in (
        rf"<h1[^>]*>중앙값 <span[^>]*>{value}[은는]</span>",
        rf"Text <span[^>]*>{value}(으로|로)</span> and",
        rf'<a href="index.html" title="to [^"{{]+">link {data}</a>',
        rf"<td>{value}</td>",
        rf'class="admonition-title">title {value}',
        rf"<label[^>]*>tab {value}",
    ):
        assert re.search(around, article), around


def test_alt_text_holds_the_value_and_its_particle_without_markup(article: str) -> None:
    [alt] = re.findall(r'alt="alt ([^"]+)"', article)
    assert re.fullmatch(r"[+\d.%]+[을를]", alt)


def test_code_samples_stay_as_written(article: str) -> None:
    code = "".join(re.findall(r"(?s)<code>.*?</code>", article))
    text = re.sub(r"<[^>]+>", "", code)
    for sample in (
        "{{ table_7_4.nope|x }}{은/는}",
        "```exhibit\nname: nope\n```\n{{ nope.nope|x }}",
        "```exhibit\nname: indented\n```\n{{ nope.nope|y }}",
    ):
        assert sample in text


def test_exhibits_are_numbered_per_kind_in_order_and_have_unique_ids(article: str) -> None:
    assert re.findall(r'data-exhibit="(\w+)"', article) == [
        "table_7_4",
        "table_7_4",
        "table_7_4_gain",
    ]
    assert re.findall(r'class="vd-number">([^<]+)<', article) == ["표 1.", "표 2.", "그림 1."]
    ids = re.findall(r'\sid="([^"]+)"', article)
    assert len(ids) == len(set(ids))


def test_downloads_lie_beside_the_page_and_are_what_the_command_line_gives(
    built: Project, article: str
) -> None:
    links = re.findall(r'<a href="([^"]+)" download', article)
    assert {Path(link).suffix for link in links} == {".svg", ".csv", ".json"}
    for link in links:
        assert (built.site / link).is_file()
    data = json.loads((built.site / next(x for x in links if x.endswith(".json"))).read_text())
    assert data["exhibit"] == "table_7_4"


def test_each_language_has_its_own_words(built: Project) -> None:
    html = (built.site / "en" / "page.html").read_text(encoding="utf-8")
    assert '<html lang="en"' in html
    assert re.findall(r'class="vd-number">([^<]+)<', html) == ["Table 1.", "Table 2.", "Figure 1."]


def test_the_search_index_holds_words_of_a_figure_and_no_drawing_or_provenance(
    built: Project,
) -> None:
    index = json.loads((built.site / "search" / "search_index.json").read_text(encoding="utf-8"))
    text = " ".join(doc["text"] for doc in index["docs"])
    assert "표 1." in text
    assert "virtdocs exhibit" not in text
    # a label of the chart: once in the data table, apart from its value, not in the drawings
    [gain] = [doc["text"] for doc in index["docs"] if "그림 1." in doc["text"]]
    assert re.findall(r"메모리 대역폭\S*", gain.partition("그림 1.")[2]) == ["메모리 대역폭"]
