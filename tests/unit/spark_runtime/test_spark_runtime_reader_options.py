"""Options that the runtime refuses when a spec comes with them, whoever made it."""

from typing import Any

import pytest

from spark_runtime.errors import UnsupportedOption
from spark_runtime.input_spec import FileFormat, FilesInput
from spark_runtime.reader_options import read_options


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"delimiter": '"'}, "must be different characters"),
        ({"comment": ","}, "must be different characters"),
        ({"delimiter": "\n"}, "ends no line"),
        ({"escape": "\\", "null_value": "\\N"}, "holds the escape character"),
        ({"thousands": "-"}, "thousands is a sign"),
        ({"encoding": "base64"}, "encoding 'base64' is not known"),
    ],
)
def test_options_by_which_a_file_could_be_read_in_two_ways_are_refused(
    options: dict[str, Any], fault: str
) -> None:
    source = FilesInput("orders", FileFormat.CSV, options, files=(), columns=())

    with pytest.raises(UnsupportedOption, match=fault):
        read_options(source)
