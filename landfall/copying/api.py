"""An API as this machine reads it: page after page over HTTP, the rows as lines of JSON or as Parquet."""

import email.message
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import pyarrow.parquet as pq

from landfall.copying.arrow import arrow_schema, to_batch
from landfall.copying.json_paths import found_at
from landfall.copying.plan import CopyItem
from landfall.copying.queries import name_at_source
from landfall.copying.source import SourceUnreachable
from landfall.errors import LandfallError
from landfall.spec.model import Column, Dataset

_TIMEOUT_S: Final = 300
_TRIES: Final = 4
_BATCH_ROWS: Final = 20_000
_LATER: Final = (408, 425, 429, 500, 502, 503, 504)


class ApiRefused(LandfallError):
    """An API answers something else than rows."""

    code = "LF4309"

    def __init__(self, source: str, where: str, reason: str) -> None:
        super().__init__(
            f"the source {source!r} at {where}: {reason}. Check path, items and next_page of the dataset, and what the "
            "account may read."
        )
        self.source = source


@dataclass(frozen=True, slots=True)
class SourceApi:
    """One API.

    Attributes:
        base_url: What paths are appended to.
        authorization: Value of the header of that name, ``None`` for none.
        sleep: Waits so many seconds between tries.
    """

    name: str
    base_url: str
    authorization: str | None = None
    sleep: Callable[[float], None] = time.sleep

    def write(self, item: CopyItem, dataset: Dataset, file: Path, progress: Callable[[int], None]) -> int:
        """Write the rows of all pages into a file as ``item`` says, and return how many there are.

        Raises:
            SourceUnreachable: The API does not answer or denies access.
            ApiRefused: It answers something else than rows.
            ValueDoesNotFit: A value is none of its column's declared type.
        """
        rows = self._rows(item)
        return (
            _as_parquet(rows, dataset, file, progress)
            if item.format == "parquet"
            else _as_lines(rows, file, progress)
        )

    def _rows(self, item: CopyItem) -> Iterator[Mapping[str, Any]]:
        address: str | None = f"{self.base_url.rstrip('/')}/{item.path}"
        asked: set[str] = set()
        while address is not None:
            asked.add(address)
            text, headers = self._ask(address)
            try:
                answer = json.loads(text, parse_float=Decimal)
            except ValueError as error:
                raise ApiRefused(self.name, _shown(address), "the answer is no JSON") from error
            for row in found_at(answer, item.items or None):
                if not isinstance(row, dict):
                    raise ApiRefused(self.name, _shown(address), f"{row!r:.60} stands in place of a row")
                yield row
            address = self._following(answer, headers, item, address)
            if address in asked:
                raise ApiRefused(self.name, _shown(address), "the next page is one that was read before")

    def _following(
        self, answer: Any, headers: email.message.Message, item: CopyItem, address: str
    ) -> str | None:
        """Return the address of the page after this one, ``None`` behind the last."""
        if item.next_page:
            told = next((text for text in found_at(answer, item.next_page) if text), None)
        else:
            told = _next_link(headers.get("Link", ""))
        if told is None:
            return None
        following = urljoin(address, str(told))
        if urlsplit(following)[:2] != urlsplit(address)[:2]:
            # Whoever answers could otherwise have the header sent to somebody else.
            raise ApiRefused(
                self.name, _shown(address), f"the next page is at another host, {_shown(following)}"
            )
        return following

    def _ask(self, address: str) -> tuple[bytes, email.message.Message]:
        headers = {"Accept": "application/json"}
        if self.authorization is not None:
            headers["Authorization"] = self.authorization
        request = urllib.request.Request(address, headers=headers)  # noqa: S310 - of the product file, or of who runs this
        for tried in range(1, _TRIES + 1):
            try:
                with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
                    return answer.read(), answer.headers
            except urllib.error.HTTPError as refusal:
                with refusal:
                    reason, after = f"HTTP {refusal.code}", refusal.headers.get("Retry-After", "")
                if refusal.code in (401, 403):
                    raise SourceUnreachable(self.name, _shown(address), reason) from None
                if refusal.code not in _LATER:
                    raise ApiRefused(self.name, _shown(address), reason) from None
            except (OSError, http.client.HTTPException) as error:
                reason, after = str(getattr(error, "reason", error)) or type(error).__name__, ""
            if tried < _TRIES:
                self.sleep(min(float(after), 60) if after.isdigit() else 2.0**tried)
        raise SourceUnreachable(self.name, _shown(address), f"{reason}, {_TRIES} times")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for a refusal: the header would be sent to wherever it leads."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirects)


def _shown(address: str | None) -> str:
    """Return an address without its query, in which keys stand with some APIs."""
    parts = urlsplit(address or "")
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _next_link(header: str) -> str | None:
    """Return what a Link header of RFC 5988 calls the next page."""
    for link in header.split(","):
        address, *parameters = (part.strip() for part in link.split(";"))
        if any(parameter.replace('"', "") == "rel=next" for parameter in parameters):
            return address.strip("<>")
    return None


def _as_lines(rows: Iterator[Mapping[str, Any]], file: Path, progress: Callable[[int], None]) -> int:
    count = 0
    with file.open("w", encoding="utf-8", newline="\n") as lines:
        for row in rows:
            lines.write(_text_of(row) + "\n")
            count += 1
            if count % _BATCH_ROWS == 0:
                progress(count)
    return count


def _as_parquet(
    rows: Iterator[Mapping[str, Any]], dataset: Dataset, file: Path, progress: Callable[[int], None]
) -> int:
    schema = arrow_schema(dataset.columns)
    count = 0
    with pq.ParquetWriter(file, schema, compression="snappy") as writer:
        while part := list(islice(rows, _BATCH_ROWS)):
            values = [_values(part, column) for column in dataset.columns]
            writer.write_batch(to_batch(values, dataset.columns, schema))
            count += len(part)
            progress(count)
    return count


def _values(rows: Sequence[Mapping[str, Any]], column: Column) -> list[Any]:
    name = name_at_source(column)
    found = [row.get(name) for row in rows]
    return [_text_of(value) if isinstance(value, dict | list) else value for value in found]


def _text_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_number)


def _number(value: Decimal) -> float:
    return float(value)
