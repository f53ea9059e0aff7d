"""Parquet and ORC: bytes of one file in, columns of text out, so that types are given in one place for all formats."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_runtime.readers.records import (
    Match,
    Parsed,
    RefusedRecord,
    TextArray,
    UnreadableFile,
    Wanted,
    as_text,
    json_objects,
    match_columns,
)
from spark_runtime.readers.struct_fields import match_fields, shape_of_arrow
from spark_runtime.readers.type_tree import Part
from spark_runtime.readers.typed_texts import NoText, plain
from spark_runtime.readers.typed_values import PLAIN_SCALE, tells_its_text, typed_values

BATCH_ROWS = 64 << 10
# What writers mark columns with whose names may change: the names in the file are then not those of the table.
_FIELD_ID = b"PARQUET:field_id"


def read_columnar(
    content: pa.Buffer,
    kind: str,
    wanted: Wanted,
    declared: Sequence[Part],
    partition: Sequence[tuple[str, str | None]] = (),
    typed: Sequence[tuple[int, str]] = (),
) -> Iterator[Parsed]:
    """Yield the rows of one file; columns are matched by name, whatever their case.

    Args:
        declared: Type of each wanted column.
        typed: Number and type of the declared columns whose values may come as they are.
        kind: ``parquet``, ``orc``, or ``delta`` for a Parquet file of such a table.
        partition: Name and text of columns that all rows of the file have beside what is in it.

    Raises:
        UnreadableFile: The file is cut off or damaged, holds a type that has no text, has its columns under names that
            only the log of its table explains, or bytes in that log.
    """
    label = "ORC" if kind == "orc" else "Parquet"
    try:
        schema, batches = _opened(content, kind)
        if kind == "delta" and any(_FIELD_ID in (field.metadata or {}) for field in schema):
            raise UnreadableFile("its columns are mapped to other names; land a table without column mapping")
        match = match_columns([*schema.names, *(name for name, _ in partition)], wanted)
        shapes = [shape_of_arrow(found) for found in [*schema.types, *(pa.string() for _ in partition)]]
        nested = {at: part for at, part in enumerate(declared) if part.base in ("array", "map", "struct")}
        match = match_fields(match, shapes, nested, wanted)
        binary = {
            at for own, at in enumerate(match.positions) if at is not None and declared[own].base == "binary"
        }
        _refuse_bytes_in_the_log(partition, binary, len(schema.names))
        number = 1
        for batch in batches:
            plain_batch = _with_partition(_with_plain_types(batch, binary), partition)
            yield _parsed(plain_batch, match, number, declared, dict(typed))
            number += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"not a complete {label} file ({error}); land the file again") from error


def columns_of(content: pa.Buffer, kind: str) -> list[tuple[str, str]]:
    """Return name and Spark SQL type of each column of a file, as far as the type has a simple one.

    Raises:
        UnreadableFile: The file is cut off or damaged.
    """
    try:
        schema, _ = _opened(content, kind)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(str(error)) from error
    return [(field.name, spark_type(field.type)) for field in schema]


def spark_type(kind: Any) -> str:
    """Return the Spark SQL type for an Arrow type; ``string`` for what has no simple one."""
    simple = (
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_int8, "tinyint"),
        (pa.types.is_int16, "smallint"),
        (pa.types.is_int32, "int"),
        (pa.types.is_uint8, "smallint"),
        (pa.types.is_uint16, "int"),
        (pa.types.is_uint32, "bigint"),
        (pa.types.is_int64, "bigint"),
        (pa.types.is_float32, "float"),
        (pa.types.is_floating, "double"),
        (pa.types.is_date, "date"),
    )
    for test, name in simple:
        if test(kind):
            return name
    if pa.types.is_decimal(kind) and kind.precision <= 38:
        return f"decimal({kind.precision},{max(kind.scale, 0)})"
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz else "timestamp_ntz"
    return "string"


def _opened(content: pa.Buffer, kind: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    source = pa.BufferReader(content)
    if kind != "orc":
        # Spark writes instants as INT96, which pyarrow takes for nanoseconds: those run from 1677 to 2262 and wrap
        # around beyond.
        parquet = pq.ParquetFile(source, coerce_int96_timestamp_unit="us")
        return parquet.schema_arrow, parquet.iter_batches(BATCH_ROWS)
    try:
        from pyarrow import orc
    except ImportError as error:
        raise UnreadableFile("the engine's pyarrow was built without ORC; land Parquet instead") from error
    file = orc.ORCFile(source)
    return file.schema, _stripes(file)


def _stripes(file: Any) -> Iterator[pa.RecordBatch]:
    for number in range(file.nstripes):
        stripe = file.read_stripe(number)
        for start in range(0, stripe.num_rows, BATCH_ROWS):
            yield stripe.slice(start, BATCH_ROWS)


def _refuse_bytes_in_the_log(
    partition: Sequence[tuple[str, str | None]], binary: Collection[int], first: int
) -> None:
    """Refuse bytes that stand in the log of a table as text, which writers make of them in different ways.

    Args:
        binary: Numbers of the columns that are declared as binary; ``first`` is that of the first partition column.
    """
    for at, (name, text) in enumerate(partition, first):
        if at in binary and text is not None:
            raise UnreadableFile(
                f"column '{name}' is binary, and the table is partitioned by it: bytes have no one text in a log; "
                "declare it as string, or land a table that is partitioned by other columns"
            )


def _with_plain_types(batch: pa.RecordBatch, binary: Collection[int]) -> pa.RecordBatch:
    """Return a batch whose columns are of types that everything here knows: a UUID is its text.

    Args:
        binary: Numbers of the columns that are declared as binary, where a UUID is its bytes.
    """
    arrays: list[Any] = []
    columns: list[Any] = batch.columns
    for at, values in enumerate(columns):
        kind = values.type
        if isinstance(kind, pa.BaseExtensionType):
            is_text = kind.extension_name == "arrow.uuid" and at not in binary
            values = _spelt(values) if is_text else values.storage
        elif str(kind) == "binary_view":
            # No function takes rows out of it.
            values = pc.cast(values, pa.binary())
        arrays.append(values)
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _spelt(values: Any) -> TextArray:
    return pa.array([None if item is None else str(item) for item in values.to_pylist()], pa.string())


def _with_partition(batch: pa.RecordBatch, partition: Sequence[tuple[str, str | None]]) -> pa.RecordBatch:
    arrays: list[Any] = list(batch.columns)
    arrays += [pa.repeat(pa.scalar(text, pa.string()), batch.num_rows) for _, text in partition]
    names = [*batch.schema.names, *(name for name, _ in partition)]
    return pa.RecordBatch.from_arrays(arrays, names=names) if partition else batch


def _parsed(
    batch: pa.RecordBatch, match: Match, number: int, declared: Sequence[Part], kinds: Mapping[int, str]
) -> Parsed:
    if match.fault:
        rows = _as_objects(batch)
        return Parsed((), tuple(RefusedRecord(row, match.fault, number + at) for at, row in enumerate(rows)))
    no_text: dict[int, str] = {}
    for own, at in enumerate(match.positions):
        if at is not None:
            no_text |= dict.fromkeys(
                _rows_without_text(batch.column(at), declared[own]), batch.schema.names[at]
            )
    refused = _without_text(batch, no_text, number) if no_text else ()
    lines = pa.array(range(number, number + batch.num_rows), pa.int64())
    if no_text:
        kept = pa.array([row not in no_text for row in range(batch.num_rows)], pa.bool_())
        batch, lines = batch.filter(kept), lines.filter(kept)
    texts: list[TextArray] = []
    typed: dict[int, TextArray] = {}
    for own, at in enumerate(match.positions):
        values = None if at is None else batch.column(at)
        found = typed_values(values, kinds[own]) if values is not None and own in kinds else None
        if found is not None:
            typed[own] = found
        needs_text = values is not None and (found is None or not tells_its_text(values, kinds[own]))
        texts.append(as_texts(values, declared[own]) if needs_text else pa.nulls(batch.num_rows, pa.string()))
    extra = None
    if match.extra:
        further = [as_texts(batch.column(at)).to_pylist() for _, at in match.extra]
        extra = pa.array(json_objects([name for name, _ in match.extra], further), pa.string())
    return Parsed(tuple(texts), refused, lines, extra, typed)


def _as_objects(batch: pa.RecordBatch) -> list[str]:
    return json_objects(batch.schema.names, [as_texts(column).to_pylist() for column in batch.columns])


def _without_text(
    batch: pa.RecordBatch, columns: Mapping[int, str], number: int
) -> tuple[RefusedRecord, ...]:
    rows = sorted(columns)
    found = zip(rows, _as_objects(batch.take(pa.array(rows))), strict=True)
    fault = "column '{}' holds bytes that are not UTF-8 text; declare it as binary"
    return tuple(RefusedRecord(text, fault.format(columns[row]), number + row) for row, text in found)


def _rows_without_text(values: Any, part: Part) -> Iterator[int]:
    """Yield the rows of a column that hold bytes which are no text where no binary type is declared."""
    if not _holds_binary(values.type) or part.base == "binary":
        return
    for row, value in enumerate(_as_objects_of(values)):
        try:
            plain(value, part)
        except NoText:
            yield row


def _holds_binary(kind: Any) -> bool:
    if pa.types.is_nested(kind):
        return any(_holds_binary(kind.field(at).type) for at in range(kind.num_fields))
    if pa.types.is_dictionary(kind):
        return _holds_binary(kind.value_type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def as_texts(values: Any, part: Part | None = None) -> TextArray:
    """Return an Arrow array as text: numbers and moments as both engines read them, nested values as JSON.

    Args:
        part: The declared type; ``None`` for what is kept as it comes.

    Raises:
        NoText: See there.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_texts(values.dictionary_decode(), part)
    is_binary = _holds_binary(kind) or (part is not None and part.base == "binary")
    if pa.types.is_nested(kind) or is_binary:
        texts = [as_text(plain(item, part)) for item in _as_objects_of(values)]
        return pa.array(texts, pa.string())
    if pa.types.is_timestamp(kind):
        # Microseconds are what Spark holds; a zone becomes a trailing Z, which both engines read. Nanoseconds are cut,
        # seconds that do not fit are an error.
        values = pc.cast(values, pa.timestamp("us", kind.tz and "UTC"), safe=kind.unit != "ns")
    cast: TextArray = pc.cast(values, pa.string())
    if pa.types.is_decimal(kind) and kind.scale > PLAIN_SCALE:
        # Small values, and every zero, come with an exponent, which no decimal of a text file may have.
        texts = cast.to_pylist()
        if any(text is not None and "E" in text for text in texts):
            return pa.array([text and f"{Decimal(text):f}" for text in texts], pa.string())
    return cast


def _as_objects_of(values: Any) -> list[Any]:
    """Return the values of an array for Python, their moments as texts: it has not all years and no nanoseconds."""
    # Nanoseconds are cut, seconds that do not fit are an error.
    for change, safe in ((_without_nanoseconds, False), (_in_microseconds, True), (_as_words, True)):
        values = pc.cast(values, _leaves_changed(values.type, change), safe=safe)
    objects: list[Any] = values.to_pylist()
    return objects


def _without_nanoseconds(kind: Any) -> Any:
    return _in_microseconds(kind) if pa.types.is_timestamp(kind) and kind.unit == "ns" else kind


def _in_microseconds(kind: Any) -> Any:
    return pa.timestamp("us", kind.tz and "UTC") if pa.types.is_timestamp(kind) else kind


def _as_words(kind: Any) -> Any:
    return pa.string() if pa.types.is_timestamp(kind) or pa.types.is_date(kind) else kind


def _leaves_changed(kind: Any, change: Callable[[Any], Any]) -> Any:
    if pa.types.is_struct(kind):
        fields = (kind.field(at) for at in range(kind.num_fields))
        return pa.struct([pa.field(field.name, _leaves_changed(field.type, change)) for field in fields])
    if pa.types.is_map(kind):
        return pa.map_(_leaves_changed(kind.key_type, change), _leaves_changed(kind.item_type, change))
    if pa.types.is_nested(kind) and kind.num_fields == 1 and hasattr(kind, "value_type"):
        # Lists of any kind, such as those of fixed size.
        return pa.list_(_leaves_changed(kind.value_type, change))
    return change(kind)
