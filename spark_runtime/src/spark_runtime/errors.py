"""What the runtime finds wrong in a job: each fault has a code, and a kind that says whom it concerns."""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar


class FaultKind(StrEnum):
    """Who has to act. Conflict, storage and engine may pass by themselves; the others need a change first."""

    DEFINITION = "definition"
    DATA = "data"
    QUALITY_GATE = "quality_gate"
    CONFLICT = "conflict"
    STORAGE = "storage"
    ENGINE = "engine"


class RuntimeFault(Exception):
    """A fault that the runtime expects; its message says what, where and what to do next."""

    code: ClassVar[str] = "LF4500"
    kind: ClassVar[FaultKind] = FaultKind.ENGINE


class InvalidNodeSpec(RuntimeFault):
    """The node spec is not what this runtime understands; all faults are listed."""

    code = "LF4501"
    kind = FaultKind.DEFINITION


class MissingTable(RuntimeFault):
    """An input of the node is not a Delta table, or no longer has the version that the run is to read."""

    code = "LF4502"
    kind = FaultKind.DEFINITION

    def __init__(self, name: str, uri: str, version: int | None = None) -> None:
        missing = f"there is no Delta table at {uri}"
        if version is not None:
            missing = (
                f"version {version} of the Delta table at {uri} cannot be read any more: the table was deleted or made "
                "anew, or its old versions were cleaned up"
            )
        super().__init__(f"input '{name}': {missing}. Run the node that builds it, then this one.")
        self.name = name
        self.uri = uri


class MissingDataFile(RuntimeFault):
    """A data file that an input's version consists of is not there any more: VACUUM or somebody took it away."""

    code = "LF4509"
    kind = FaultKind.DEFINITION

    def __init__(self, name: str, uri: str, version: int | None, file: str) -> None:
        of = "the newest version" if version is None else f"version {version}"
        super().__init__(
            f"input '{name}': {of} of the Delta table at {uri} needs the file {file}, which is not there any more: "
            "VACUUM removes files that newer versions do not need, or somebody deleted it. Start a new run, which "
            "reads the newest version; if that needs the file as well, build the table anew, or RESTORE a version that "
            "is whole. Keep files for longer than a run may take and be repeated."
        )
        self.name = name
        self.uri = uri
        self.file = file


class StepRefused(RuntimeFault):
    """A step cannot be applied to the columns it meets."""

    code = "LF4503"
    kind = FaultKind.DEFINITION


class ColumnMismatch(RuntimeFault):
    """The columns to be written are not the columns of the table, or not the declared ones."""

    code = "LF4504"
    kind = FaultKind.DEFINITION


class UnsupportedOption(RuntimeFault):
    """A reader option has a value that no engine can honour in the same way."""

    code = "LF4505"
    kind = FaultKind.DEFINITION


class RuleRefused(RuntimeFault):
    """A quality rule cannot be tested on the columns it meets."""

    code = "LF4506"
    kind = FaultKind.DEFINITION


class FilesMissing(RuntimeFault):
    """Files that the spec lists were not there to be read."""

    code = "LF4511"
    kind = FaultKind.DATA

    def __init__(self, uris: tuple[str, ...]) -> None:
        shown = ", ".join(uris[:5]) + (f" and {len(uris) - 5} more" if len(uris) > 5 else "")
        super().__init__(
            f"{len(uris)} of the listed files could not be read: {shown}. "
            "They were landed and are gone; land them again."
        )
        self.uris = uris


class AllFilesRejected(RuntimeFault):
    """Not one of the listed files could be read."""

    code = "LF4512"
    kind = FaultKind.DATA


class RepeatedMergeKeys(RuntimeFault):
    """Rows to be merged share a key, so that which of them wins would be chance."""

    code = "LF4513"
    kind = FaultKind.DATA


class FileTooLarge(RuntimeFault):
    """A file has more bytes than one value of an engine can hold."""

    code = "LF4514"
    kind = FaultKind.DATA

    def __init__(self, uri: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"{uri} has {size_bytes} bytes; this one is read whole, and {limit_bytes} is the most an engine holds in "
            "one value. Land it compressed or in parts; of any size are CSV without escape, JSON lines and text of "
            "fixed width in UTF-8 that is not compressed, which are read in blocks."
        )
        self.uri = uri
        self.size_bytes = size_bytes


class RepeatedKeys(RuntimeFault):
    """An input that must have one row per key has several, so that joining it would multiply rows."""

    code = "LF4515"
    kind = FaultKind.DATA


class TooManyPartitions(RuntimeFault):
    """The rows are of more partitions than one write replaces."""

    code = "LF4516"
    kind = FaultKind.DATA

    def __init__(self, name: str, columns: tuple[str, ...], limit: int) -> None:
        super().__init__(
            f"{name}: the rows have more than {limit} different values of {', '.join(columns)}, and each is a "
            "partition to be replaced. Partition by something coarser, or write with mode merge."
        )


class UnsupportedPartition(RuntimeFault):
    """A column cannot tell partitions apart in the same way on every engine."""

    code = "LF4507"
    kind = FaultKind.DEFINITION

    def __init__(self, name: str, column: str, kind: str) -> None:
        super().__init__(
            f"{name}: '{column}' is {kind}; partitions are told apart by text, whole numbers, dates or booleans. "
            "Derive a column such as a date from it."
        )


class UnknownQuarantineLayout(RuntimeFault):
    """The quarantine table of a dataset was written by another version, with other columns."""

    code = "LF4508"
    kind = FaultKind.DEFINITION

    def __init__(self, uri: str, lacking: Sequence[str], surplus: Sequence[str]) -> None:
        differs = [f"lacks {', '.join(lacking)}"] if lacking else []
        differs += [f"has {', '.join(surplus)} besides"] if surplus else []
        super().__init__(
            f"the quarantine table at {uri} was written by another version of Landfall: it {' and '.join(differs)}. "
            "Nothing was published. On a laptop start afresh: `landfall down`, then delete the folder .landfall. "
            "Elsewhere copy what you still need of its rows, delete the folder of the table, and rerun from failed; "
            "`landfall files replay` has files judged again whose refused rows went with it."
        )
        self.uri = uri


class SchemaDrifted(RuntimeFault):
    """A file has other columns than the declared ones, and its dataset freezes them."""

    code = "LF4517"
    kind = FaultKind.DATA

    def __init__(self, uri: str, fault: str) -> None:
        super().__init__(
            f"{uri}: {fault}, and the columns of this dataset are frozen. Nothing was published; declare the columns "
            "as the files have them, or another schema_drift, and land the file again."
        )
        self.uri = uri


class QualityGateClosed(RuntimeFault):
    """A rule of severity ``fail`` refused rows; nothing is published."""

    code = "LF4521"
    kind = FaultKind.QUALITY_GATE


class TooManyRefused(RuntimeFault):
    """More rows were refused than the dataset or one of its rules allows; nothing is published."""

    code = "LF4522"
    kind = FaultKind.QUALITY_GATE


class ContractBroken(RuntimeFault):
    """The table would lack what a port promises of its columns; nothing is published."""

    code = "LF4523"
    kind = FaultKind.QUALITY_GATE


class RowsUnaccounted(RuntimeFault):
    """The rows that were read are not the rows that were published and quarantined."""

    code = "LF4531"
    kind = FaultKind.ENGINE


class CommitConflict(RuntimeFault):
    """Other writers of the table won every time."""

    code = "LF4541"
    kind = FaultKind.CONFLICT
