"""The project: the folder that holds ``landfall.yml``, and what that file says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from landfall.spec.connections import has_password
from landfall.spec.documents import ExecutionDocument, NodeRunDocument, ProjectDocument, RunDocument
from landfall.spec.durations import seconds
from landfall.spec.faults import Fault, InvalidSpec, NoProject, UnknownTarget, nearest_remedy
from landfall.spec.model import NodeSettings, RunSettings, Schedule
from landfall.spec.shape import empty_keys, shape_faults, without_extensions
from landfall.spec.yaml_source import Mark, YamlFile, read_yaml

PROJECT_FILE = "landfall.yml"
PRODUCTS_FOLDER = "data_products"
PRODUCT_FILE = "product.yml"
# The environment a project runs in where nobody names one.
DEFAULT_TARGET = "laptop"

_SECRET_SETTINGS = ("storage_key", "databricks_token", "password", "token", "key")


@dataclass(frozen=True, slots=True)
class Target:
    """One place a project runs in.

    Attributes:
        settings: What the file says of the fields of ``landfall.settings.Settings``, by their names.
        variables: Values that replace those of the project there.
        job_packages: Python packages in the environment of its jobs, beside the runtime's own.
    """

    name: str
    settings: Mapping[str, str | int] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    job_packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """What ``landfall.yml`` says.

    Attributes:
        root: Folder that holds it.
        run: How products run that say nothing else.
    """

    root: Path
    name: str
    default_target: str
    targets: Mapping[str, Target]
    variables: Mapping[str, Any]
    run: RunSettings = field(default_factory=RunSettings)

    def target(self, name: str | None = None) -> Target:
        """Return a target by name, the default one if none is given.

        Raises:
            UnknownTarget: The project has no such target.
        """
        name = name or self.default_target
        if name not in self.targets:
            raise UnknownTarget(name, self.targets)
        return self.targets[name]

    def variables_for(self, target: str | None = None) -> dict[str, Any]:
        """Return the variables of a target, the default one if none is named.

        Raises:
            UnknownTarget: The project has no such target.
        """
        return {**self.variables, **self.target(target).variables}


def find_project(start: Path) -> Path:
    """Return the nearest folder at or above ``start`` that holds a landfall.yml.

    Raises:
        NoProject: There is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise NoProject(str(start))


def load_project(root: Path) -> Project:
    """Return the project of a folder.

    Raises:
        NoProject: The folder holds no landfall.yml.
        InvalidSpec: The file is not sound; names every fault.
    """
    project, faults = read_project(root)
    if project is None or faults:
        raise InvalidSpec(faults)
    return project


def read_project(root: Path) -> tuple[Project | None, list[Fault]]:
    """Return the project of a folder, ``None`` if it has faults, and its faults.

    Raises:
        NoProject: The folder holds no landfall.yml.
    """
    if not (root / PROJECT_FILE).is_file():
        raise NoProject(str(root))
    file = read_file(root, root / PROJECT_FILE)
    faults = list(file.faults)
    data = without_extensions(file.data if file.data is not None else {})
    faults.extend(fault for _, fault in empty_keys(data, file.mark))
    try:
        document = ProjectDocument.model_validate(data)
    except ValidationError as error:
        if not faults:
            faults.extend(
                _secret_or(fault) for _, fault in shape_faults(ProjectDocument, error, data, file.mark)
            )
        return None, faults
    faults.extend(_target_faults(document, file.mark))
    return (None if faults else _project(root, document)), faults


def read_file(root: Path, path: Path) -> YamlFile:
    """Return what a YAML file holds; its faults name it by its path below ``root``."""
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
        fault = Fault(
            shown, 1, "LF1010", f"the file cannot be read: {reason}", "save it as a UTF-8 text file"
        )
        return YamlFile(None, Mark(shown, 1), (fault,))
    return read_yaml(text, shown)


def yaml_files(folder: Path) -> Iterator[Path]:
    """Yield the YAML files of a folder by name; there are none where it is not there."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix in (".yml", ".yaml"))


def run_settings(document: RunDocument, execution: ExecutionDocument, defaults: RunSettings) -> RunSettings:
    """Return how a product runs: what its file says, the rest from ``defaults``."""
    changes: dict[str, Any] = {}
    if document.on is not None:
        changes["on_landing"] = "landing" in document.on
        changes["on_upstream"] = "upstream" in document.on
        changes["schedules"] = tuple(
            Schedule(trigger.schedule, trigger.time_zone)
            for trigger in document.on
            if not isinstance(trigger, str)
        )
    if document.settle is not None:
        changes["settle_s"] = seconds(document.settle)
    if document.max_wait is not None:
        changes["max_wait_s"] = seconds(document.max_wait)
    if document.max_files is not None:
        changes["max_files"] = document.max_files
    if document.timeout is not None:
        changes["node_timeout_s"] = max(1, round(seconds(document.timeout)))
    if document.max_parallel_nodes is not None:
        changes["max_parallel_nodes"] = document.max_parallel_nodes
    if document.retries is not None:
        changes["retries"] = document.retries
    if document.retry_delay is not None:
        changes["retry_delay_s"] = seconds(document.retry_delay)
    if document.retry_delay_max is not None:
        changes["retry_delay_max_s"] = seconds(document.retry_delay_max)
    if document.on_failure is not None:
        changes["on_failure"] = document.on_failure
    changes |= _execution(execution)
    stated = dict.fromkeys((*defaults.stated, *changes))
    return replace(defaults, **changes, stated=tuple(sorted(stated)))


def _execution(document: ExecutionDocument) -> dict[str, Any]:
    """Return what a file says of how nodes come to job runs, by the fields of ``RunSettings``."""
    stated = {
        "execution": document.mode,
        "pack_nodes": document.max_nodes,
        "pack_duration_s": seconds(document.max_duration) if document.max_duration is not None else None,
    }
    return {name: value for name, value in stated.items() if value is not None}


def node_settings(document: NodeRunDocument) -> NodeSettings:
    """Return what a product file says of the attempts of one node."""
    return NodeSettings(
        retries=document.retries,
        retry_delay_s=seconds(document.retry_delay) if document.retry_delay is not None else None,
        retry_delay_max_s=seconds(document.retry_delay_max) if document.retry_delay_max is not None else None,
        timeout_s=max(1, round(seconds(document.timeout))) if document.timeout is not None else None,
    )


def _project(root: Path, document: ProjectDocument) -> Project:
    targets = {
        name: Target(
            name,
            target.model_dump(exclude_none=True, exclude={"variables", "job_packages"}),
            dict(target.variables),
            tuple(target.job_packages),
        )
        for name, target in document.targets.items()
    }
    default = document.default_target or DEFAULT_TARGET
    targets.setdefault(default, Target(default))
    return Project(
        root=root,
        name=document.name,
        default_target=default,
        targets=targets,
        variables=dict(document.variables),
        run=run_settings(document.defaults.run, document.defaults.execution, RunSettings()),
    )


def _secret_or(fault: Fault) -> Fault:
    """Return the fault, or a clearer one where the unknown key is that of a secret."""
    if fault.code == "LF1020" and any(f"'{name}'" in fault.message for name in _SECRET_SETTINGS):
        remedy = "remove it; secrets come from the environment or from a managed identity"
        return replace(fault, code="LF1024", message="a project file holds no secrets", remedy=remedy)
    return fault


def _target_faults(document: ProjectDocument, mark: Mark) -> list[Fault]:
    faults = []
    default = document.default_target
    if default is not None and document.targets and default not in document.targets:
        place = mark.at(("default_target",))
        remedy = nearest_remedy(default, document.targets)
        faults.append(Fault(place.path, place.line, "LF1040", f"unknown target '{default}'", remedy))
    for name, target in document.targets.items():
        if target.database_url is not None and has_password(target.database_url):
            place = mark.at(("targets", name, "database_url"))
            remedy = "remove it; Landfall signs in with an Entra token"
            message = f"database_url of target '{name}' holds a password"
            faults.append(Fault(place.path, place.line, "LF1024", message, remedy))
    return faults
