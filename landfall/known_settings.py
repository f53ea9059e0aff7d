"""Every setting that configuration can give a value: its kind, its range, its default and what it is for.

A value that configuration holds is text. This is the one place that says what the text means.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from landfall.errors import LandfallError
from landfall.spec.durations import seconds
from landfall.spec.faults import nearest_remedy

Value = int | float | str

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR


class UnknownSettingName(LandfallError):
    """Nobody reads a setting of that name."""

    code = "LF2202"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no setting '{name}'; {nearest_remedy(name, SETTINGS)}")
        self.name = name


class SettingRefused(LandfallError):
    """A value that a setting cannot take."""

    code = "LF2203"

    def __init__(self, name: str, text: str, form: str) -> None:
        super().__init__(f"{name} cannot be '{text}': it takes {form}")
        self.name = name


class SettingOfInstallation(LandfallError):
    """A setting of the whole installation was to be given a value for one product."""

    code = "LF2204"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} holds for the whole installation; set it without --product")
        self.name = name


class Kind(StrEnum):
    INTEGER = "integer"
    NUMBER = "number"
    DURATION = "duration"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        category: First part of its name.
        key: Second part of its name.
        default: As text, like every value.
        help: What it decides, in one sentence.
        least: Smallest value; of a duration in seconds.
        most: Largest value; of a duration in seconds.
        choices: What a choice may be.
        per_product: Whether a product may have a value of its own.
        field: The field of ``RunSettings`` by which a product file gives it a value, ``None`` if none does.
    """

    category: str
    key: str
    kind: Kind
    default: str
    help: str
    least: float = 0
    most: float = 0
    choices: tuple[str, ...] = ()
    per_product: bool = True
    field: str | None = None

    @property
    def name(self) -> str:
        """``category.key``, as people write it."""
        return f"{self.category}.{self.key}"

    @property
    def form(self) -> str:
        """What a value looks like, in words."""
        if self.kind is Kind.CHOICE:
            return " or ".join(self.choices)
        if self.kind is Kind.DURATION:
            return f"a duration from {duration_text(self.least)} to {duration_text(self.most)}, such as {self.default}"
        number = "a whole number" if self.kind is Kind.INTEGER else "a number"
        return f"{number} from {self.least:,g} to {self.most:,g}"

    def parse(self, text: str) -> Value:
        """Return the value that a text means; of a duration in seconds.

        Raises:
            SettingRefused: It means none, or one out of range.
        """
        if self.kind is Kind.CHOICE:
            if text not in self.choices:
                raise SettingRefused(self.name, text, self.form)
            return text
        try:
            value = self._number(text)
        except ValueError as error:
            raise SettingRefused(self.name, text, self.form) from error
        if not self.least <= value <= self.most:
            raise SettingRefused(self.name, text, self.form)
        return value

    def text(self, value: Value) -> str:
        """Return a value as people write it."""
        if self.kind is Kind.DURATION:
            return duration_text(float(value))
        return f"{value:g}" if self.kind is Kind.NUMBER else str(value)

    def _number(self, text: str) -> int | float:
        match self.kind:
            case Kind.INTEGER:
                return int(text)
            case Kind.DURATION:
                return seconds(text)
            case _:
                return float(text)


def duration_text(duration_s: float) -> str:
    """Return a duration as people write it, in the largest unit that divides it."""
    for unit, length_s in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE), ("s", 1.0)):
        if duration_s >= length_s and duration_s % length_s == 0:
            return f"{duration_s / length_s:g}{unit}"
    return f"{duration_s * 1000:g}ms" if 0 < duration_s < 1 else f"{duration_s:g}s"


def find(name: str) -> Setting:
    """Return the setting ``category.key``.

    Raises:
        UnknownSettingName: There is none.
    """
    if name not in SETTINGS:
        raise UnknownSettingName(name)
    return SETTINGS[name]


def defaults(category: str | None = None) -> dict[str, Value]:
    """Return the default of every setting, or of every one of a category, by name."""
    return {
        name: setting.parse(setting.default)
        for name, setting in SETTINGS.items()
        if category is None or setting.category == category
    }


def _by_name(settings: Iterable[Setting]) -> Mapping[str, Setting]:
    return {setting.name: setting for setting in settings}


def _duration(
    category: str,
    key: str,
    default: str,
    help_: str,
    *,
    least: float,
    most: float,
    per_product: bool = True,
    field: str | None = None,
) -> Setting:
    return Setting(
        category, key, Kind.DURATION, default, help_, least, most, per_product=per_product, field=field
    )


def _integer(
    category: str,
    key: str,
    default: int,
    help_: str,
    *,
    least: int,
    most: int,
    per_product: bool = True,
    field: str | None = None,
) -> Setting:
    return Setting(
        category, key, Kind.INTEGER, str(default), help_, least, most, per_product=per_product, field=field
    )


SETTINGS: Final = _by_name(
    (
        _integer(
            "runs",
            "max_parallel_nodes",
            8,
            "Nodes of one run that are at work at the same time.",
            least=1,
            most=1000,
            field="max_parallel_nodes",
        ),
        _integer(
            "runs",
            "retries",
            2,
            "Further attempts of a node after a failure of the infrastructure.",
            least=0,
            most=10,
            field="retries",
        ),
        _duration(
            "runs",
            "retry_delay",
            "5s",
            "Pause before the second attempt; it doubles with every further one.",
            least=0.1,
            most=_HOUR,
            field="retry_delay_s",
        ),
        _duration(
            "runs",
            "retry_delay_max",
            "5m",
            "Longest pause between two attempts.",
            least=0.1,
            most=6 * _HOUR,
            field="retry_delay_max_s",
        ),
        _integer(
            "runs",
            "capacity_retries",
            20,
            "Further attempts of a node whose job run the workspace took and had no room for.",
            least=0,
            most=100,
        ),
        _duration(
            "runs",
            "capacity_delay",
            "1m",
            "Pause before the second attempt where the workspace had no room; it doubles up to a quarter of an hour.",
            least=0.1,
            most=_HOUR,
        ),
        _duration(
            "runs",
            "timeout",
            "1h",
            "How long one attempt of a node may take.",
            least=1,
            most=7 * _DAY,
            field="node_timeout_s",
        ),
        _duration(
            "runs",
            "settle",
            "150ms",
            "Pause that lets files which arrive together run together.",
            least=0,
            most=_HOUR,
            field="settle_s",
        ),
        _duration(
            "runs",
            "max_wait",
            "1m",
            "Longest time that the first of files which arrive together waits for the others.",
            least=0,
            most=6 * _HOUR,
            field="max_wait_s",
        ),
        _integer(
            "runs",
            "max_files",
            5000,
            "Files that one run takes in; as many as that wait for no others.",
            least=1,
            most=50_000,
            field="max_files",
        ),
        Setting(
            "runs",
            "on_failure",
            Kind.CHOICE,
            "continue",
            "After a failed node: continue runs what does not depend on it, fail_fast starts nothing more.",
            choices=("continue", "fail_fast"),
            field="on_failure",
        ),
        Setting(
            "runs",
            "execution",
            Kind.CHOICE,
            "single",
            "Whether each node has a job run of its own (single) or small ones share job runs (packed).",
            choices=("single", "packed"),
            field="execution",
        ),
        _integer(
            "runs",
            "pack_nodes",
            50,
            "Most nodes that share a job run.",
            least=1,
            most=200,
            field="pack_nodes",
        ),
        _duration(
            "runs",
            "pack_duration",
            "5m",
            "Longest time that the nodes of a job run are expected to take together, after former runs.",
            least=1,
            most=_DAY,
            field="pack_duration_s",
        ),
        _integer(
            "limits",
            "nodes",
            1000,
            "Nodes of the whole installation that are at work at the same time.",
            least=1,
            most=2000,
            per_product=False,
        ),
        _integer(
            "limits",
            "nodes_per_product",
            1000,
            "Nodes of one product, over all its runs, that are at work at the same time.",
            least=1,
            most=2000,
        ),
        Setting(
            "jobs",
            "submissions_per_second",
            Kind.NUMBER,
            "15",
            "Job runs that are started in a second; Databricks takes 20 runs of saved jobs or 35 one-time runs.",
            0.1,
            35,
            per_product=False,
        ),
        _integer(
            "jobs",
            "submissions_per_hour",
            54_000,
            "Job runs that are started in any hour; Databricks takes 10,000, not counting runs of saved jobs.",
            least=60,
            most=100_000,
            per_product=False,
        ),
        _duration(
            "jobs",
            "patience",
            "30m",
            "How long a node waits for a Jobs API that does not answer before its attempt fails.",
            least=1,
            most=_DAY,
        ),
        Setting(
            "jobs",
            "price_per_hour",
            Kind.NUMBER,
            "0",
            "What an hour of a node's job costs, in your currency, for the estimates of cost; 0 makes none.",
            0,
            100_000,
        ),
        _duration(
            "retention",
            "runs",
            "90d",
            "Age from its end at which a run, its nodes, attempts and quality results are purged.",
            least=_DAY,
            most=3650 * _DAY,
        ),
        _integer(
            "retention",
            "runs_kept",
            10,
            "Newest runs of a product that stay whatever their age, so that they can be rerun.",
            least=1,
            most=10_000,
        ),
        _duration(
            "retention",
            "events",
            "30d",
            "Age from the end of its run at which a change of state is purged.",
            least=_DAY,
            most=3650 * _DAY,
        ),
        _duration(
            "retention",
            "files",
            "400d",
            "Age from its end at which the ledger row of a landed file is purged; its blob stays.",
            least=30 * _DAY,
            most=3650 * _DAY,
        ),
        _duration(
            "retention",
            "control",
            "30d",
            "Age from the end of its run at which node specs and results in the control container are purged.",
            least=_DAY,
            most=3650 * _DAY,
        ),
        _duration(
            "retention",
            "acts",
            "400d",
            "Age at which what operators did is purged.",
            least=30 * _DAY,
            most=3650 * _DAY,
            per_product=False,
        ),
        _duration(
            "retention",
            "versions",
            "400d",
            "Age at which versions of metadata and replaced values of settings are purged; the newest stay.",
            least=30 * _DAY,
            most=3650 * _DAY,
        ),
        _duration(
            "retention",
            "alarms",
            "90d",
            "Age from the end of its cause at which an alarm is purged.",
            least=_DAY,
            most=3650 * _DAY,
        ),
        _duration(
            "retention",
            "letters",
            "400d",
            "Age from its end, or else from the last time it came, at which a dead letter is purged.",
            least=30 * _DAY,
            most=3650 * _DAY,
            per_product=False,
        ),
        _duration(
            "retention",
            "histories",
            "14d",
            "Age at which the histories of ended orchestrations are purged.",
            least=_DAY,
            most=3650 * _DAY,
            per_product=False,
        ),
    )
)
