"""What every exhibit has to come through, whatever it shows."""

from __future__ import annotations

from virtdocs.exhibits import Built
from virtdocs.render import formats, page


def renders_everywhere(built: Built, lang: str) -> None:
    """Every format, the page's markup with its answer, and every value that a sentence may show.

    What is priced says what it was made of.
    """
    assert built.bundle.priced == (built.bundle.inputs is not None)
    for format in formats.FORMATS:
        assert formats.export(built, format, lang)
    markup = page.exhibit_html(built, lang, 1, page.slug(built))
    for key in built.values:
        assert page.value_html(key, "", built, lang)
    assert built.answer_hash in markup
