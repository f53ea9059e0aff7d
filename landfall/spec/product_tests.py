"""The tests of a product, `tests/*.yml` beside its product.yml: rows given, rows expected, rows refused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from landfall.spec.column_types import part_paths
from landfall.spec.columns import follow_columns
from landfall.spec.documents import Document
from landfall.spec.faults import Fault, InvalidSpec, nearest_remedy
from landfall.spec.fields import ColumnRef, Name, Text, fault, kind_of
from landfall.spec.frames import Frame
from landfall.spec.model import (
    TABLE_CHECKS,
    Dataset,
    FileFormat,
    Product,
    SchemaDrift,
    Severity,
    Transformation,
)
from landfall.spec.project import PRODUCTS_FOLDER, read_file
from landfall.spec.references import reads_of
from landfall.spec.shape import empty_keys, shape_faults, without_extensions
from landfall.spec.yaml_source import Location, Mark

TESTS_FOLDER = "tests"

# Rules that the runtime brings along; those with a column behind them are written `type:amount`, `type:items[].price`
# for a part of a nested one.
_BUILT_IN = ("readable_row",)
_BUILT_IN_OF_COLUMN = ("type:", "not_null:", "cast:")

_DRIFTING = (SchemaDrift.RESCUE, SchemaDrift.EVOLVE, SchemaDrift.DISCARD)
_NO_TEXT = (FileFormat.PARQUET, FileFormat.ORC, FileFormat.AVRO, FileFormat.EXCEL, FileFormat.DELTA)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is expected in quarantine.

    Attributes:
        row: Columns to compare, or the text of a row that cannot be parsed.
        rules: Names of the rules that refuse it, all of them.
    """

    row: Row | str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What comes of the given rows.

    Attributes:
        rows: All rows of the table, in any order; ``None`` where nothing is published.
        refused: All refused rows.
        stopped_by: What keeps everything from being published: rules of severity ``fail`` or with a limit, and
            ``max_quarantined_share``.
    """

    rows: tuple[Row, ...] | None = None
    refused: tuple[RefusedRow, ...] = ()
    stopped_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one run of the node under test finds, and what comes of it.

    Attributes:
        given: Rows by dataset; a landed dataset may be given as the text of a file. What is not given is empty in the
            first batch, and in others as the batch before left it.
        expect: ``None`` where the test does not say.
    """

    given: Mapping[str, tuple[Row, ...] | str]
    expect: Expectation | None


@dataclass(frozen=True, slots=True)
class ProductTest:
    """One test of one node.

    Attributes:
        subject: The transformation, or the landed dataset, under test.
        batches: Runs of the node, one after another; most tests have one. The last one has expectations.
        path: File that holds the test, below the project's folder.
        line: Line where it starts.
    """

    name: str
    description: str
    subject: str
    batches: tuple[Batch, ...]
    path: str
    line: int


def _text_or_rows(value: Any) -> str:
    return "text" if isinstance(value, str) else "rows"


def _text_or_row(value: Any) -> str:
    return "text" if isinstance(value, str) else "row"


_Row = dict[ColumnRef, Any]
_Given = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[_Row], Tag("rows")], Discriminator(_text_or_rows)
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

    @model_validator(mode="after")
    def _rows_or_a_gate(self) -> "ExpectDocument":
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


def load_product_tests(root: Path, product: Product) -> tuple[ProductTest, ...]:
    """Return the tests of a sound product, by file and line.

    Args:
        root: Folder that holds landfall.yml.

    Raises:
        InvalidSpec: A file is not sound; names every fault of all of them.
    """
    tests, faults = check_product_tests(root, product)
    if faults:
        raise InvalidSpec(faults)
    return tests


def check_product_tests(root: Path, product: Product) -> tuple[tuple[ProductTest, ...], tuple[Fault, ...]]:
    """Return the tests of a product that are sound, and the faults of the others."""
    folder = root / PRODUCTS_FOLDER / product.domain / product.name / TESTS_FOLDER
    faults: list[Fault] = []
    checks = _Checks(product, faults)
    tests = []
    for path in sorted(folder.glob("*.y*ml")) if folder.is_dir() else ():
        file = read_file(root, path)
        faults.extend(file.faults)
        for item, mark in _items(file.data, file.mark, faults):
            test = _read(item, mark, faults)
            if test is not None and checks.passes(test, mark):
                tests.append(test)
    return tuple(tests), tuple(sorted(set(faults)))


def _items(data: Any, mark: Mark, faults: list[Fault]) -> Iterable[tuple[dict[str, Any], Mark]]:
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


def _read(data: dict[str, Any], mark: Mark, faults: list[Fault]) -> ProductTest | None:
    found = [one for at, one in empty_keys(data, mark) if not _is_column(at)]
    document: ProductTestDocument | None = None
    try:
        document = ProductTestDocument.model_validate(data)
    except ValidationError as error:
        found.extend(one for _, one in shape_faults(ProductTestDocument, error, data, mark))
    faults.extend(found)
    return None if document is None or found else _test(document, mark)


def _is_column(at: Location) -> bool:
    """Return whether a place is a column of a row, which may be null."""
    if at[0] == "batches":
        return len(at) > 2 and _is_column(at[2:])
    return (at[0] == "given" and len(at) >= 4) or (at[0] == "expect" and len(at) >= 4)


def _test(document: ProductTestDocument, mark: Mark) -> ProductTest:
    return ProductTest(
        name=document.name,
        description=document.description.strip(),
        subject=document.transformation or document.dataset or "",
        batches=tuple(
            _batch(batch)
            for batch in document.batches or [BatchDocument(given=document.given, expect=document.expect)]
        ),
        path=mark.path,
        line=mark.line,
    )


def _batch(document: BatchDocument) -> Batch:
    given = {name: rows if isinstance(rows, str) else tuple(rows) for name, rows in document.given.items()}
    expect = document.expect
    if expect is None:
        return Batch(given, None)
    return Batch(
        given,
        Expectation(
            rows=None if expect.rows is None else tuple(expect.rows),
            refused=tuple(RefusedRow(item.row, tuple(item.rules)) for item in expect.refused),
            stopped_by=tuple(expect.stopped_by),
        ),
    )


def _place_of(mark: Mark, batch: int) -> Mark:
    """Return where a batch stands: a test without a list of them is one."""
    return mark.at(("batches", batch)) if "batches" in mark.children else mark


def _built_in_rules(dataset: Dataset, frame: Frame | None) -> list[str] | None:
    """Return the rules on types and missing values that may refuse rows, ``None`` where not all columns are known."""
    if frame is None or dataset.schema_drift is SchemaDrift.EVOLVE:
        return None
    paths = [path for name in frame for path in part_paths(name, frame.type_of(name) or "")]
    return [f"type:{path}" for path in paths] + [f"not_null:{name}" for name in frame]


class _Checks:
    """Checks tests against the product they are about."""

    def __init__(self, product: Product, faults: list[Fault]) -> None:
        self._faults = faults
        self._datasets = {dataset.name: dataset for dataset in product.datasets}
        self._transformations = {item.name: item for item in product.transformations}
        self._reads = reads_of(product)
        self._formats = {source.name: source.format for source in product.sources}
        self._frames: Mapping[str, Frame | None] = {
            str(name): frame
            for name, frame in follow_columns(product, {}, lambda _path, _problem: None).items()
        }
        self._places: dict[str, Mark] = {}

    def passes(self, test: ProductTest, mark: Mark) -> bool:
        """Return whether a test fits the product; if not, its faults are added."""
        before = len(self._faults)
        other = self._places.setdefault(test.name, mark)
        if other is not mark:
            remedy = f"rename one of the two; the other is at {other.path}:{other.line}"
            self._report(mark, ("name",), "LF1041", f"test '{test.name}' is declared twice", remedy)
        transformation = next(
            (item for name, item in self._transformations.items() if name == test.subject), None
        )
        if "transformation" in mark.children:
            if transformation is None:
                remedy = nearest_remedy(test.subject, self._transformations)
                at = ("transformation",)
                self._report(mark, at, "LF1042", f"no transformation '{test.subject}'", remedy)
            else:
                for number, batch in enumerate(test.batches):
                    self._check_transformed(batch, number, transformation, _place_of(mark, number))
        else:
            self._check_landed(test, mark)
        return len(self._faults) == before

    def _check_transformed(self, batch: Batch, number: int, subject: Transformation, mark: Mark) -> None:
        output = self._datasets[subject.output.dataset]
        # A table may hold rows already: a merge and an append build on them.
        own = {str(ref.dataset): ref.product is None for ref in self._reads[subject.name]}
        own |= {str(output.name): True}
        for name, rows in batch.given.items():
            if number and name == output.name:
                message = f"'{name}' is what the batches before have built"
                self._report(mark, ("given", name), "LF1030", message, "give it in the first batch")
            if name not in own:
                message = f"'{subject.name}' does not read '{name}'"
                self._report(mark, ("given", name), "LF1042", message, nearest_remedy(name, own))
            elif isinstance(rows, str):
                message = f"'{name}' is a table here, so it is given as rows"
                self._report(mark, ("given", name), "LF1021", message, "start each row with '- {'")
            else:
                frame = self._frames.get(name) if own[name] else None
                self._check_columns(rows, frame, mark, ("given", name))
        self._check_expected(batch.expect, output, mark)

    def _check_landed(self, test: ProductTest, mark: Mark) -> None:
        dataset = next((item for name, item in self._datasets.items() if name == test.subject), None)
        landed = [str(name) for name, item in self._datasets.items() if item.landing is not None]
        if dataset is None or dataset.landing is None:
            builder = next(
                (str(n) for n, t in self._transformations.items() if t.output.dataset == test.subject), None
            )
            message = f"no landed dataset '{test.subject}'"
            remedy = (
                nearest_remedy(test.subject, landed)
                if builder is None
                else f"write transformation: {builder}"
            )
            self._report(mark, ("dataset",), "LF1042", message, remedy)
            return
        for number, batch in enumerate(test.batches):
            self._check_files(batch, dataset, _place_of(mark, number))

    def _check_files(self, batch: Batch, dataset: Dataset, mark: Mark) -> None:
        lands_as = self._formats.get(dataset.source or "")
        # A row may have what is kept, added or passed over; a CSV file of rows has the declared columns.
        drifts = lands_as is FileFormat.JSON and dataset.schema_drift in _DRIFTING
        frame = Frame.declared(dataset.columns) if dataset.columns and not drifts else None
        for name, rows in batch.given.items():
            if name != dataset.name:
                message = f"the files of '{dataset.name}' are all that its node reads, not '{name}'"
                self._report(mark, ("given", name), "LF1042", message, f"write {dataset.name}")
            elif not isinstance(rows, str):
                self._check_columns(rows, frame, mark, ("given", name))
            elif lands_as in _NO_TEXT:
                message = f"'{name}' lands as {lands_as}, which is no text"
                self._report(mark, ("given", name), "LF1021", message, "start each row with '- {'")
        self._check_expected(batch.expect, dataset, mark)

    def _check_expected(self, expect: Expectation | None, dataset: Dataset, mark: Mark) -> None:
        if expect is None:
            return
        self._check_columns(
            expect.rows or (),
            self._frames.get(dataset.name),
            mark,
            ("expect", "rows"),
            also=("_warnings", "_corrections"),
        )
        names = [
            rule.name
            for rule in dataset.quality
            if rule.severity is not Severity.WARN and rule.check not in TABLE_CHECKS
        ]
        built_in = _built_in_rules(dataset, self._frames.get(dataset.name))
        names += built_in or ()
        for number, refused in enumerate(expect.refused):
            for index, name in enumerate(refused.rules):
                # A cast may be of a column that a later step drops.
                is_of_step = name.startswith("cast:") or (
                    built_in is None and name.startswith(_BUILT_IN_OF_COLUMN)
                )
                if name in names or name in _BUILT_IN or is_of_step:
                    continue
                message = f"no rule '{name}' refuses rows of '{dataset.name}'"
                at = ("expect", "refused", number, "rules", index)
                self._report(mark, at, "LF1042", message, nearest_remedy(name, names))
        gates = [rule.name for rule in dataset.quality if rule.severity is Severity.FAIL or rule.has_limit]
        gates += ["max_quarantined_share"] * (dataset.max_quarantined_share is not None)
        for index, name in enumerate(expect.stopped_by):
            if name not in gates:
                message = f"'{dataset.name}' has no rule '{name}' of severity fail or with a limit"
                self._report(
                    mark, ("expect", "stopped_by", index), "LF1042", message, nearest_remedy(name, gates)
                )

    def _check_columns(
        self,
        rows: Sequence[Row],
        frame: Frame | None,
        mark: Mark,
        at: Location,
        *,
        also: tuple[str, ...] = (),
    ) -> None:
        for number, row in enumerate(rows):
            for name in row:
                if frame is not None and name not in frame and name not in also:
                    remedy = nearest_remedy(name, frame)
                    self._report(mark, (*at, number, name), "LF1051", f"unknown column '{name}'", remedy)

    def _report(self, mark: Mark, at: Location, code: str, message: str, remedy: str) -> None:
        place = mark.at(at)
        self._faults.append(Fault(place.path, place.line, code, message, remedy))
