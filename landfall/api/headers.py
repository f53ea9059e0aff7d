"""Headers that every answer carries: what a browser may do with it, and who may keep it."""

from collections.abc import Collection, MutableMapping
from typing import Any

from landfall.api.bridge import AsgiApp, Message, Receive, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_ALWAYS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# A caller may keep an answer, but asks each time whether it still holds.
_UNLESS_SAID = {"cache-control": "private, no-cache"}
_HTTPS = {"strict-transport-security": "max-age=31536000; includeSubDomains"}


def security_headers(scheme: str, said: Collection[str] = ()) -> dict[str, str]:
    """Return the headers of an answer.

    Args:
        scheme: ``https`` or ``http``, of the request.
        said: Headers in small letters that the answer has already.
    """
    unsaid = {name: value for name, value in _UNLESS_SAID.items() if name not in said}
    return _ALWAYS | (_HTTPS if scheme == "https" else {}) | unsaid


class HeadAsGet:
    """Answers HEAD as GET without the content, on every route that reads."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_content(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_without_content)


class SecurityHeaders:
    """Adds the headers to each answer of an application."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower().decode() for name, _ in message["headers"]}
                wanted = security_headers(scope["scheme"], said)
                own = [pair for pair in message["headers"] if pair[0].lower().decode() not in wanted]
                message["headers"] = [*own, *((n.encode(), v.encode()) for n, v in wanted.items())]
            await send(message)

        await self._app(scope, receive, send_with_headers)
