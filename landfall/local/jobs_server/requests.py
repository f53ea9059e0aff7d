"""Reading what clients send: settings of jobs and one-time runs are checked, references in them resolved."""

import re
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from landfall.local.jobs_server.errors import invalid
from landfall.local.jobs_server.runs import Json

LONGEST_TOKEN = 64
LONGEST_TASK_KEY = 100
MOST_CONCURRENT_RUNS = 1000
_TASK_KEY = re.compile(r"[A-Za-z0-9_-]+")
_REFERENCE = re.compile(r"\{\{\s*([a-z_]+(?:\.[A-Za-z0-9_-]+)+)\s*\}\}")
_COMPUTE_FIELDS = ("environment_key", "existing_cluster_id", "new_cluster", "job_cluster_key")
# Ways to override a task's parameters that job parameters have replaced.
_LEGACY_PARAMETERS = (
    "dbt_commands", "jar_params", "notebook_params", "pipeline_params", "python_named_params",
    "python_params", "spark_submit_params", "sql_params",
)  # fmt: skip


def integer(body: Mapping[str, Any], field: str) -> int:
    """Return a whole number that a request must hold; query values arrive as text.

    Raises:
        ApiError: It is missing or no whole number.
    """
    value = body.get(field)
    if isinstance(value, bool) or value is None:
        raise invalid(f"{field} is required and is a whole number.")
    try:
        return int(value)
    except (TypeError, ValueError):
        raise invalid(f"{field} is a whole number, not {value!r}.") from None


def optional_integer(body: Mapping[str, Any], field: str) -> int | None:
    """Return a whole number, or ``None`` where the request leaves it out."""
    return integer(body, field) if body.get(field) not in (None, "") else None


def flag(query: Mapping[str, str], field: str) -> bool:
    """Return a flag of a query string."""
    return query.get(field, "false").lower() == "true"


def token_of(body: Json) -> str | None:
    """Return the idempotency token of a request, ``None`` if it has none.

    Raises:
        ApiError: It is too long or no text.
    """
    token = body.get("idempotency_token")
    if token is None or token == "":
        return None
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        raise invalid(f"idempotency_token must be text of at most {LONGEST_TOKEN} characters.")
    return token


def check_settings(settings: Json) -> Json:
    """Return the settings of a job or a one-time run, after checking all that this server acts on.

    Raises:
        ApiError: A field is missing, has the wrong type, or names something that is not there.
    """
    tasks = settings.get("tasks")
    if not isinstance(tasks, list) or not tasks or not all(isinstance(task, dict) for task in tasks):
        raise invalid("At least one task is required: 'tasks' is a list of objects.")
    environments = _keys(settings.get("environments"), "environment_key")
    clusters = _keys(settings.get("job_clusters"), "job_cluster_key")
    seen: set[str] = set()
    for task in tasks:
        _check_task_key(task.get("task_key"), seen)
        _check_compute(task, environments, clusters)
        _check_wheel_task(task)
        _check_seconds(task, "timeout_seconds")
    parents_of(tasks)
    _check_seconds(settings, "timeout_seconds")
    most = optional_integer(settings, "max_concurrent_runs")
    if most is not None and not 0 <= most <= MOST_CONCURRENT_RUNS:
        raise invalid(f"max_concurrent_runs must be between 0 and {MOST_CONCURRENT_RUNS}.")
    for parameter in settings.get("parameters") or []:
        if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
            raise invalid("Each of 'parameters' is an object with a name and a default.")
    return settings


def parents_of(tasks: Sequence[Json]) -> dict[str, tuple[str, ...]]:
    """Return, for each task, the keys it depends on; keys stand in an order in which the tasks can run.

    Raises:
        ApiError: A dependency is unknown, or tasks depend on each other in a circle.
    """
    parents = {
        task["task_key"]: tuple(parent["task_key"] for parent in task.get("depends_on") or [])
        for task in tasks
    }
    for key, needed in parents.items():
        for parent in needed:
            if parent not in parents:
                raise invalid(f"Task '{key}' depends on '{parent}', which is not a task of this run.")
    try:
        order = tuple(TopologicalSorter(parents).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise invalid(f"Tasks depend on each other in a circle: {circle}.") from None
    return {key: parents[key] for key in order}


def run_parameters(settings: Json, body: Json) -> list[Json]:
    """Return the job's parameters with their defaults and the values of this run, sorted by name.

    Raises:
        ApiError: A value is no text, or the job has no parameter of that name.
    """
    legacy = [field for field in _LEGACY_PARAMETERS if body.get(field)]
    if legacy:
        raise invalid(
            f"{legacy[0]} is not supported by this server; give the job parameters and use job_parameters."
        )
    overrides = body.get("job_parameters") or {}
    if not isinstance(overrides, dict) or not all(isinstance(value, str) for value in overrides.values()):
        raise invalid("job_parameters is an object whose values are text.")
    defaults = {
        parameter["name"]: parameter.get("default", "") for parameter in settings.get("parameters") or []
    }
    unknown = sorted(set(overrides) - set(defaults))
    if unknown:
        known = ", ".join(sorted(defaults)) or "none"
        raise invalid(f"The job has no parameter '{unknown[0]}'; its parameters: {known}.")
    return [
        {"name": name, "default": default, "value": overrides.get(name, default)}
        for name, default in sorted(defaults.items())
    ]


def resolve(value: Any, references: Mapping[str, str]) -> Any:
    """Return ``value`` with every ``{{name}}`` in its texts replaced; unknown references stay as they are."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: references.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [resolve(item, references) for item in value]
    if isinstance(value, dict):
        return {key: resolve(item, references) for key, item in value.items()}
    return value


def arguments_of(wheel_task: Json) -> list[str]:
    """Return the command line of a wheel task, without the program's name."""
    named = wheel_task.get("named_parameters")
    if named:
        return [f"--{key}={value}" for key, value in named.items()]
    return list(wheel_task.get("parameters") or [])


def _keys(items: Any, field: str) -> set[str]:
    if items is None:
        return set()
    if not isinstance(items, list) or not all(isinstance(item, dict) and item.get(field) for item in items):
        raise invalid(f"Each of the list needs a {field}.")
    return {item[field] for item in items}


def _check_task_key(key: Any, seen: set[str]) -> None:
    if not isinstance(key, str) or not _TASK_KEY.fullmatch(key) or len(key) > LONGEST_TASK_KEY:
        raise invalid(
            f"task_key is required: up to {LONGEST_TASK_KEY} letters, digits, '_' and '-', not {key!r}."
        )
    if key in seen:
        raise invalid(f"task_key '{key}' is used by two tasks.")
    seen.add(key)


def _check_compute(task: Json, environments: set[str], clusters: set[str]) -> None:
    key = task["task_key"]
    given = [field for field in _COMPUTE_FIELDS if task.get(field)]
    if len(given) > 1:
        raise invalid(f"Task '{key}' has both {given[0]} and {given[1]}; give one of them.")
    if not given:
        raise invalid(f"An environment is required for serverless task '{key}': set its environment_key.")
    environment = task.get("environment_key")
    if environment is not None and environment not in environments:
        raise invalid(
            f"Job environment '{environment}' used by task '{key}' is not defined in field 'environments'."
        )
    cluster = task.get("job_cluster_key")
    if cluster is not None and cluster not in clusters:
        raise invalid(f"Job cluster '{cluster}' used by task '{key}' is not defined in field 'job_clusters'.")


def _check_wheel_task(task: Json) -> None:
    key, wheel = task["task_key"], task.get("python_wheel_task")
    if not isinstance(wheel, dict):
        raise invalid(f"Task '{key}' has no python_wheel_task; this server runs no other kind of task.")
    for field in ("package_name", "entry_point"):
        if not isinstance(wheel.get(field), str) or not wheel[field]:
            raise invalid(f"The python_wheel_task of task '{key}' needs a {field}.")
    listed, named = wheel.get("parameters"), wheel.get("named_parameters")
    if listed and named:
        raise invalid(f"Task '{key}' has both parameters and named_parameters; give one of them.")
    if listed is not None and not (
        isinstance(listed, list) and all(isinstance(item, str) for item in listed)
    ):
        raise invalid(f"The parameters of task '{key}' are a list of texts.")
    if named is not None and not (
        isinstance(named, dict) and all(isinstance(v, str) for v in named.values())
    ):
        raise invalid(f"The named_parameters of task '{key}' are an object whose values are texts.")


def _check_seconds(settings: Json, field: str) -> None:
    seconds = optional_integer(settings, field)
    if seconds is not None and seconds < 0:
        raise invalid(f"{field} must not be negative; 0 means no limit.")
