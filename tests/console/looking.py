"""What may be wrong with how a page looks, whatever it shows."""

from html.parser import HTMLParser
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_SERIOUS = {"serious", "critical"}
# All of axe's rules, and targets of 24 pixels at least; dark colours change nothing but contrast.
_LOOKS: tuple[tuple[Any, dict[str, Any]], ...] = (
    ("light", {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}),
    ("dark", {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}),
)


def faults_of(page: Page) -> list[str]:
    """Return what is wrong with the page that is shown: wider than the screen, or a serious finding of axe."""
    assert page.viewport_size is not None
    wide = page.evaluate("document.documentElement.scrollWidth")
    found = [f"{page.url}: {wide} pixels wide"] if wide > page.viewport_size["width"] else []
    for scheme, options in _LOOKS:
        page.emulate_media(color_scheme=scheme)
        found += [
            f"{page.url} {scheme}: {fault['id']} {[node['html'][:120] for node in fault['nodes'][:3]]}"
            for fault in Axe().run(page, options=options).response["violations"]
            if fault["impact"] in _SERIOUS
        ]
    return found


def loose_tags(text: str) -> list[str]:
    """Return the tags of a page that close nothing or are not closed; a browser puts them right as it likes."""
    tags = _Tags()
    tags.feed(text)
    return [*tags.loose, *(f"<{tag}> at line {line} is not closed" for tag, line in tags.open)]


class _Tags(HTMLParser):
    # Elements that have no content, and no closing tag.
    _EMPTY = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, int]] = []
        self.loose: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._EMPTY:
            self.open.append((tag, self.getpos()[0]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element of a drawing, which closes itself."""

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1][0] == tag:
            self.open.pop()
        else:
            self.loose.append(f"</{tag}> at line {self.getpos()[0]} closes nothing")
