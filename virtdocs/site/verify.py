"""A built site held against the engine: each exhibit and each value computed and drawn again.

Nothing that the site brings along is believed. Its manifest says what to compute and where it
should stand; what then stands there, and what the manifest says of it, has to be what the
engine gives now. Files without an exhibit (texts, styles, scripts) are compared with the hash
in the manifest only, which whoever alters both can make fit: only a build of the same commit
settles those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher

from virtdocs import __version__
from virtdocs.errors import VirtdocsError
from virtdocs.exhibits import Built
from virtdocs.exhibits.registry import Params
from virtdocs.render import page as render
from virtdocs.site.claimed import Manifest
from virtdocs.site.drawn import digest, draw, exhibit_entry, value_entry
from virtdocs.site.manifest import NAME
from virtdocs.site.placed import FOLDERS, Entry, PlacedExhibit, PlacedPage, PlacedValue
from virtdocs.site.published import Site
from virtdocs.site.shown import ShownPage, ShownValue, read_value
from virtdocs.views.answer import canonical

Build = Callable[[str, Mapping[str, object]], Built]
_TOKEN = re.compile(r"<[^>]*>|[^<]+")
_PARTS = ("svg", "table", "figcaption", "details", "pre")
_SHOWN = 60  # characters of a differing text


@dataclass(frozen=True, slots=True, order=True)
class Mismatch:
    """One thing that is not what the engine gives; ``exhibit`` may be EXHIBIT.KEY or empty."""

    page: str
    exhibit: str
    part: str
    message: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.page, self.exhibit, self.part, self.message)))

    def as_json(self) -> dict[str, str]:
        """The keys of ``virtdocs verify --json``."""
        return asdict(self)


def wanted(manifest: Manifest) -> list[tuple[str, Mapping[str, object]]]:
    """Every exhibit that has to be computed, once."""
    found: dict[tuple[str, Params], None] = {}
    for page in manifest.pages:
        found |= {(one.name, one.params): None for one in page.exhibits}
        found |= {(one.name, one.params): None for one in page.values}
    return [(name, dict(params)) for name, params in found]


def verify(site: Site, manifest: Manifest, build: Build) -> list[Mismatch]:
    """Everything that differs, sorted by page and exhibit."""
    found = {*_entry(NAME, "", {"version": manifest.version}, {"version": __version__})}
    listed = {page.path: page for page in manifest.pages}
    for name in site.names():
        page = listed.get(name)
        if page is not None:
            found |= {*_page(site, page, build)}
        elif name.endswith((".html", ".htm", ".xhtml")):
            found |= {*_unlisted(name, _shown(site, name))}
    exact = {one.page for one in found} | {one.part for one in found}
    found |= {one for one in _files(site, manifest) if one.page not in exact}
    return sorted(found)


def _page(site: Site, page: PlacedPage, build: Build) -> Iterator[Mismatch]:
    if page.lang not in FOLDERS:
        yield Mismatch(page.path, "", "manifest lang", f"no language {page.lang!r}")
        return
    path = page.path.removeprefix(FOLDERS[page.lang]).removesuffix(".html")
    own: Entry = {"source": f"docs/{page.lang}/{path}.md"}
    yield from _entry(page.path, "", {"source": page.source}, own)
    shown = _shown(site, page.path)
    yield from _exhibits(site, page, shown, build)
    yield from _values(page, shown, build)


def _exhibits(site: Site, page: PlacedPage, shown: ShownPage, build: Build) -> Iterator[Mismatch]:
    anchors = [one.anchor for one in page.exhibits]
    for claimed, there in _aligned(anchors, [one.anchor for one in shown.exhibits]):
        html = shown.exhibits[there].html if there is not None else None
        if claimed is not None:
            yield from _exhibit(site, page, page.exhibits[claimed], html, build)
        elif there is not None:
            name = shown.exhibits[there].name
            yield Mismatch(page.path, name, "page", "an exhibit that the manifest does not list")


def _exhibit(
    site: Site, page: PlacedPage, one: PlacedExhibit, html: str | None, build: Build
) -> Iterator[Mismatch]:
    built = _built(build, one.name, one.params)
    if isinstance(built, str):
        yield Mismatch(page.path, one.name, "manifest", built)
        return
    drawn = draw(built, page, one.number, one.anchor)
    entry = exhibit_entry(built, one.number, one.anchor, drawn)
    yield from _entry(page.path, one.name, one.entry, entry)
    if html is None:
        yield Mismatch(page.path, one.name, "page", "the exhibit is not there")
    else:
        yield from _figure(page.path, one.name, html, drawn.html)
    for file, text in drawn.files.items():
        if file not in site.names():
            yield Mismatch(page.path, one.name, file, "the file is not there")
            continue
        found = site.read(file).decode("utf-8", "replace")
        if found != text:
            yield Mismatch(page.path, one.name, file, _differs(found, text))


def _figure(path: str, name: str, found: str, computed: str) -> Iterator[Mismatch]:
    """The first place where a figure differs: in which part of it, and how."""
    if found == computed:
        return
    theirs, ours = _TOKEN.findall(found), _TOKEN.findall(computed)
    same = next(
        (n for n, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b),
        min(len(theirs), len(ours)),
    )
    opened: list[str] = []
    for token in ours[: same + 1]:
        for part in _PARTS:
            if token.startswith(f"<{part}"):
                opened.append(part)
            elif token == f"</{part}>" and part in opened:
                opened.remove(part)
    message = _differs("".join(theirs[same : same + 1]), "".join(ours[same : same + 1]))
    yield Mismatch(path, name, opened[-1] if opened else "figure", message)


def _values(page: PlacedPage, shown: ShownPage, build: Build) -> Iterator[Mismatch]:
    standing = [one for one in page.values if not one.in_attribute]
    hidden = [one for one in page.values if one.in_attribute]
    names = [f"{one.name}.{one.key}" for one in standing]
    pairs: list[tuple[PlacedValue, ShownValue | None]] = [(one, None) for one in hidden]
    for claimed, seen in _aligned(names, [one.name for one in shown.values]):
        if claimed is not None and seen is not None:
            pairs.append((standing[claimed], shown.values[seen]))
        elif claimed is not None:
            yield Mismatch(page.path, names[claimed], "page", "the value is not there")
            pairs.append((standing[claimed], None))
        elif seen is not None:
            one = shown.values[seen]
            message = f"a value that the manifest does not list: {_short(one.text)}"
            yield Mismatch(page.path, one.name, "page", message)
    for placed, found in pairs:
        yield from _value(page, placed, found, build)


def _value(
    page: PlacedPage, placed: PlacedValue, found: ShownValue | None, build: Build
) -> Iterator[Mismatch]:
    name = f"{placed.name}.{placed.key}"
    try:
        built = build(placed.name, dict(placed.params))
        computed = read_value(render.value_html(placed.key, placed.fmt, built, page.lang))
    except VirtdocsError as mistake:
        yield Mismatch(page.path, name, "manifest", str(mistake))
        return
    entry = {**value_entry(built, placed.fmt, computed), "in_attribute": placed.in_attribute}
    yield from _entry(page.path, name, placed.entry, entry)
    for part in ("text", "raw", "title"):
        a, b = getattr(found or computed, part), getattr(computed, part)
        if a != b:
            yield Mismatch(page.path, name, part, _differs(a, b))


def _entry(path: str, name: str, claimed: Entry, computed: Entry) -> Iterator[Mismatch]:
    """What the manifest says, key by key."""
    for key in sorted({*claimed, *computed}):
        a, b = canonical(claimed.get(key)), canonical(computed.get(key))
        if a != b:
            yield Mismatch(path, name, f"manifest {key}", _differs(a, b))


def _files(site: Site, manifest: Manifest) -> Iterator[Mismatch]:
    names = set(site.names()) - {NAME}
    for name in sorted(names - set(manifest.files)):
        yield Mismatch(name, "", "file", "the manifest does not list it")
    for name in sorted(set(manifest.files) - names):
        yield Mismatch(name, "", "file", "the manifest lists it, it is not there")
    for page in manifest.pages:
        if page.path not in names:
            yield Mismatch(page.path, "", "page", "the manifest lists it, it is not there")
    for name in sorted(names & set(manifest.files)):
        if digest(site.read(name)) != manifest.files[name]:
            yield Mismatch(name, "", "file", "is not the file that the manifest lists")


def _unlisted(name: str, shown: ShownPage) -> Iterator[Mismatch]:
    names = [one.name for one in shown.exhibits] + [one.name for one in shown.values]
    for one in names:
        yield Mismatch(name, one, "page", "stands on a page that the manifest does not list")


def _shown(site: Site, name: str) -> ShownPage:
    return ShownPage(site.read(name).decode("utf-8", "replace"))


def _built(build: Build, name: str, params: Iterable[tuple[str, str]]) -> Built | str:
    try:
        return build(name, dict(params))
    except VirtdocsError as mistake:
        return str(mistake)


def _aligned(ours: list[str], theirs: list[str]) -> Iterator[tuple[int | None, int | None]]:
    """Places of two lists of names side by side; None where one of them lacks the name."""
    if ours == theirs:
        yield from zip(range(len(ours)), range(len(ours)), strict=True)
        return
    for kind, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from zip(range(a, b), range(c, d), strict=True)
        else:
            yield from ((n, None) for n in range(a, b))
            yield from ((None, n) for n in range(c, d))


def _differs(found: str, computed: str) -> str:
    """Both texts from a little before the first character that differs."""
    pairs = enumerate(zip(found, computed, strict=False))
    same = next((n for n, (a, b) in pairs if a != b), min(len(found), len(computed)))
    start = max(0, same - _SHOWN // 2) if max(len(found), len(computed)) > _SHOWN else 0
    return f"{_short(found[start:])} stands there, the engine gives {_short(computed[start:])}"


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
