"""What a node asks of its rows before they are written: its rules, compiled for the frame that its steps yield."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame

from spark_runtime.frame import Frame, find_name
from spark_runtime.held_rows import KEPT, ORIGIN, lenient, look_up_published
from spark_runtime.job import Job
from spark_runtime.lookups import Lookup
from spark_runtime.references import look_up
from spark_runtime.repairs import compile_repairs, repair_rows
from spark_runtime.rules import UniqueTest, compile_rules, portable_rules
from spark_runtime.sql import quoted
from spark_runtime.staged_column import Kept, StagedColumn
from spark_runtime.table_rules import Surroundings, TableRule, compile_table_rules
from spark_runtime.verdict import Test


@dataclass(frozen=True, slots=True)
class Judgement:
    """A frame to write, and all that is to be asked of its rows.

    Attributes:
        frame: Repaired, with what its repairs and tests read beside its columns.
        columns: The columns to write.
        lookups: What is looked up for the rows; ``frame`` does not hold it yet.
        tests: Tests on single rows, with those of ``lookups``.
        unique: Tests on keys.
        table_rules: Rules on the whole table, made against ``around``.
        carried: Further columns of ``frame`` that tests read.
        kept: Further columns of ``frame`` that are staged with the rows.
    """

    frame: Frame
    columns: list[StagedColumn]
    lookups: tuple[Lookup, ...]
    tests: tuple[Test, ...]
    unique: tuple[UniqueTest, ...]
    table_rules: tuple[TableRule, ...]
    around: Surroundings
    carried: tuple[str, ...]
    kept: Mapping[str, Kept]

    @property
    def can_refuse(self) -> bool:
        """Whether a row or the whole table can fail anything."""
        by_type = any(column.conversion.lost is not None or not column.nullable for column in self.columns)
        return bool(by_type or self.tests or self.unique or self.table_rules)


def judge_by(
    job: Job,
    frame: Frame,
    columns: list[StagedColumn],
    inputs: Mapping[str, Frame],
    keep: Callable[[DataFrame], DataFrame],
) -> Judgement:
    """Compile the declared rules for the frame, and repair its rows.

    Args:
        columns: The columns to write, from columns of the frame.
        inputs: What rules compare with, by name.
        keep: Writes few rows aside, so that the engine knows how many they are.
    """
    tested = {column.name: column.type for column in columns}
    rules = portable_rules(job.spec.rules, tested, job.dialect)
    releases = job.spec.releases
    if releases:
        rules = lenient(rules)
    looking_up = [rule for rule in rules if rule.looks_up]
    tests, unique = compile_rules([rule for rule in rules if rule not in looking_up], tested)
    around = Surroundings(job.started_at, job.spec.former_rows, inputs, job.dialect)
    source = find_name("_source_file", frame.columns)
    further = [] if source is None or source in tested else [quoted(source)]
    further += ORIGIN if releases else ()
    repaired = repair_rows(frame.df, columns, compile_repairs(rules, tested), keep=further)
    columns = list(repaired.columns)
    lookups = look_up(columns, looking_up, inputs, keep)
    tests = (*tests, *(lookup.test for lookup in lookups), *repaired.tests)
    kept = dict(repaired.kept)
    if releases:
        kept |= KEPT
        published = look_up_published(job, repaired.df, columns, unique, keep)
        tests = (*tests, *(lookup.test for lookup in published))
        lookups = (*lookups, *published)
    return Judgement(
        frame=replace(frame, df=repaired.df),
        columns=columns,
        lookups=lookups,
        tests=tests,
        unique=unique,
        table_rules=compile_table_rules(rules, tested, around),
        around=around,
        carried=repaired.carried,
        kept=kept,
    )
