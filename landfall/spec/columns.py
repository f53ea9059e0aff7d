"""The columns of every dataset of a product, followed from the landed files through every step."""

from collections.abc import Callable, Mapping

from landfall.spec.faults import nearest_remedy, shown
from landfall.spec.frames import Frame
from landfall.spec.landing_patterns import captured_types
from landfall.spec.load_checks import check_load
from landfall.spec.model import (
    Dataset,
    DatasetName,
    DatasetRef,
    Product,
    Transformation,
)
from landfall.spec.order import in_order
from landfall.spec.rule_columns import check_rule
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path
from landfall.spec.step_columns import frame_after
from landfall.spec.write_checks import check_write, frame_of_table

# Called with the place of a problem, as keys and indexes into the product.
ReportAt = Callable[[Path, SqlProblem], None]
ForeignFrames = Mapping[str, Frame | None]


def follow_columns(
    product: Product, foreign: ForeignFrames, report: ReportAt
) -> dict[DatasetName, Frame | None]:
    """Return the columns of each dataset, ``None`` where they cannot be told, and check all that reads them.

    Args:
        product: The product. Its references need not be right: what leads nowhere is unknown and not checked.
        foreign: Columns of the ports of other products by ``str(DatasetRef)``; absent where not known.
        report: Takes what is wrong. A step stands at ``("transformations", i, "steps", j)``, followed by the
            place in its configuration.
    """
    declared: dict[DatasetName, Dataset] = {}
    frames: dict[DatasetName, Frame | None] = {}
    # What rules of built datasets see: the rows before the write adds its columns.
    tested: dict[DatasetName, Frame | None] = {}
    # Of two with one name the first counts; that there are two is for other checks to say.
    for dataset in product.datasets:
        declared.setdefault(dataset.name, dataset)
        if dataset.columns:
            columns = Frame.declared(dataset.columns, has_load_columns=dataset.landing is not None)
            frames.setdefault(dataset.name, columns.with_columns(captured_types(dataset.landing or "")))
    indexes = {transformation.name: index for index, transformation in enumerate(product.transformations)}
    for transformation in in_order(product.transformations):
        at: Path = ("transformations", indexes[transformation.name])
        yielded = _frame_of_steps(transformation, frames, foreign, at, report)
        first = _input_frame(transformation.inputs[0], frames, foreign)
        check_load(product, transformation, first, _relative(report, at))
        output = transformation.output
        if output.dataset not in frames:
            tested[output.dataset] = yielded
        elif output.dataset in declared and declared[output.dataset].landing is None and yielded is not None:
            _check_declared(declared[output.dataset], yielded, product, report)
        if output.dataset in declared and declared[output.dataset].landing is not None:
            continue
        written = tested.setdefault(output.dataset, frames.get(output.dataset))
        check_write(output.write, written, _relative(report, (*at, "output", "write")))
        frames[output.dataset] = frame_of_table(output.write, written)
    for index, dataset in enumerate(product.datasets):
        for number, rule in enumerate(dataset.quality):
            at = ("datasets", index, "quality", number)
            frame = tested.get(dataset.name, frames.get(dataset.name))
            referenced = None if rule.references is None else frames.get(rule.references)
            check_rule(rule, frame, referenced, _relative(report, at))
    return {dataset.name: frames.get(dataset.name) for dataset in product.datasets}


def _frame_of_steps(
    transformation: Transformation,
    frames: Mapping[DatasetName, Frame | None],
    foreign: ForeignFrames,
    at: Path,
    report: ReportAt,
) -> Frame | None:
    inputs = {str(ref.dataset): _input_frame(ref, frames, foreign) for ref in transformation.inputs}
    frame = _input_frame(transformation.inputs[0], frames, foreign)
    for number, step in enumerate(transformation.steps):
        frame = frame_after(step, frame, inputs, _relative(report, (*at, "steps", number, step.type.value)))
    return frame


def _input_frame(
    ref: DatasetRef, frames: Mapping[DatasetName, Frame | None], foreign: ForeignFrames
) -> Frame | None:
    return frames.get(ref.dataset) if ref.product is None else foreign.get(str(ref))


def _check_declared(dataset: Dataset, yielded: Frame, product: Product, report: ReportAt) -> None:
    """Report where the declared columns of a built dataset are not those its steps yield."""
    at: Path = ("datasets", product.datasets.index(dataset), "columns")
    for number, column in enumerate(dataset.columns):
        if column.name not in yielded:
            message = (
                f"'{dataset.name}' declares column '{column.name}', which its transformation does not yield"
            )
            report((*at, number), SqlProblem("LF1051", message, nearest_remedy(column.name, yielded)))
    declared = Frame.declared(dataset.columns)
    unlisted = [name for name in yielded if name not in declared]
    if dataset.columns and unlisted:
        message = (
            f"columns: of '{dataset.name}' does not list what its transformation yields: {shown(unlisted)}"
        )
        report(at, SqlProblem("LF1051", message, "list it, or drop it in the last step"))


def _relative(report: ReportAt, at: Path) -> ReportAt:
    """Return a report whose places count from ``at``."""
    return lambda path, problem: report((*at, *path), problem)
