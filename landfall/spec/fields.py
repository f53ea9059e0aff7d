"""The kinds of value that a project's files hold, as annotated types with the fault each one raises."""

import re
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from landfall.spec.column_types import KNOWN_TYPES, UnknownTypeError, canonical_type
from landfall.spec.connections import CONNECTION_REMEDY, is_without_secret
from landfall.spec.durations import DURATION_PATTERN
from landfall.spec.faults import nearest_remedy
from landfall.spec.landing_patterns import pattern_problem
from landfall.spec.schedules import schedule_problem

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"
REFERENCE_PATTERN = (
    r"^([a-z][a-z0-9_]{0,63}/[a-z][a-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,63}@[1-9][0-9]{0,5}"
    r"|[a-z][a-z0-9_]{0,63})$"
)
# What Delta tables and SQL text without quotes both take; a leading underscore is kept for load columns.
COLUMN_PATTERN = r"^[A-Za-z][A-Za-z0-9_]{0,127}$"
EMAIL_PATTERN = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
# Without a user, a query or a fragment, where keys of webhooks like to stand; without encryption to this machine only.
WEBHOOK_PATTERN = r"^(https://[^/?#@\s]+|http://(localhost|127\.0\.0\.1)(:[0-9]+)?)(/[^?#\s]*)?$"
PYTHON_PATTERN = r"^[a-z_][a-z0-9_]*(/[a-z_][a-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"
FILE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$"

# Pattern to the code, the description of what was expected and the remedy of the fault.
PATTERN_FAULTS: dict[str, tuple[str, str, str]] = {
    NAME_PATTERN: (
        "LF1022",
        "is not a name",
        "use lower-case letters, digits and underscores, a letter first, 64 characters at most",
    ),
    REFERENCE_PATTERN: (
        "LF1022",
        "names no dataset",
        "write the name of a dataset, or domain/product.dataset@1 for a port of another product",
    ),
    COLUMN_PATTERN: (
        "LF1022",
        "is not a column name",
        "use letters, digits and underscores, a letter first",
    ),
    DURATION_PATTERN: (
        "LF1025",
        "is not a duration",
        "write a number with ms, s, m, h or d, such as 500ms or 5s",
    ),
    PYTHON_PATTERN: (
        "LF1021",
        "names no function",
        "write module:function, as in shaping:by_region",
    ),
    EMAIL_PATTERN: ("LF1021", "is not an email address", "write an address such as team@example.com"),
    WEBHOOK_PATTERN: (
        "LF1021",
        "is no address for a webhook",
        "write https://host/path without user, key or query; an address with a key is set as LANDFALL_ALARM_WEBHOOK",
    ),
    FILE_PATTERN: (
        "LF1021",
        "is not a path of a file",
        "write a path below the product's folder, without '..'",
    ),
}


def fault(code: str, message: str, remedy: str) -> PydanticCustomError:
    """Return the error that a validator raises for a fault; braces in the texts stay as they are."""
    return PydanticCustomError(code, "{message}", {"message": message, "remedy": remedy})


def _check_connection(value: str) -> str:
    if not is_without_secret(value):
        # The text itself is left out of the message: it may hold the secret it is refused for.
        raise fault("LF1024", "this connection may hold a secret", CONNECTION_REMEDY)
    return value


def _check_landing_path(value: str) -> str:
    problem = pattern_problem(value)
    if problem is not None:
        raise fault("LF1026", f"landing path '{value}': {problem}", "write a path such as orders/*.csv")
    return value


def _check_marker_path(value: str) -> str:
    problem = pattern_problem(value, hidden=True)
    if problem is not None:
        remedy = "write a name such as _SUCCESS, or a path such as orders/{day:date}/_SUCCESS"
        raise fault("LF1026", f"path '{value}': {problem}", remedy)
    return value


def _check_one_run(value: int) -> int:
    if value != 1:
        raise fault(
            "LF1061",
            f"a product runs one run at a time, not {value}: two would write the same tables at once",
            "leave it out; raise max_parallel_nodes for more at once within a run, or part the product in two",
        )
    return value


def _check_time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        remedy = nearest_remedy(value, sorted(available_timezones()), "write a name such as Europe/Berlin")
        raise fault("LF1027", f"time zone '{value}' is not known", remedy) from error
    return value


def _check_schedule(value: str) -> str:
    problem = schedule_problem(value)
    if problem is not None:
        raise fault("LF1027", f"schedule '{value}': {problem}", "write five fields such as '0 6 * * *'")
    return value


def _type_remedy(word: str) -> str:
    if not word.isidentifier():
        return f"known: {', '.join(KNOWN_TYPES)}"
    return nearest_remedy(word, KNOWN_TYPES, f"known: {', '.join(KNOWN_TYPES)}")


def _canonical_type(value: str) -> str:
    try:
        return canonical_type(value)
    except UnknownTypeError as error:
        raise fault("LF1023", str(error), _type_remedy(error.word)) from error


# Constructs of regular expressions that the Spark engines do not share.
_NOT_SHARED = re.compile(r"\(\?(?:[=!]|<[=!])|(?<!\\)(?:\\\\)*\\[1-9]")


def _check_regex(value: str) -> str:
    if _NOT_SHARED.search(value):
        message = f"pattern '{value}' looks around or back, which not every Spark engine can"
        raise fault("LF1028", message, "rewrite it without (?=, (?!, (?<= and \\1")
    try:
        # Python has no Unicode classes such as \p{L}; any letter stands in for them here.
        re.compile(re.sub(r"\\[pP](\{\^?\w+\}|\w)", r"\\w", value))
    except (re.error, RecursionError, OverflowError) as error:
        message = f"pattern '{value}' is not a regular expression: {error}"
        raise fault(
            "LF1028", message, "correct it; backslashes need single quotes or none in YAML"
        ) from error
    return value


def _has_unit(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        code, message, remedy = PATTERN_FAULTS[DURATION_PATTERN]
        raise fault(code, f"'{value}' {message}", remedy)
    return value


def _check_scalar(value: Any) -> Any:
    if not isinstance(value, (str, int, float)):
        raise fault(
            "LF1021",
            f"a value must be a text, a number or true or false, not {kind_of(value)}",
            "write one value",
        )
    return value


def _check_bound(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        message = f"a limit must be a number or a text such as a date, not {kind_of(value)}"
        raise fault("LF1021", message, "write a number, or a date as '2024-01-31'")
    return value


def _check_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise fault("LF1021", f"must be a number, not {kind_of(value)}", "write a number")
    return value


def _check_character(value: str) -> str:
    if len(value.encode()) != 1 or value in "\r\n":
        message = f"'{value}' must be one ASCII character that ends no line"
        raise fault("LF1021", message, 'write one character in quotes; a tab is "\\t"')
    return value


def _check_encoding(value: str) -> str:
    try:
        # Python knows encodings of other things than text, too, such as base64.
        "".encode(value)
    except (LookupError, ValueError) as error:
        raise fault(
            "LF1021", f"encoding '{value}' is not known", "write utf-8, latin-1 or the like"
        ) from error
    return value


def kind_of(value: Any) -> str:
    """Return what a YAML value is, in words: ``a list``, ``text``, ``nothing``."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "a mapping"}
    return names.get(type(value), type(value).__name__)


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Reference = Annotated[str, StringConstraints(pattern=REFERENCE_PATTERN)]
ColumnName = Annotated[str, StringConstraints(pattern=COLUMN_PATTERN)]
Text = str
# A name as it stands in an input, where it may not follow the rules for new names: `_landfall_file`.
ColumnRef = Annotated[str, StringConstraints(min_length=1)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Duration = Annotated[str, StringConstraints(pattern=DURATION_PATTERN), BeforeValidator(_has_unit)]
# Known so that whoever asks for more than one is told why not.
OneRun = Annotated[int, AfterValidator(_check_one_run), WithJsonSchema({"const": 1})]
Email = Annotated[str, StringConstraints(pattern=EMAIL_PATTERN)]
Webhook = Annotated[str, StringConstraints(pattern=WEBHOOK_PATTERN, max_length=2048)]
PythonFunction = Annotated[str, StringConstraints(pattern=PYTHON_PATTERN)]
FilePath = Annotated[str, StringConstraints(pattern=FILE_PATTERN)]
TypeName = Annotated[str, AfterValidator(_canonical_type)]
Connection = Annotated[str, AfterValidator(_check_connection)]
LandingPath = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_landing_path)]
MarkerPath = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_marker_path)]
TimeZone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_check_time_zone)]
Schedule = Annotated[str, AfterValidator(_check_schedule)]
Regex = Annotated[str, AfterValidator(_check_regex)]
Character = Annotated[str, AfterValidator(_check_character)]
# An empty text turns the character off.
MaybeCharacter = Annotated[str, AfterValidator(lambda value: value and _check_character(value))]
Encoding = Annotated[str, AfterValidator(_check_encoding)]
Scalar = Annotated[
    Any, AfterValidator(_check_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
Bound = Annotated[Any, AfterValidator(_check_bound), WithJsonSchema({"type": ["string", "number"]})]
Number = Annotated[Any, AfterValidator(_check_number), WithJsonSchema({"type": "number"})]
PositiveInt = Annotated[int, Field(ge=1)]
