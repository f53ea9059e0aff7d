"""Runs Terraform on a scratch copy of `infra/terraform`, with providers that know their schemas only."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "infra/terraform"
TOOLS = REPOSITORY / ".landfall/tools/terraform"
PROVIDERS = {
    "azurerm": "hashicorp/azurerm",
    "azapi": "azure/azapi",
    "databricks": "databricks/databricks",
}
ENVIRONMENTS = ("dev", "tst", "prd")
STACKS = (
    "monitor",
    "network",
    "storage",
    "key_vault",
    "identity",
    "sql",
    "databricks",
    "lakehouse",
    "function_app",
    "data_factory",
    "policy",
)
"""In the order in which they are applied."""

# Read once: plans are made in threads, and pytest changes a variable with every test.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}

_TYPE = re.compile(r'^(?:resource|data) "(\w+)"', re.M)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource or data source of a plan; what is known only after it is applied is left out of ``values``."""

    address: str
    type: str
    is_data: bool
    values: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Return the id that the schema-only provider gives what has a name."""
        return f"{self.type}/{self.values['name']}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stack makes and reads in one environment."""

    stack: str
    environment: str
    resources: tuple[Resource, ...]

    def made(self, *types: str) -> list[Resource]:
        """Return the resources of the given types, or all."""
        return [r for r in self.resources if not r.is_data and (not types or r.type in types)]

    def read(self) -> list[Resource]:
        return [r for r in self.resources if r.is_data]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, and all that it wrote."""

    exit_code: int
    output: str


class Providers:
    """The schema-only providers, running until they are closed."""

    def __init__(self, folder: Path) -> None:
        types = sorted({t for file in SOURCE.rglob("*.tf") for t in _TYPE.findall(file.read_text())})
        spec = folder / "providers.json"
        spec.write_text(
            json.dumps(
                {
                    source: {"schema": str(TOOLS / f"{name}.json"), "types": types}
                    for name, source in PROVIDERS.items()
                }
            )
        )
        self._process = subprocess.Popen(
            [TOOLS / "venv/bin/python", Path(__file__).parent / "provider/server.py", spec],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.attached: dict[str, str] = json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@dataclass(frozen=True, slots=True)
class Terraform:
    """A copy of the source and of what it reads, every stack initialised and with its state beside it.

    Attributes:
        project: Stands for the root of the repository.
    """

    project: Path
    providers: Providers

    @property
    def root(self) -> Path:
        return self.project / "infra/terraform"

    @classmethod
    def initialise(cls, project: Path, providers: Providers) -> Self:
        """Copy the source and initialise all stacks; that takes seconds, a copy of the outcome does not."""
        made = cls(project, providers)
        root = made.root
        shutil.copytree(SOURCE, root, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "wheels"))
        for read in (
            "data_products/*/*/product.yml",
            "spark_runtime/pyproject.toml",
            "spark_runtime/src/**/*.*",
        ):
            for file in filter(Path.is_file, REPOSITORY.glob(read)):
                copied = project / file.relative_to(REPOSITORY)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copied)
        for stack in STACKS:
            (root / "stacks" / stack / "backend_override.tf").write_text(
                'terraform {\n  backend "local" {}\n}\n'
            )
            answer = made._run(stack, "named", "init", "-input=false", "-no-color")
            assert answer.exit_code == 0, answer.output
        return made

    def copy(self, project: Path) -> Self:
        shutil.copytree(self.project, project)
        return type(self)(project, self.providers)

    def plan(self, stack: str, environment: str, *, ids: str = "named") -> Plan:
        """Return the plan of a stack, or fail the test with what Terraform says."""
        answer = self.try_plan(stack, environment, ids=ids)
        assert answer.exit_code == 0, answer.output
        shown = self._run(stack, ids, "show", "-json", f"{environment}.plan")
        return Plan(stack, environment, tuple(_resources(json.loads(shown.output))))

    def try_plan(self, stack: str, environment: str, *, ids: str = "named") -> Answer:
        return self._run(
            stack,
            ids,
            "plan",
            "-input=false",
            "-no-color",
            "-refresh=false",
            "-lock=false",
            f"-out={environment}.plan",
            *self._files(Path("stacks", stack), environment),
        )

    def test(self, folder: Path) -> Answer:
        """Run the `*.tftest.hcl` files of a module or stack, given by its folder below the root.

        Those of a stack begin with what it is given in development.
        """
        if folder.parts[0] == "stacks":
            return self._run_in(folder, "unknown", "test", "-no-color", *self._files(folder, "dev"))
        answer = self._run_in(folder, "unknown", "init", "-input=false", "-no-color")
        return answer if answer.exit_code else self._run_in(folder, "unknown", "test", "-no-color")

    def _files(self, folder: Path, environment: str) -> list[str]:
        files = [self.root / f"env/{environment}.tfvars", self.root / folder / f"env/{environment}.tfvars"]
        return [f"-var-file={file}" for file in files if file.exists()]

    def _run(self, stack: str, ids: str, *command: str) -> Answer:
        return self._run_in(Path("stacks", stack), ids, *command)

    def _run_in(self, folder: Path, ids: str, *command: str) -> Answer:
        done = subprocess.run(
            ["terraform", f"-chdir={self.root / folder}", *command],
            env=_ENVIRONMENT
            | {
                "TF_REATTACH_PROVIDERS": self.providers.attached[ids],
                "TF_CLI_CONFIG_FILE": os.devnull,
                "TF_IN_AUTOMATION": "1",
                "CHECKPOINT_DISABLE": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Answer(done.returncode, done.stdout)


def badly_laid_out(program: str, folder: Path) -> list[str]:
    """Return the files that `terraform fmt` would change, or cannot read."""
    done = subprocess.run(
        [program, "fmt", "-check", "-recursive", "."],
        cwd=folder,
        env=os.environ | {"TF_CLI_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).splitlines()


def _resources(shown: Mapping[str, Any]) -> Iterator[Resource]:
    prior = shown.get("prior_state", {}).get("values", {}).get("root_module", {})
    planned = shown["planned_values"]["root_module"]
    for module in (prior, planned):
        for found in _below(module):
            is_data = found["mode"] == "data"
            yield Resource(found["address"], found["type"], is_data, found["values"])


def _below(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _below(child)
