"""The fields of an act's page: what somebody chooses before it is done."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """One field of a form.

    Attributes:
        kind: ``text``, ``words`` (several lines), ``flag`` (yes or no), ``one`` (of ``options``) or ``instant``.
        help: What it does, or what it takes.
        options: Pairs of value and text.
    """

    name: str
    label: str
    kind: str = "text"
    help: str = ""
    value: str = ""
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()
