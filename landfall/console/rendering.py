"""From a template and what it shows to an answer: with an ETag, so that a page that is still the same costs nothing."""

import hashlib
from functools import cache
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from landfall.addresses import file_name
from landfall.api.cross_site import FIELD, keep_token, token_of
from landfall.api.identity import Viewer
from landfall.concealing import conceal
from landfall.console import formats
from landfall.console.address import Address, page, product_page
from landfall.console.assets import asset_url
from landfall.console.assets import version as assets_version
from landfall.console.command_lines import command
from landfall.console.looks import look_of
from landfall.console.navigation import ENTRIES
from landfall.console.texts import told
from landfall.wording import counted


@cache
def templates() -> Environment:
    """Return the templates; what they show is escaped, and what they name and nobody gave is an error."""
    environment = Environment(
        loader=PackageLoader("landfall.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        filter_.__name__: filter_
        for filter_ in (
            formats.count,
            formats.duration,
            formats.pretty_json,
            formats.share,
            formats.shortened,
            formats.size,
            counted,
            file_name,
            told,
        )
    }
    environment.globals |= {
        "asset": asset_url,
        "command": command,
        "look_of": look_of,
        "navigation": ENTRIES,
        "page": page,
        "product_page": product_page,
    }
    return environment


def _shown(value: Any) -> Any:
    """Return a value as a page may show it; markup of our own is what it is."""
    return conceal(value) if type(value) is str else value


def here(request: Request) -> Address:
    """Return the address of the page that is asked for, with its parameters; of one given twice the last one."""
    return Address(request.url.path, {name: text for name, text in request.query_params.items() if text})


def render(
    request: Request,
    caller: Viewer | None,
    template: str,
    *,
    section: str | None = None,
    live_s: float | None = None,
    version: str | None = None,
    status: int = 200,
    **shown: Any,
) -> Response:
    """Return a page.

    Args:
        caller: Who looks at it; ``None`` if the app does not know.
        section: Key of the navigation's entry that the page belongs to.
        live_s: How often the page asks whether it is still as shown, seconds; ``None`` for never.
        version: As ``unchanged`` was asked with; without it the page itself is compared.
        shown: What the template names.
    """
    token = token_of(request)
    text = (
        templates()
        .get_template(template)
        .render(
            request=request,
            here=here(request),
            caller=caller,
            section=section,
            live_s=live_s,
            csrf_field=FIELD,
            csrf_token=token,
            **shown,
        )
    )
    etag = _etag(request, text if version is None else version)
    if status == 200 and _is_known(request, etag):
        return Response(status_code=304, headers={"etag": etag})
    response = Response(text, status_code=status, media_type="text/html")
    if status == 200:
        response.headers["etag"] = etag
    keep_token(request, response)
    return response


def unchanged(request: Request, version: str) -> Response | None:
    """Return the answer to who has the page in this version already; ``None`` if it has to be rendered.

    Args:
        version: What stands for all that the page shows of SQL; the viewer and the app are added to it.
    """
    etag = _etag(request, version)
    return Response(status_code=304, headers={"etag": etag}) if _is_known(request, etag) else None


def _etag(request: Request, version: str) -> str:
    whole = "\0".join((version, assets_version(), str(request.url), token_of(request)))
    return f'W/"{hashlib.sha256(whole.encode()).hexdigest()[:24]}"'


def _is_known(request: Request, etag: str) -> bool:
    return request.headers.get("if-none-match") == etag
