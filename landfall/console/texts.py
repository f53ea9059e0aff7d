"""Sentences of Landfall as pages show them: commands set apart, instants in the viewer's zone, runs as links."""

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

from landfall.concealing import conceal
from landfall.console.address import page

_PARTS = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?) UTC"
    r"|\b(?P<run>\d{8}-\d{6}-[0-9a-f]{8})\b"
)


def told(text: str) -> Markup:
    """Return a sentence with its commands, instants and run ids marked up; secrets concealed, the rest escaped."""
    text = conceal(text)
    parts: list[Markup] = []
    end = 0
    for found in _PARTS.finditer(text):
        parts += [escape(text[end : found.start()]), _marked(found)]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def _marked(found: re.Match[str]) -> Markup:
    if found["code"]:
        return Markup("<code>{}</code>").format(found["code"])
    if found["run"]:
        return Markup('<a class="mono small" href="{}">{}</a>').format(
            page("runs", found["run"]), found["run"]
        )
    try:
        at = datetime.fromisoformat(found["at"]).replace(tzinfo=UTC)
    except ValueError:
        return escape(found[0])
    return Markup('<time datetime="{:%Y-%m-%dT%H:%M:%SZ}" data-form="full">{}</time>').format(at, found[0])
