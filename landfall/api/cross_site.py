"""Acts that a browser sends: only from a page of ours, and with the token that the page was given.

A cookie of App Service, or a laptop that takes everybody on it for its owner, goes along with whatever any web page
makes a browser send. So an act with a mark of a browser has to come from our own origin and to carry the token of the
cookie; a program has none of these marks, and sends JSON or nothing, which no form of a page can.
"""

import hmac
import secrets
from urllib.parse import parse_qs, urlsplit

from fastapi import Request, Response

from landfall.api.body import MAX_BODY_BYTES
from landfall.api.errors import BodyTooLarge, CrossSite, NotJson

FIELD = "csrf_token"
"""Name of the form field with the token."""
HEADER = "x-csrf-token"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MARKS = ("origin", "referer", "cookie", "sec-fetch-site")
_FORM = "application/x-www-form-urlencoded"


def cookie_name(request: Request) -> str:
    """Return the name of the cookie; over https it cannot be set by another host of the domain."""
    return "__Host-landfall-csrf" if request.url.scheme == "https" else "landfall-csrf"


def token_of(request: Request) -> str:
    """Return the token for the forms of a page: that of the caller's cookie, or a new one."""
    token = str(request.cookies.get(cookie_name(request)) or getattr(request.state, "csrf_token", ""))
    if not token:
        token = secrets.token_urlsafe(32)
        request.state.csrf_token = token
    return token


def keep_token(request: Request, response: Response) -> None:
    """Give the caller the cookie that goes with the token of the page, unless it has one."""
    if cookie_name(request) not in request.cookies:
        response.set_cookie(
            cookie_name(request),
            token_of(request),
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )


async def protect(request: Request) -> None:
    """Let an act pass only if no foreign page can have sent it, and if it is of a form and size that are read.

    Raises:
        CrossSite: A foreign page may have sent it.
        NotJson: A program, or something that calls the API, sent something else.
        BodyTooLarge: It is larger than any act needs.
    """
    if request.method in _SAFE:
        return
    size_bytes = len(await request.body())
    if size_bytes > MAX_BODY_BYTES:
        raise BodyTooLarge(size_bytes, MAX_BODY_BYTES)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_from_browser = any(mark in request.headers for mark in _MARKS)
    if is_from_browser:
        await _check_origin(request, kind)
    if kind not in {"", "application/json"} and not (is_from_browser and kind == _FORM and _is_page(request)):
        raise NotJson(kind)


async def _check_origin(request: Request, kind: str) -> None:
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise CrossSite("it comes from another site")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise CrossSite(f"it comes from {origin}")
    expected = request.cookies.get(cookie_name(request), "")
    sent = request.headers.get(HEADER) or (await _form_token(request) if kind == _FORM else "")
    if not expected or not hmac.compare_digest(expected.encode(), sent.encode()):
        raise CrossSite("its token is missing or out of date")


def _is_page(request: Request) -> bool:
    return request.url.path.startswith("/console/")


async def _form_token(request: Request) -> str:
    fields = parse_qs((await request.body()).decode("utf-8", "replace"))
    return fields.get(FIELD, [""])[0]
