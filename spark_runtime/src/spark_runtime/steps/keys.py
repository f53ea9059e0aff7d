"""Steps that hash keys: surrogate_key, and sample, which chooses rows by the hash of theirs."""

from typing import Any

from spark_runtime.errors import StepRefused
from spark_runtime.frame import Frame
from spark_runtime.key_text import key_text
from spark_runtime.sql import text_literal
from spark_runtime.steps.columns import refuse_taken
from spark_runtime.steps.context import StepContext
from spark_runtime.steps.values import with_values

_HEX_DIGITS = 15


def surrogate_key(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Add the SHA-256 of some columns as 64 hexadecimal digits: the same key for the same values, always.

    Raises:
        StepRefused: A column is not there or has a type without a portable text, or the new name is taken.
    """
    refuse_taken([config["name"]], frame.columns, context)
    return with_values(frame, {config["name"]: f"sha2({_key(frame, config['columns'], context)}, 256)"})


def sample(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Keep about ``percent`` of the keys with all their rows; the same ones on every engine and in every run.

    Raises:
        StepRefused: A column is not there or has a type without a portable text.
    """
    key = _key(frame, config["keys"], context)
    if config["percent"] >= 100:
        return frame
    # Hashes are spread evenly, and as hexadecimal digits they are ordered like the numbers they stand for.
    limit = f"{int(16**_HEX_DIGITS * config['percent'] / 100):0{_HEX_DIGITS}x}"
    seeded = f"concat({text_literal(str(config.get('seed', 0)) + '/')}, {key})"
    return Frame(frame.df.where(f"sha2({seeded}, 256) < {text_literal(limit)}"), frame.columns)


def _key(frame: Frame, names: list[str], context: StepContext) -> str:
    types = frame.types()
    columns = [frame.find(name, where=context.where) for name in names]
    try:
        return key_text([(name, types[name]) for name in columns])
    except ValueError as error:
        raise StepRefused(f"{context.where}: {error}") from error
