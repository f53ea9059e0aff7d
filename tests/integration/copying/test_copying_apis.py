"""Answers of a real HTTP server into landing: pages, formats, refusals."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from landfall.copying.api import ApiRefused, SourceApi
from landfall.copying.execute import Copied, copy_from
from landfall.copying.plan import Position, make_copy_plan
from landfall.copying.source import SourceUnreachable
from landfall.spec.copying import Copy, Watermark
from landfall.spec.model import Column, FileFormat, Product, Source, SourceType
from tests.builders import a_landed_dataset, a_product
from tests.integration.copying.conftest import Landed
from tests.integration.copying.test_copying_databases import NOW

COLUMNS = (
    Column("sku", "string", source_name="SKU"),
    Column("price", "decimal(10,2)"),
    Column("tags", "string"),
    Column("changed", "timestamp"),
)
ROWS = [
    {"SKU": f"s{number}", "price": number + 0.1, "tags": ["a", number], "changed": "2026-01-30T10:00:00Z"}
    for number in range(5)
]


@dataclass
class Prices:
    """An API with two rows on a page.

    Attributes:
        paging: ``body``, ``header`` or the address of the next page as it is.
        statuses: With which the next requests are refused, the last one first.
        asked: Path and Authorization header of each request.
    """

    paging: str = "body"
    statuses: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def answer(self, page: int) -> tuple[dict[str, str], Any]:
        rows = ROWS[page * 2 : page * 2 + 2]
        more = f"/v1/prices?page={page + 1}" if page < 2 else None
        if self.paging == "header":
            return ({"Link": f'<{more}>; rel="next"'} if more else {}), {"data": rows}
        return {}, {"data": rows, "next": more if self.paging == "body" else self.paging}


@pytest.fixture
def prices() -> Iterator[Prices]:
    prices = Prices()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            prices.asked.append((self.path, self.headers.get("Authorization")))
            status = prices.statuses.pop() if prices.statuses else 200
            headers, body = prices.answer(int(self.path.partition("page=")[2] or 0))
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                **headers,
                "Location": "/elsewhere",
                "Content-Length": str(len(content)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    prices.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield prices
    server.shutdown()
    server.server_close()
    thread.join()


def copy(
    prices: Prices,
    landed: Landed,
    kind: FileFormat = FileFormat.PARQUET,
    position: Position | None = None,
    **more: Any,
) -> Copied:
    wanted = Copy(**{"path": "prices", "items": "$.data", "next_page": "$.next", **more})
    dataset = replace(
        a_landed_dataset(landing=f"orders_landed/*.{kind}", columns=COLUMNS), source="prices", copy=wanted
    )
    source = Source(
        "prices", SourceType.API, kind, connection="https://api.example.com", secret="keyvault:prices"
    )
    product: Product = replace(a_product(landed=[dataset]), sources=(source,))
    (item,) = make_copy_plan(product, {"orders_landed": position or Position()}, key="run-1", now=NOW).items
    reached = SourceApi("prices", prices.url, "Bearer t", sleep=lambda _: None)
    (copied,) = copy_from(product, item, reached, landed.upload, progress=lambda *_: None)
    return copied


@pytest.mark.parametrize("paging", ["body", "header"])
def test_all_pages_arrive_as_what_the_columns_declare(prices: Prices, landed: Landed, paging: str) -> None:
    prices.paging = paging

    copied = copy(prices, landed, next_page="$.next" if paging == "body" else None)

    rows = landed.rows(str(copied.path))
    assert (copied.rows, [row["SKU"] for row in rows]) == (5, ["s0", "s1", "s2", "s3", "s4"])
    assert (rows[1]["price"], rows[1]["tags"]) == (Decimal("1.10"), '["a", 1]')
    assert str(rows[1]["changed"]).startswith("2026-01-30 10:00:00")
    assert [header for _, header in prices.asked] == ["Bearer t"] * 3


def test_json_is_a_row_a_line(prices: Prices, landed: Landed) -> None:
    copied = copy(prices, landed, FileFormat.JSON)

    lines = landed.files[str(copied.path)].read_text().splitlines()
    assert [json.loads(line) for line in lines] == ROWS


def test_the_next_copy_asks_for_what_is_new(prices: Prices, landed: Landed) -> None:
    mark = Watermark("changed", parameter="since")

    copied = copy(
        prices, landed, position=Position(2, "2026-01-30T00:00:00Z"), watermark=mark, path="prices?size=2"
    )

    assert prices.asked[0][0] == "/v1/prices?size=2&since=2026-01-30T00:00:00Z"
    assert (copied.watermark_to, str(copied.path).rpartition("/")[2]) == (
        "2026-01-31T12:00:00Z",
        "00000002_2026-01-31T12~00~00Z.parquet",
    )


def test_who_is_busy_is_asked_again_and_who_refuses_is_not(prices: Prices, landed: Landed) -> None:
    prices.statuses = [429, 503]
    assert copy(prices, landed).rows == 5

    for statuses, error in (
        ([404], ApiRefused),
        ([302], ApiRefused),
        ([401], SourceUnreachable),
        ([503] * 4, SourceUnreachable),
    ):
        prices.statuses = list(statuses)
        with pytest.raises(error, match=f"HTTP {statuses[0]}"):
            copy(prices, landed)

    assert len(landed.files) == 1
    assert not [path for path, _ in prices.asked if "elsewhere" in path]


@pytest.mark.parametrize(
    ("more", "paging", "reason"),
    [
        ({"items": "$.data[*].SKU"}, "body", "'s0' stands in place of a row"),
        ({}, "https://elsewhere.example/p?key=1", "at another host, https://elsewhere.example/p"),
        ({}, "/v1/prices", "was read before"),
    ],
)
def test_answers_that_lead_nowhere_are_refused(
    prices: Prices, landed: Landed, more: dict[str, Any], paging: str, reason: str
) -> None:
    prices.paging = paging

    with pytest.raises(ApiRefused, match=reason):
        copy(prices, landed, **more)

    assert landed.files == {}
