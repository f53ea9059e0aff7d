"""Large plain texts in blocks: found before they are read, so that no task holds a file whole.

Spark's own reader of lines cuts a file where it likes and reads the pieces at the same time. It is trusted with nothing
but that: every byte of the file must come back, in pieces whose order is known, or the file is read whole.
"""

from dataclasses import replace

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from spark_runtime.file_addresses import SPECIAL
from spark_runtime.input_spec import FilesInput, LandedFile
from spark_runtime.job import Job, log
from spark_runtime.landed_tables import Landed
from spark_runtime.reader_options import read_options
from spark_runtime.readers.blocks import (
    SURVEY,
    Cut,
    Survey,
    TextBlock,
    cut_lines,
    make_surveyor,
    plan_blocks,
)
from spark_runtime.readers.containers import CHUNK_BYTES, PACKED
from spark_runtime.readers.csv_grammar import CsvLayout
from spark_runtime.readers.parse import JsonLayout, Layout
from spark_runtime.readers.ranges import RANGES, make_range_reader
from spark_runtime.readers.read_fixed import FixedLayout

# From here on the look at a file that finds its blocks costs less than holding it whole.
LARGE_FROM_BYTES = 64 << 20
# What a task reads where the engine's reader does not cut the file. A file has few of them, a task holds a few lines.
BLOCK_BYTES = 32 << 20
_BOM_BYTES = 3


def in_blocks(job: Job, landed: Landed) -> Landed:
    """Return what landed with every large text that can be read in blocks in as many parts."""
    source = landed.source
    layout = read_options(source).layout
    files: list[LandedFile] = []
    owners: list[int] = []
    blocks: dict[int, TextBlock] = {}
    for file, owner in zip(source.files, landed.owners, strict=True):
        found = _blocks_of(job, file, layout) if _has_lines(source, layout) and _is_large(file) else None
        for block in found or (None,):
            if block is not None:
                blocks[len(files)] = block
            files.append(file)
            owners.append(owner)
    return replace(landed, source=replace(source, files=tuple(files)), owners=tuple(owners), blocks=blocks)


def blocks_frame(job: Job, file: LandedFile) -> tuple[DataFrame, Cut]:
    """Return a frame that hands the blocks of a file to tasks, and what gives a task its blocks."""
    if job.dialect.is_spark:
        lines = job.spark.read.format("text").option("lineSep", "\n").load(file.uri)
        return lines.selectExpr("_metadata.file_block_start AS position", "value"), cut_lines
    # Sail's reader does not say where a line stands, and its tasks take pieces as they come. But its Python runs beside
    # it, and reaches what it reaches.
    ranges = [
        (position, first, min(first + BLOCK_BYTES, file.size_bytes))
        for position, first in enumerate(range(0, file.size_bytes, BLOCK_BYTES))
    ]
    return job.spark.createDataFrame(ranges, RANGES).repartition("position"), make_range_reader(file.uri)


def _has_lines(source: FilesInput, layout: Layout) -> bool:
    if read_options(source).encoding != "utf-8":
        return False
    if isinstance(layout, CsvLayout):
        # An escaped line end would be no end of a record, without any quote that tells so.
        return layout.escape is None
    return isinstance(layout, FixedLayout) or (isinstance(layout, JsonLayout) and not layout.document)


def _is_large(file: LandedFile) -> bool:
    if file.size_bytes < LARGE_FROM_BYTES or file.uri.lower().endswith(PACKED):
        return False
    # By an address with any of these, the engine's reader may find other files, too.
    return not set(SPECIAL).intersection(file.uri)


def _blocks_of(job: Job, file: LandedFile, layout: Layout) -> tuple[TextBlock, ...] | None:
    """Return the blocks of a file, ``None`` where it has to be read whole."""
    try:
        clean = _surveyed(job, file, layout, inside=False)
        if not _is_whole(job, file, clean):
            return None
        inside = any(survey.opened for survey in clean[:-1])
        return plan_blocks(clean, _surveyed(job, file, layout, inside=True) if inside else [])
    except PySparkException as error:
        log.info("%s is read whole: %s", file.uri, type(error).__name__)
        return None


def _surveyed(job: Job, file: LandedFile, layout: Layout, *, inside: bool) -> list[Survey]:
    frame, cut = blocks_frame(job, file)
    rows = frame.mapInArrow(make_surveyor(layout, cut, inside=inside), SURVEY).collect()
    surveys = [Survey(**{**row.asDict(), "opened": bytes(row["opened"])}) for row in rows]
    return sorted(surveys, key=lambda survey: survey.position)


def _is_whole(job: Job, file: LandedFile, surveys: list[Survey]) -> bool:
    """Return whether blocks are all of a file, byte for byte, and such that it begins with a line."""
    if not surveys or surveys[0].position != 0:
        return False
    distinct = len({survey.position for survey in surveys}) == len(surveys)
    size = sum(survey.size_bytes for survey in surveys)
    # The last line need not have an end; Spark's reader takes the mark of the byte order away.
    marks = (0, _BOM_BYTES) if job.dialect.is_spark else (0,)
    complete = any(size + mark - file.size_bytes in (0, 1) for mark in marks)
    # A text of bare carriage returns is one line.
    return distinct and complete and 0 <= surveys[0].first_line_bytes < CHUNK_BYTES
