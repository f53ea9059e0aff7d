"""What may be wrong with how a page looks, whatever it shows."""

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
