"""The host's log lines."""

import io
import logging
from collections.abc import Iterator

import pytest

from landfall.local.functions_host import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    log.configure(stream=written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_event_is_one_line_of_fields(stream: io.StringIO) -> None:
    log.event("activity_completed", function="f", ms=1.5, reason=None, names=["a b"], text='two\nlines "q"')

    (line,) = stream.getvalue().splitlines()
    assert line.split(" ", 1)[1] == (
        'INFO activity_completed function=f ms=1.5 names=["a b"] text="two\\nlines \\"q\\""'
    )


def test_a_line_of_the_app_carries_function_and_instance(stream: io.StringIO) -> None:
    with log.invocation("f", "i-1"):
        logging.getLogger("app").warning("watch %s", "out")

    assert 'WARNING log logger=app function=f instance=i-1 message="watch out"' in stream.getvalue()


def test_a_failure_has_its_traceback_on_the_same_line(stream: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        log.failure("function_raised", error, function="f")

    (line,) = stream.getvalue().splitlines()
    assert "ERROR function_raised function=f" in line
    assert "ValueError: broken" in line
