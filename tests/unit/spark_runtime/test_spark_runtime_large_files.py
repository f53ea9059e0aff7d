"""A file that cannot be held is refused before an engine is asked for a byte of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from spark_runtime.column_spec import Column
from spark_runtime.errors import FileTooLarge
from spark_runtime.input_spec import FileFormat, FilesInput, LandedFile
from spark_runtime.job import Findings, Job
from spark_runtime.landed_files import MAX_FILE_BYTES, read_landed_files
from spark_runtime.portable.dialect import Dialect

NO_ENGINE: Any = None


def an_input(size_bytes: int, file_format: FileFormat, **options: str) -> FilesInput:
    file = LandedFile("abfss://landing@lake/orders.dat", "e1", size_bytes)
    return FilesInput("orders", file_format, options, (file,), (Column("id", "int", nullable=True),))


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        (FileFormat.XML, {"row_tag": "order"}),
        (FileFormat.CSV, {"encoding": "latin-1"}),
        (FileFormat.PARQUET, {}),
    ],
    ids=["xml", "encoding", "parquet"],
)
def test_a_file_read_whole_has_a_most_it_may_hold(file_format: FileFormat, options: dict[str, str]) -> None:
    job = Job(
        NO_ENGINE,
        NO_ENGINE,
        "t",
        datetime(2026, 1, 1, tzinfo=UTC),
        NO_ENGINE,
        NO_ENGINE,
        Dialect(),
        Findings(),
    )

    with pytest.raises(
        FileTooLarge, match=r"orders\.dat has 2147483648 bytes; this one is read whole"
    ) as told:
        read_landed_files(job, an_input(MAX_FILE_BYTES + 1, file_format, **options))

    assert "read in blocks" in str(told.value)
