"""How a test of a product is written in YAML, and its values."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from landfall.spec.documents import Document
from landfall.spec.faults import Fault
from landfall.spec.fields import ColumnRef, Name, Text, fault, kind_of
from landfall.spec.product_test_model import Batch, Expectation, Given, GivenFile, ProductTest, RefusedRow
from landfall.spec.shape import empty_keys, shape_faults, without_extensions
from landfall.spec.yaml_source import Location, Mark


class GivenFileDocument(Document):
    file: Text


def _rows_or_a_file(value: Any) -> str:
    if isinstance(value, GivenFileDocument) or (isinstance(value, dict) and "file" in value):
        return "a file"
    return "text" if isinstance(value, str) else "rows"


def _text_or_row(value: Any) -> str:
    return "text" if isinstance(value, str) else "row"


_Row = dict[ColumnRef, Any]
_Given = Annotated[
    Annotated[str, Tag("text")]
    | Annotated[list[_Row], Tag("rows")]
    | Annotated[GivenFileDocument, Tag("a file")],
    Discriminator(_rows_or_a_file),
]
_RowOrText = Annotated[
    Annotated[str, Tag("text")] | Annotated[_Row, Field(min_length=1), Tag("row")],
    Discriminator(_text_or_row),
]


class RefusedDocument(Document):
    row: _RowOrText
    rules: Annotated[list[Text], Field(min_length=1)]


class ExpectDocument(Document):
    rows: list[_Row] | None = None
    refused: list[RefusedDocument] = []
    stopped_by: list[Name] = []
    rejected: Annotated[Text, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _rows_or_a_gate(self) -> "ExpectDocument":
        if self.rejected is not None:
            if self.rows is not None or self.refused or self.stopped_by:
                message = "nothing comes of a file that is rejected"
                raise fault("LF1030", message, "remove rows:, refused: and stopped_by:, or rejected:")
            return self
        if self.stopped_by and (self.rows is not None or self.refused):
            message = "a node that is stopped by a rule publishes and quarantines nothing"
            raise fault("LF1030", message, "remove rows: and refused:, or stopped_by:")
        if not self.stopped_by and self.rows is None:
            raise fault("LF1021", "expect: has no rows", "add rows: with what is published ([] for nothing)")
        return self


class BatchDocument(Document):
    given: dict[Name, _Given] = {}
    expect: ExpectDocument | None = None


class ProductTestDocument(Document):
    name: Name
    description: Text = ""
    transformation: Name | None = None
    dataset: Name | None = None
    given: dict[Name, _Given] = {}
    expect: ExpectDocument | None = None
    # Each runs on a day of one month.
    batches: Annotated[list[BatchDocument], Field(min_length=1, max_length=28)] | None = None

    @model_validator(mode="after")
    def _tests_one_thing(self) -> "ProductTestDocument":
        if (self.transformation is None) == (self.dataset is None):
            message = f"test '{self.name}' must name either a transformation or a landed dataset"
            raise fault("LF1030", message, "write transformation: or dataset:")
        if self.batches is None:
            if self.expect is None:
                raise fault("LF1021", "key 'expect' is missing", "add expect:")
            return self
        if self.given or self.expect is not None:
            message = f"test '{self.name}' has batches, and given or expect beside them"
            raise fault("LF1030", message, "write given: and expect: in each batch")
        if self.batches[-1].expect is None:
            raise fault("LF1021", "the last batch expects nothing", "add expect: to it")
        return self


def items_of(data: Any, mark: Mark, faults: list[Fault]) -> Iterable[tuple[dict[str, Any], Mark]]:
    """Yield the tests of a file, which holds one or a list of them."""
    if data is None:
        return
    for index, item in enumerate(data if isinstance(data, list) else [data]):
        place = mark.at((index,)) if isinstance(data, list) else mark
        if isinstance(item, dict):
            yield without_extensions(item), place
        else:
            message = f"a test is a mapping, not {kind_of(item)}"
            faults.append(Fault(place.path, place.line, "LF1021", message, "start with '- name:'"))


def read_test(data: dict[str, Any], mark: Mark, folder: Path, faults: list[Fault]) -> ProductTest | None:
    """Return a test, or ``None`` with its faults added to the others.

    Args:
        folder: Where files stand that tests name.
    """
    found = [one for at, one in empty_keys(data, mark) if not _is_column(at)]
    document: ProductTestDocument | None = None
    try:
        document = ProductTestDocument.model_validate(data)
    except ValidationError as error:
        found.extend(one for _, one in shape_faults(ProductTestDocument, error, data, mark))
    faults.extend(found)
    return None if document is None or found else _test(document, mark, folder)


def _is_column(at: Location) -> bool:
    """Return whether a place is a column of a row, which may be null."""
    if at[0] == "batches":
        return len(at) > 2 and _is_column(at[2:])
    return (at[0] == "given" and len(at) >= 4) or (at[0] == "expect" and len(at) >= 4)


def _test(document: ProductTestDocument, mark: Mark, folder: Path) -> ProductTest:
    return ProductTest(
        name=document.name,
        description=document.description.strip(),
        subject=document.transformation or document.dataset or "",
        batches=tuple(
            _batch(batch, place_of(mark, number), folder)
            for number, batch in enumerate(
                document.batches or [BatchDocument(given=document.given, expect=document.expect)]
            )
        ),
        path=mark.path,
        line=mark.line,
    )


def _batch(document: BatchDocument, mark: Mark, folder: Path) -> Batch:
    given: dict[str, Given] = {}
    lines: dict[str, tuple[int, ...]] = {}
    for name, value in document.given.items():
        place = mark.at(("given", name))
        lines[name] = (place.line,)
        if isinstance(value, GivenFileDocument):
            given[name] = GivenFile(folder / value.file)
        elif isinstance(value, str):
            given[name] = value
        else:
            given[name] = tuple(value)
            lines[name] = _lines(place, len(value))
    expect = document.expect
    if expect is None:
        return Batch(given, None, lines)
    expectation = Expectation(
        rows=None if expect.rows is None else tuple(expect.rows),
        refused=tuple(RefusedRow(item.row, tuple(item.rules)) for item in expect.refused),
        stopped_by=tuple(expect.stopped_by),
        rejected=(expect.rejected or "").strip(),
        lines=_lines(mark.at(("expect", "rows")), len(expect.rows or ())),
    )
    return Batch(given, expectation, lines)


def _lines(mark: Mark, rows: int) -> tuple[int, ...]:
    return tuple(mark.at((number,)).line for number in range(rows))


def place_of(mark: Mark, batch: int) -> Mark:
    """Return where a batch stands: a test without a list of them is one."""
    return mark.at(("batches", batch)) if "batches" in mark.children else mark
