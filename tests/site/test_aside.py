"""What the search is not to read leaves the page, and comes back whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtdocs.site.aside import Aside

SEARCHED = (
    "<p>text</p>",
    "<table><tr><td>1</td></tr></table>",
    '<details class="vd-data"><summary>data</summary></details>',
    "<!-- a remark -->",
    "<svgx>",
)
UNSEARCHED = (
    '<svg class="vd-svg"><title>words again</title><path d=""/></svg>',
    '<details class="vd-provenance"><dl><dd><ul><li>made</li></ul></dd></dl></details>',
    '<ul class="vd-files"><li><a href="x.csv">CSV</a></li></ul>',
    '<ul class="vd-legend"><li>sign</li></ul>',
)


@pytest.mark.parametrize("part", UNSEARCHED)
def test_a_part_that_is_not_searched_leaves_the_page(part: str) -> None:
    aside = Aside()
    left = aside.take(f"<p>a</p>{part}<p>b</p>")
    assert aside.parts == [part]
    assert left.startswith("<p>a</p><!--")
    assert left.endswith("--><p>b</p>")
    assert "<svg" not in left


@pytest.mark.parametrize("part", SEARCHED)
def test_what_is_searched_stays(part: str) -> None:
    assert Aside().take(part) == part


@given(st.lists(st.lists(st.sampled_from(SEARCHED + UNSEARCHED)), max_size=4))
def test_every_page_comes_back_as_it_was(figures: list[list[str]]) -> None:
    aside = Aside()
    texts = ["".join(parts) for parts in figures]
    left = [aside.take(text) for text in texts]
    assert aside.put_back("".join(left)) == "".join(texts)
    assert aside.put_back(aside.take_whole("<section>x</section>")) == "<section>x</section>"
    assert aside.take_whole("") == ""
