"""`landfall test`: a product's own tests on a Spark engine of their own."""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from unicodedata import is_normalized

import typer

from landfall.cli.completing import complete_product
from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.output import Output, OutputFormat, note, show_rows, table_text
from landfall.cli.project import Invocation, invocation

if TYPE_CHECKING:
    from landfall.spec.faults import Fault
    from landfall.spec.model import Product
    from landfall.spec.product_test_model import ProductTest
    from landfall.testing.fixtures import ShownRow
    from landfall.testing.run import ProductTestResult

_COLUMNS = ("product", "test", "subject", "passed", "seconds", "path", "line", "batch", "reason")
# How a row stands in a difference.
_MISSING, _UNEXPECTED = "expected", "found"
# Rows of each kind that people read.
_MOST_ROWS = 20


def register(app: typer.Typer) -> None:
    command = app.command(
        "test", epilog=examples("landfall test", "landfall test mobility/flights --output json")
    )
    command(run_tests)


def run_tests(
    context: typer.Context,
    product: Annotated[
        str | None,
        typer.Argument(
            metavar="PRODUCT", help="domain/product; without it, all.", autocompletion=complete_product
        ),
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Run the tests of products: given rows in, expected and refused rows out.

    They run on a Spark engine of their own, so no stack has to be up. Exit code 1 means that a test failed.
    """
    found = _tests(invocation(context), product)
    if not found:
        note("no tests found; they stand in data_products/DOMAIN/PRODUCT/tests/*.yml")
    results = []
    for result in _run(invocation(context), found) if found else ():
        results.append(result)
        if output is OutputFormat.TABLE:
            _show(result)
    if output is not OutputFormat.TABLE:
        show_rows([result.to_payload() for result in results], _COLUMNS, output)
    failed = sum(not result.passed for result in results)
    note(f"{len(results) - failed} passed, {failed} failed")
    if failed:
        raise typer.Exit(ExitCode.REFUSED)


def _tests(here: Invocation, only: str | None) -> "list[tuple[Product, ProductTest]]":
    from landfall.spec.faults import InvalidSpec
    from landfall.spec.load import load_products
    from landfall.spec.product_tests import check_product_tests

    tests: list[tuple[Product, ProductTest]] = []
    faults: list[Fault] = []
    for product in load_products(here.folder(), only, target=here.target_name):
        sound, faulty = check_product_tests(here.folder(), product)
        tests.extend((product, test) for test in sound)
        faults.extend(faulty)
    if faults:
        raise InvalidSpec(faults)
    return tests


def _run(here: Invocation, tests: "Sequence[tuple[Product, ProductTest]]") -> "Iterator[ProductTestResult]":
    from landfall.local.spark_engine import spark_engine
    from landfall.spec.load import check_products
    from landfall.testing.run import Bench, open_session

    # Inputs may be ports of products that are not tested themselves.
    products, _ = check_products(here.folder(), target=here.target_name)
    with (
        tempfile.TemporaryDirectory(prefix="landfall-test-") as folder,
        spark_engine() as address,
        open_session(address) as spark,
    ):
        bench = Bench(spark, products, Path(folder))
        for product, test in tests:
            yield bench.run(product.key, test)


def _show(result: "ProductTestResult") -> None:
    word = "ok  " if result.passed else "FAIL"
    print(f"{word}  {result.product} {result.test.subject}: {result.test.name} ({result.seconds:.1f} s)")
    difference = result.difference
    if result.passed:
        return
    batch = f", batch {difference.batch}" if difference.batch is not None else ""
    print(f"      {result.test.path}:{result.test.line}{batch}")
    if difference.reason:
        print(f"      {difference.reason}")
    _show_difference("rows", difference.missing, difference.unexpected)
    _show_difference("refused rows", difference.refused_missing, difference.refused_unexpected)


def _show_difference(title: str, missing: "Sequence[ShownRow]", unexpected: "Sequence[ShownRow]") -> None:
    if not missing and not unexpected:
        return
    print(f"      {title}: {len(missing)} expected and not found, {len(unexpected)} found and not expected")
    marked: list[ShownRow] = [
        {"": mark, **{name: _cell(value) for name, value in row.items()}}
        for mark, rows in ((_MISSING, missing), (_UNEXPECTED, unexpected))
        for row in rows[:_MOST_ROWS]
    ]
    columns = list(dict.fromkeys(name for row in marked for name in row))
    if sys.stdout.isatty():
        _show_coloured(marked, columns)
    else:
        print(_indented(table_text(marked, columns)))
    if max(len(missing), len(unexpected)) > _MOST_ROWS:
        print(f"      {_MOST_ROWS} of each are shown; --output json has all")


def _show_coloured(rows: "Sequence[ShownRow]", columns: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        style = "red" if row[""] == _MISSING else "green"
        # As text, so that brackets in the data are no markup.
        table.add_row(*(Text(row.get(name) or "", style=style) for name in columns))
    Console().print(table)


def _cell(value: str | None) -> str:
    """Return a value so that two that differ look different, be it by a blank at the end or by how a letter is made."""
    if value is None:
        return "null"
    if not value.isprintable() or not is_normalized("NFC", value):
        return json.dumps(value)
    return json.dumps(value, ensure_ascii=False) if value != value.strip() or value in ("", "null") else value


def _indented(text: str) -> str:
    return "\n".join(f"      {line}" for line in text.splitlines())
