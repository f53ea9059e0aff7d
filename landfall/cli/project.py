"""The project folder that a command works in, its target, and the settings that follow from both."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from landfall.errors import LandfallError

if TYPE_CHECKING:
    from landfall.metadata.engine import Database
    from landfall.settings import Settings
    from landfall.spec.project import Project, Target

LAPTOP = "laptop"

# Where a target of landfall.yml says what a variable of the environment says otherwise.
_VARIABLES: Mapping[str, str] = {
    "database_url": "LANDFALL_DATABASE_URL",
    "storage_account": "LANDFALL_STORAGE_ACCOUNT",
    "blob_endpoint": "LANDFALL_BLOB_ENDPOINT",
    "databricks_host": "DATABRICKS_HOST",
    "job_id": "LANDFALL_JOB_ID",
    "functions_url": "LANDFALL_FUNCTIONS_URL",
    "managed_identity_client_id": "LANDFALL_IDENTITY_CLIENT_ID",
}


class LaptopNotUp(LandfallError):
    """A command needs the laptop stack, and none was ever started for this project."""

    code = "LF6203"

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: the laptop stack was never started here. Start it with `landfall up`.")
        self.folder = folder


@dataclass(frozen=True, slots=True)
class Invocation:
    """What was said before the verb.

    Attributes:
        project_folder: Folder given with ``--project``; ``None`` searches upwards from the working directory.
        target_name: Name given with ``--target``; ``None`` is the project's default.
    """

    project_folder: Path | None = None
    target_name: str | None = None

    def folder(self) -> Path:
        """Return the project's folder.

        Raises:
            NoProject: There is none.
        """
        from landfall.spec.faults import NoProject
        from landfall.spec.project import PROJECT_FILE, find_project

        if self.project_folder is None:
            return find_project(Path.cwd())
        folder = self.project_folder.resolve()
        if not (folder / PROJECT_FILE).is_file():
            # Not searched upwards: who names a folder means that one.
            raise NoProject(str(folder))
        return folder

    def project(self) -> "Project":
        """Return what landfall.yml says.

        Raises:
            NoProject: There is none.
            InvalidSpec: It is not sound.
        """
        from landfall.spec.project import load_project

        return load_project(self.folder())

    def is_laptop(self) -> bool:
        """Return whether the target is the laptop.

        Raises:
            NoProject, InvalidSpec: As for ``project``.
        """
        return (self.target_name or self.project().default_target) == LAPTOP

    def settings(self) -> "Settings":
        """Return the settings of the target.

        Raises:
            UnknownTarget: The project does not have it.
            LaptopNotUp: It is the laptop, whose stack was never started.
            MissingSetting: A variable is not set.
        """
        from landfall.settings import Settings

        project = self.project()
        name = self.target_name or project.default_target
        if name == LAPTOP:
            return Settings.from_environment(_laptop_environment(project.root))
        return Settings.from_environment(_target_environment(project.target(name)))

    def database(self) -> "Database":
        """Return the metadata database of the target; nothing is sent to it yet."""
        from landfall.metadata.engine import Database

        return Database.connect(self.settings())


def invocation(context: typer.Context) -> Invocation:
    """Return what was said before the verb."""
    found = context.find_object(Invocation)
    if found is None:
        raise LookupError("the root command stores an Invocation before any verb runs")
    return found


def _laptop_environment(folder: Path) -> Mapping[str, str]:
    from landfall.local.laptop_env import read_environment
    from landfall.local.layout import Layout

    written = read_environment(Layout(folder).env_file)
    if not written:
        raise LaptopNotUp(folder)
    # The stack knows its own ports; what else the environment says stays.
    return {**os.environ, **written}


def _target_environment(target: "Target") -> Mapping[str, str]:
    declared = {_VARIABLES[name]: str(value) for name, value in target.settings.items()}
    # A variable that is set is meant for this call, so it wins over the file.
    return {**declared, **os.environ}
