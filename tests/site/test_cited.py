"""The numbers of citations: where they stand and what they lead to."""

from __future__ import annotations

import re

import pytest

from virtdocs.checks.pages import Page
from virtdocs.site.cited import number_citations

PAGE = Page("docs/en/page.md", "page.md", "en", "")


@pytest.mark.parametrize(
    ("html", "marks"),
    [
        ('<p>Said<span data-cite="AA06"></span>.</p>', ["1"]),
        ('<p><span data-cite="AA06">11</span> cycles.</p>', ["1"]),
        ('<p><span class="a" data-cite="AA06">about <em>11</em></span> cycles.</p>', ["1"]),
        # one block, one source: the number stands once, behind the last figure
        ('<p><span data-cite="AA06">11</span> and <span data-cite="AA06">51</span></p>', ["1"]),
        (
            '<p><span data-cite="AA06">11</span></p><p><span data-cite="AA06">51</span></p>',
            ["1"] * 2,
        ),
        ('<p><span data-cite="AA06">11</span>, <span data-cite="PG74">3</span></p>', ["1", "2"]),
    ],
)
def test_each_citation_shows_the_number_of_its_source(html: str, marks: list[str]) -> None:
    numbered = number_citations(html, PAGE)
    assert re.findall(r'href="#source-(\d)"', numbered) == marks
    for number in marks:
        assert f'<li id="source-{number}">' in numbered


def test_a_quoted_figure_keeps_its_text_and_its_key() -> None:
    numbered = number_citations('<p><span data-cite="AA06">11</span></p>', PAGE)
    assert '<span class="vd-quoted" data-cite="AA06">11</span><sup' in numbered


def test_a_page_without_citations_stays_as_it_is() -> None:
    assert number_citations("<p>Nothing.</p>", PAGE) == "<p>Nothing.</p>"
