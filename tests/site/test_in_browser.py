"""What a reader does: search in Korean, switch the language, go dark; without the network."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.site.browser import ARGUMENTS, find
from tests.site.conftest import Project

WORDS = """# Words {#words}

## One {#one}

하이퍼바이저는 게스트를 돌리고, 게스트의 특권 명령어를 가로챕니다.

## Two {#two}

하이퍼바이저로 바꾼 VM은 하이퍼바이저의 몫입니다. virtio로 보냅니다.

## Three {#three}

결과의 차이가 있습니다. 하이퍼콜이 있습니다.
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find(), args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def words(make_project: Callable[..., Project]) -> Project:
    project = make_project({"words.md": WORDS})
    done = project.build("--strict")
    assert done.returncode == 0, done.stderr
    return project


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


def serve(folder: Path) -> tuple[http.server.ThreadingHTTPServer, str]:
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}/"


@pytest.fixture(scope="module", params=["http", "file"])
def address(request: pytest.FixtureRequest, words: Project) -> Iterator[str]:
    if request.param == "file":
        yield words.site.as_uri() + "/"
        return
    server, base = serve(words.site)
    yield base
    server.shutdown()
    server.server_close()


def results(page: Page, query: str) -> list[str]:
    """The addresses that the search dialog lists for a query, in its order."""
    page.locator(".md-search__input").fill("")
    page.locator(".md-search__input").fill(query)
    page.locator(".md-search__input").dispatch_event("keyup")
    page.wait_for_function(
        "() => document.querySelector('.md-search-result__meta').textContent.match(/\\d|없|No /)"
    )
    page.wait_for_timeout(300)
    links = page.locator(".md-search-result__link")
    return [re.sub(r"\?[^#]*", "", link.get_attribute("href")) for link in links.all()]


def hits(page: Page, query: str) -> set[str]:
    """The anchors of the results."""
    return {address.partition("#")[2] for address in results(page, query)}


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    opened = browser.new_page()
    opened.goto(address + "words.html")
    opened.locator(".md-search__input").focus()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("queries", "sections"),
    [
        (
            [
                "하이퍼바이저",
                "하이퍼바이저는",
                "하이퍼바이저로",
                "하이퍼바이저의",
                "하이퍼바이저에서도",
            ],
            {"one", "two"},
        ),
        (["게스트", "게스트를", "게스트의", "게스트들은"], {"one"}),
        (["차이", "차이가", "차이는"], {"three"}),
        (["결과", "결과의", "결과를"], {"three"}),
        (["VM", "vm", "VM은", "VM을"], {"two"}),
        (["virtio", "virtio로", "VirtIO는"], {"two"}),
        (["하이퍼콜", "하이퍼콜은"], {"three"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_every_form_of_a_korean_word_finds_the_same_sections(
    page: Page, queries: list[str], sections: set[str]
) -> None:
    for query in queries:
        assert sections <= hits(page, query), query
        assert hits(page, query) <= sections | {"", "words"}, query


@pytest.mark.parametrize(
    ("start", "query", "location"),
    [
        ("index.html", "전가상화", "techniques/privileged-instruction.html#run-first"),
        ("index.html", "HW 가상화", "techniques/privileged-instruction.html#hardware-assist"),
        ("index.html", "버추얼 머신", "concepts/rings.html"),
        ("index.html", "특권명령", "techniques/privileged-instruction.html"),
        ("index.html", "섀도페이징", "techniques/paging.html#shadow"),
        ("index.html", "virtqueue", "techniques/devices.html#registers-and-rings"),
        ("en/index.html", "virtualisation", "en/reference/glossary.html#virtualization"),
        ("en/index.html", "이진 변환", "en/techniques/binary-translation.html"),
        ("en/index.html", "nested paging", "en/techniques/paging.html#nested"),
    ],
)
def test_an_alias_finds_what_is_written_under_the_main_form(
    browser: Browser, real: Project, start: str, query: str, location: str
) -> None:
    page = browser.new_page()
    page.goto((real.site / start).as_uri())
    page.locator(".md-search__input").focus()
    assert (real.site / location.partition("#")[0]).is_file()
    assert [x for x in results(page, query) if x.endswith(location)]
    page.close()


@pytest.mark.parametrize("query", ["이진 변환", "중첩 페이징", "하이퍼콜"])
def test_a_page_about_a_term_comes_before_the_glossary(
    browser: Browser, real: Project, query: str
) -> None:
    page = browser.new_page()
    page.goto((real.site / "index.html").as_uri())
    page.locator(".md-search__input").focus()
    found = [address.partition("#")[0] for address in results(page, query)]
    assert not found[0].endswith("reference/glossary.html")
    assert [one for one in found if one.endswith("reference/glossary.html")]
    page.close()


def test_a_term_shows_its_definition_from_the_keyboard_and_leads_to_it_without_scripts(
    browser: Browser, real: Project
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((real.site / "concepts" / "rings.html").as_uri())
    term = page.locator("a.vd-term").first
    page.keyboard.press("Tab")  # what has the focus from now on has it from the keyboard
    term.focus()
    shown = term.evaluate("link => getComputedStyle(link, '::after').content")
    assert term.get_attribute("title") in shown
    id_ = term.get_attribute("href").partition("#")[2]
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/reference/glossary.html#{id_}")
    assert page.locator("h3:target").get_attribute("id") == id_
    context.close()


def test_english_is_searched_apart_from_korean(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(address + "en/words.html")
    page.locator(".md-search__input").focus()
    assert hits(page, "virtio")
    for link in page.locator(".md-search-result__link").all():
        assert "/en/" in link.evaluate("link => link.href")
    page.close()


def test_the_language_switch_stays_on_the_page_and_keeps_the_scheme(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    page.goto(address + "words.html")
    page.locator("label[for=__palette_1]").click()
    assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"
    page.locator(".vd-language").click()
    page.wait_for_url("**/en/words.html")
    assert page.locator("html").get_attribute("lang") == "en"
    if address.startswith("http"):  # browsers keep no storage for files of one folder
        assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"
    page.locator(".vd-language").click()
    page.wait_for_url(f"{address}words.html")
    context.close()


@pytest.mark.parametrize("width", [1280, 375])
def test_no_page_asks_the_network_logs_an_error_or_is_wider_than_its_window(
    browser: Browser, real: Project, pages: dict[str, str], width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    errors: list[str] = []
    context.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    context.on("weberror", lambda error: errors.append(str(error.error)))
    for path in pages:
        if path.endswith("404.html"):  # names its assets from the root of a server
            continue
        page = context.new_page()
        page.goto((real.site / path).as_uri())
        page.wait_for_load_state("networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
        page.close()
    assert not errors
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))]
    context.close()


def test_every_character_of_every_page_is_in_the_site_s_own_fonts(
    browser: Browser, real: Project, pages: dict[str, str]
) -> None:
    context = browser.new_context()
    for path in pages:
        if path.endswith("404.html"):
            continue
        page = context.new_page()
        page.goto((real.site / path).as_uri())
        page.wait_for_load_state("networkidle")
        missing = page.evaluate(
            """async () => {
              const text = document.body.innerText;
              const own = [...document.fonts].filter(f => /Pretendard|JetBrains/.test(f.family));
              const ranges = own.flatMap(f => f.unicodeRange.split(',').map(r => {
                const [a, b] = r.trim().slice(2).split('-').map(x => parseInt(x, 16));
                return [a, b ?? a];
              }));
              const held = c => ranges.some(([a, b]) => a <= c && c <= b);
              return [...new Set(text)].filter(c => c.trim() && !held(c.codePointAt(0)));
            }"""
        )
        assert not missing, path
        page.close()
    context.close()
