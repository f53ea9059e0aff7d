"""Landfall's HTTP API as a caller sees it: start a run, cancel a run, replay files."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from functools import partial
from typing import Any, Final, Self
from urllib.parse import quote, urljoin, urlsplit

from landfall.errors import ErrorKind, LandfallError
from landfall.settings import MissingSetting, Settings

_TIMEOUT_S: Final = 30
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class RequestRefused(LandfallError):
    """The function app understood a request and does not do it."""

    code = "LF6301"

    def __init__(self, url: str, status: int, reason: str, its_code: str | None) -> None:
        said = f"{status}, {its_code}" if its_code else str(status)
        super().__init__(f"{reason} ({url} answered {said})")
        self.url = url
        self.status = status
        self.its_code = its_code


class FunctionsUnreachable(LandfallError):
    """The function app does not answer, or not now."""

    code = "LF6302"
    kind = ErrorKind.UNREACHABLE
    retryable = True

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"{url}: the function app does not answer ({reason}). On a laptop, `landfall up` starts it and "
            "`landfall status` shows it; in Azure, check the network and that the app runs."
        )
        self.url = url


class FunctionsAccessDenied(LandfallError):
    """The function app refuses who we are."""

    code = "LF6303"
    kind = ErrorKind.UNREACHABLE

    def __init__(self, url: str, status: int, reason: str) -> None:
        super().__init__(f"{url} answered {status}: {reason}")
        self.url = url


class NoToken(LandfallError):
    """Entra ID gives no token for the function app."""

    code = "LF6304"
    kind = ErrorKind.UNREACHABLE

    def __init__(self, audience: str, reason: str) -> None:
        super().__init__(
            f"no token for {audience} ({reason}). Sign in, for example with `az login`, as somebody whom the app's "
            "registration allows."
        )
        self.audience = audience


@dataclass(frozen=True, slots=True)
class StartedRequest:
    """A request for a run that the function app has taken.

    Attributes:
        location: URL that answers 202 until the run ends, then 200 with its result.
        product_paused: The request waits until the product is resumed.
    """

    request_id: str
    location: str
    product_paused: bool = False


class FunctionsClient:
    """Calls the function app that `settings` names."""

    def __init__(self, url: str, *, token: Callable[[], str] | None = None, actor: str | None = None) -> None:
        """Keep where the app is.

        Args:
            token: Gives a token of Entra ID; ``None`` for an app that asks for none, as on a laptop.
            actor: Who acts, for the record of an app that takes everybody for its owner.
        """
        self._url = url.rstrip("/") + "/"
        self._token = token
        self._actor = actor

    @classmethod
    def connect(cls, settings: Settings, *, actor: str | None = None) -> Self:
        """Return a client; nothing is sent yet.

        Args:
            actor: Who acts, for the record of a laptop's app; one in Azure knows who signed in.

        Raises:
            MissingSetting: The URL of the function app is not set, or its audience and it is not on this machine.
        """
        if not settings.functions_url:
            raise MissingSetting("LANDFALL_FUNCTIONS_URL")
        if urlsplit(settings.functions_url).hostname in _LOOPBACK:
            return cls(settings.functions_url, actor=actor)
        if not settings.functions_audience:
            raise MissingSetting("LANDFALL_FUNCTIONS_AUDIENCE")
        return cls(
            settings.functions_url,
            token=partial(_entra_token, settings.functions_audience, settings.managed_identity_client_id),
            actor=actor,
        )

    def start_run(
        self,
        product: str,
        *,
        datasets: Sequence[str] = (),
        full: bool = False,
        on_failure: str | None = None,
        idempotency_key: str | None = None,
    ) -> StartedRequest:
        """Ask for a run of ``domain/product``.

        Args:
            datasets: Start downstream of these; empty means of what has landed.
            full: Build every transformation again.
            on_failure: ``continue`` or ``fail_fast``; ``None`` leaves it to the product's settings.
            idempotency_key: The same key for the same product is the same request.

        Raises:
            RequestRefused: The product or a dataset does not exist, or the key stands for another request.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        body: dict[str, Any] = {"datasets": list(datasets), "full": full}
        body |= _given(on_failure=on_failure, idempotency_key=idempotency_key)
        answer, headers = self._post(_product_path(product, "runs"), body)
        return self._started(answer, headers)

    def backfill(self, product: str, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask for a backfill of ``domain/product``; return it, or with ``dry_run`` what it would take in.

        Args:
            choice: The body of ``POST /api/products/{domain}/{product}/backfills``.

        Raises:
            RequestRefused: The range is not sound, or there is nothing in it.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        return self._post(_product_path(product, "backfills"), choice)[0]

    def change_backfill(self, backfill_id: str, act: str) -> Mapping[str, Any]:
        """Pause, resume or cancel a backfill and return it.

        Raises:
            RequestRefused: There is no such backfill, or it has ended.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        return self._post(f"api/backfills/{quote(backfill_id)}/{act}", {})[0]

    def replay_run(self, run_id: str) -> StartedRequest:
        """Ask for a run that repeats a former one with its files, metadata and configuration.

        Raises:
            RequestRefused: There is no such run, or not all of its files can be taken in again.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        answer, headers = self._post(f"api/runs/{quote(run_id)}/replay", {})
        return self._started(answer, headers)

    def rerun(
        self,
        run_id: str,
        *,
        from_failed: bool = False,
        node: str | None = None,
        only: bool = False,
        newest: bool = False,
        on_failure: str | None = None,
    ) -> StartedRequest:
        """Ask for a new run of a part of a former one.

        Args:
            from_failed: What did not succeed.
            node: This node and, unless ``only``, what is downstream of it.
            newest: On the metadata applied now instead of the version that the former run pinned.

        Raises:
            RequestRefused: There is no such run or node, or nothing of it can be run again.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        body: dict[str, Any] = {"from_failed": from_failed, "only": only, "newest": newest}
        body |= _given(node=node, on_failure=on_failure)
        answer, headers = self._post(f"api/runs/{quote(run_id)}/rerun", body)
        return self._started(answer, headers)

    def cancel_run(self, run_id: str) -> None:
        """Ask for the end of a run; nodes at work are stopped, waiting ones never start.

        Raises:
            RequestRefused: There is no such run, or it has ended.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        self._post(f"api/runs/{quote(run_id)}/cancel", {})

    def pause(self, product: str, *, reason: str | None = None) -> Mapping[str, Any]:
        """Let ``domain/product`` open no new run, and return the pause.

        Raises:
            RequestRefused: The product does not exist.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        return self._post(_product_path(product, "pause"), {"reason": reason} if reason else {})[0]

    def resume(self, product: str) -> Mapping[str, Any]:
        """End the pause of ``domain/product``, and return whether it was paused and whether work waited.

        Raises:
            RequestRefused: The product does not exist.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        return self._post(_product_path(product, "resume"), {})[0]

    def act_on_letters(self, act: str, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """Replay or discard dead letters, those named or those that meet a filter.

        Args:
            act: ``replay`` or ``discard``.
            choice: The body of ``POST /api/dead-letters/replay``.

        Returns:
            ``letters`` (objects with ``letter_id``, ``state`` and ``reason``) and ``following`` (where to go on).

        Raises:
            RequestRefused: There is none with one of the ids.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        return self._post(f"api/dead-letters/{act}", choice)[0]

    def act_on_runs(self, act: str, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """Cancel or rerun all runs that meet a filter.

        Args:
            act: ``cancel`` or ``rerun``.
            choice: The body of ``POST /api/runs/cancel`` or ``POST /api/runs/rerun``.

        Returns:
            ``runs`` (objects with ``run_id``, ``outcome`` and ``reason``) and ``following`` (where to go on).

        Raises:
            RequestRefused: The product does not exist.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        return self._post(f"api/runs/{act}", choice)[0]

    def act_on_quarantine(self, product: str, act: str, rows: Mapping[str, Any]) -> StartedRequest:
        """Ask for a run that judges refused rows of ``domain/product`` again, or gives them up.

        Args:
            act: ``replay`` or ``discard``.
            rows: The body of ``POST /api/products/{domain}/{product}/quarantine/{act}``.

        Raises:
            RequestRefused: The dataset does not exist, or its rows cannot be chosen one by one.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses the key.
        """
        answer, headers = self._post(_product_path(product, f"quarantine/{act}"), rows)
        return self._started(answer, headers)

    def replay_files(self, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """Put landed files back to pending, those named or those that meet a filter.

        Args:
            choice: The body of ``POST /api/files/replay``.

        Returns:
            ``replayed`` (ids), ``left`` (objects with ``file_id`` and ``reason``) and ``following`` (where to go on
            if there are more files than one replay takes).

        Raises:
            RequestRefused: A file or the product does not exist.
            FunctionsUnreachable: The function app does not answer.
            FunctionsAccessDenied: It refuses who we are.
        """
        return self._post("api/files/replay", choice)[0]

    def health(self) -> Mapping[str, Any]:
        """Return what the function app says of itself, after it has let us in.

        Raises:
            FunctionsUnreachable: It does not answer, or cannot work.
            FunctionsAccessDenied: It refuses the key.
            RequestRefused: Something else answers at its address.
        """
        health, _ = self._send("api/health", None)
        # Everybody may ask for its health; whether it lets us in, a list of runs tells.
        self._send("api/runs", None)
        return health

    def _started(self, answer: Mapping[str, Any], headers: Message) -> StartedRequest:
        return StartedRequest(
            request_id=str(answer["request_id"]),
            location=urljoin(self._url, headers.get("Location", "")),
            product_paused=bool(answer.get("product_paused")),
        )

    def _post(self, path: str, body: Mapping[str, Any]) -> tuple[Mapping[str, Any], Message]:
        return self._send(path, body)

    def _send(self, path: str, body: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], Message]:
        """Post a body, or get what there is where there is none."""
        url = urljoin(self._url, path)
        actor = {"x-landfall-actor": self._actor} if self._actor else {}
        bearer = {"Authorization": f"Bearer {self._token()}"} if self._token else {}
        request = urllib.request.Request(  # noqa: S310 - the URL is the configured one
            url,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **bearer, **actor},
            method="GET" if body is None else "POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
                return _json_object(response.read()), response.headers
        except urllib.error.HTTPError as error:
            raise _refusal(url, error) from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise FunctionsUnreachable(url, str(getattr(error, "reason", error))) from error


def _entra_token(audience: str, client_id: str | None) -> str:
    # It takes a while to import, and a laptop never needs it.
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential(managed_identity_client_id=client_id)
    try:
        return credential.get_token(f"{audience.rstrip('/')}/.default").token
    except ClientAuthenticationError as error:
        raise NoToken(audience, str(error.message).partition("\n")[0]) from error


def _given(**fields: Any) -> dict[str, Any]:
    """Return the fields that say something."""
    return {key: value for key, value in fields.items() if value is not None}


def _product_path(product: str, act: str) -> str:
    domain, _, name = product.partition("/")
    return f"api/products/{quote(domain)}/{quote(name)}/{act}"


def _refusal(url: str, error: urllib.error.HTTPError) -> LandfallError:
    # A problem document of RFC 9457, or the text of whatever stands in front of the app.
    answer = _json_object(error.read())
    reason = str(answer.get("detail") or error.reason)
    if error.code in {401, 403}:
        return FunctionsAccessDenied(url, error.code, reason)
    if error.code >= 500 or error.code == 429:
        return FunctionsUnreachable(url, f"{error.code} {reason}")
    return RequestRefused(url, error.code, reason, answer.get("code"))


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {"detail": body.decode(errors="replace").strip()[:500]}
    return value if isinstance(value, dict) else {}
