"""Checks of a product's tests against the product that they are about."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from landfall.spec.column_types import part_paths
from landfall.spec.columns import follow_columns
from landfall.spec.faults import Fault, nearest_remedy
from landfall.spec.frames import Frame
from landfall.spec.model import (
    TABLE_CHECKS,
    Dataset,
    FileFormat,
    Product,
    SchemaDrift,
    Severity,
    Source,
    Transformation,
)
from landfall.spec.product_test_documents import place_of
from landfall.spec.product_test_model import Batch, Expectation, GivenFile, ProductTest, Row
from landfall.spec.references import reads_of
from landfall.spec.yaml_source import Location, Mark

TESTS_FOLDER = "tests"
LOG_FOLDER = "_delta_log"

# Rules that the runtime brings along; those with a column behind them are written `type:amount`, `type:items[].price`
# for a part of a nested one.
_BUILT_IN = ("readable_row",)
_BUILT_IN_OF_COLUMN = ("type:", "not_null:", "cast:")

_DRIFTING = (SchemaDrift.RESCUE, SchemaDrift.EVOLVE, SchemaDrift.DISCARD)
_NO_TEXT = (FileFormat.PARQUET, FileFormat.ORC, FileFormat.AVRO, FileFormat.EXCEL, FileFormat.DELTA)


def _names_columns(source: Source) -> bool:
    is_named = source.options.get("header", True) and source.options.get("match", "name") == "name"
    return bool(is_named) and source.format is not FileFormat.FIXED


def _built_in_rules(dataset: Dataset, frame: Frame | None) -> list[str] | None:
    """Return the rules on types and missing values that may refuse rows, ``None`` where not all columns are known."""
    if frame is None or dataset.schema_drift is SchemaDrift.EVOLVE:
        return None
    paths = [path for name in frame for path in part_paths(name, frame.type_of(name) or "")]
    return [f"type:{path}" for path in paths] + [f"not_null:{name}" for name in frame]


class ProductTestChecks:
    """Checks tests against the product they are about.

    Args:
        folder: Where files stand that tests name; none outside of it is read.
        faults: Gets what is found.
    """

    def __init__(self, product: Product, folder: Path, faults: list[Fault]) -> None:
        self._folder = folder
        self._faults = faults
        self._datasets = {dataset.name: dataset for dataset in product.datasets}
        self._transformations = {item.name: item for item in product.transformations}
        self._reads = reads_of(product)
        self._sources = {source.name: source for source in product.sources}
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
                    self._check_transformed(batch, number, transformation, place_of(mark, number))
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
            elif isinstance(rows, str | GivenFile):
                message = f"'{name}' is a table here, so it is given as rows"
                self._report(mark, ("given", name), "LF1021", message, "start each row with '- {'")
            else:
                frame = self._frames.get(name) if own[name] else None
                self._check_columns(rows, frame, mark, ("given", name))
        self._check_expected(batch.expect, output, mark)
        if batch.expect is not None and batch.expect.rejected:
            message = f"'{subject.name}' reads no files that could be rejected"
            self._report(mark, ("expect", "rejected"), "LF1030", message, "remove rejected:")

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
            self._check_files(batch, dataset, place_of(mark, number))

    def _check_files(self, batch: Batch, dataset: Dataset, mark: Mark) -> None:
        source = self._sources.get(dataset.source or "")
        lands_as = source.format if source is not None else None
        # A row may have what is kept, added or passed over, where the file says what its columns are called.
        drifts = dataset.schema_drift in _DRIFTING and source is not None and _names_columns(source)
        frame = Frame.declared(dataset.columns) if dataset.columns and not drifts else None
        for name, given in batch.given.items():
            if name != dataset.name:
                message = f"the files of '{dataset.name}' are all that its node reads, not '{name}'"
                self._report(mark, ("given", name), "LF1042", message, f"write {dataset.name}")
            elif isinstance(given, GivenFile):
                self._check_file(given, lands_as, mark.at(("given", name)))
            elif not isinstance(given, str):
                self._check_columns(given, frame, mark, ("given", name))
            elif lands_as in _NO_TEXT:
                message = f"'{name}' lands as {lands_as}, which is no text"
                remedy = "start each row with '- {', or write {file: <path below tests/>}"
                self._report(mark, ("given", name), "LF1021", message, remedy)
        self._check_expected(batch.expect, dataset, mark)

    def _check_file(self, given: GivenFile, lands_as: FileFormat | None, mark: Mark) -> None:
        """Report a file that is not there, or is none of the product's own tests: anybody may send a pull request."""
        remedy = f"put it below {TESTS_FOLDER}/ of the product, and write its path from there"
        shown = (
            given.path.relative_to(self._folder) if given.path.is_relative_to(self._folder) else given.path
        )
        try:
            folder, path = self._folder.resolve(), given.path.resolve()
            is_there = (path / LOG_FOLDER).is_dir() if lands_as is FileFormat.DELTA else path.is_file()
        except (OSError, ValueError) as error:
            self._report(mark, ("file",), "LF1021", f"'{shown!s:.100}' is no path ({error})", remedy)
            return
        if not path.is_relative_to(folder) or path == folder:
            self._report(mark, ("file",), "LF1030", f"'{shown}' lies outside of {TESTS_FOLDER}/", remedy)
        elif not is_there:
            kind = (
                f"folder of a Delta table (with a {LOG_FOLDER})" if lands_as is FileFormat.DELTA else "file"
            )
            self._report(mark, ("file",), "LF1042", f"no {kind} '{shown}'", remedy)

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
            if isinstance(refused.row, Mapping):
                self._check_refused_names(refused.row, dataset, mark, ("expect", "refused", number, "row"))
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

    def _check_refused_names(self, row: Row, dataset: Dataset, mark: Mark, at: Location) -> None:
        """Report columns that are called as files call them; rows in quarantine have the names of the dataset."""
        own = {column.name.casefold() for column in dataset.columns}
        called = {column.source_name: column.name for column in dataset.columns if column.source_name}
        for name in row:
            if name in called and name.casefold() not in own:
                message = f"'{name}' is what files call the column '{called[name]}'"
                self._report(mark, (*at, name), "LF1051", message, f"write {called[name]}, here too")

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
