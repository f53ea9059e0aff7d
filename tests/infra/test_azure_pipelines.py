"""`infra/azure-pipelines`: held against the language service of the editors, and against itself."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.infra.terraform import ENVIRONMENTS, STACKS

pytestmark = pytest.mark.infra

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "infra/azure-pipelines"
TOOLS = ROOT / ".landfall/tools/azure-pipelines"
LINT = Path(__file__).parent / "pipelines/lint.cjs"
# Files of variables alone are no pipelines.
FILES = sorted(path for path in SOURCE.rglob("*.yml") if path.parent.name != "variables")
TASKS = {
    "ArchiveFiles@2",
    "AzureCLI@2",
    "AzureFunctionApp@2",
    "AzurePowerShell@5",
    "AzureResourceManagerTemplateDeployment@3",
    "UseNode@1",
    "UsePythonVersion@0",
}
CONNECTION = {"azureSubscription", "azureResourceManagerConnection"}
# Of the platform itself, and what it sets for a job.
GIVEN = re.compile(r"(Build|System|Pipeline|Agent)\.")
SECRET = re.compile(r"(?i)(password|secret|accountkey|token)\s*[:=]\s*[\"']?[A-Za-z0-9+/]{12,}")


def lint(*files: Path) -> dict[str, list[str]]:
    if not (TOOLS / ".landfall-setup").exists() or shutil.which("node") is None:
        pytest.skip("the language service of Azure Pipelines is not there: run `make azure-pipelines`")
    done = subprocess.run(
        ["node", LINT, TOOLS, TOOLS / "schema.json", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def read(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())


def nested(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from nested(item)


BROKEN = {
    "a misspelt key": ("dependsOn: test", "dependson: test"),
    "an unknown task": ("UsePythonVersion@0", "UsePythonVersionn@0"),
    "an unknown input": ("versionSpec", "versionSpecc"),
    "a misspelt strategy": ("displayName: What CI runs", "displyName: What CI runs"),
}


def test_the_language_service_finds_nothing_and_would_find_something(tmp_path: Path) -> None:
    """The broken files are what tells a service that finds nothing from one that looks at nothing."""
    text = (SOURCE / "ci.yml").read_text()
    broken = []
    for number, (old, new) in enumerate(BROKEN.values()):
        assert old in text
        broken.append(tmp_path / f"{number}.yml")
        broken[-1].write_text(text.replace(old, new, 1))

    found = lint(*FILES, *broken)

    assert {path: faults for path, faults in found.items() if faults and Path(path) not in broken} == {}
    assert [path.name for path in broken if not found[str(path)]] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_fits_the_others(path: Path) -> None:
    faults = list(faults_of(path))

    assert faults == []


def faults_of(path: Path) -> Iterator[str]:
    written = read(path)
    text = path.read_text()
    if SECRET.search(text):
        yield "a secret may stand in it"
    for item in nested(written):
        if isinstance(item.get("template"), str):
            yield from faults_of_template(path, item)
        yield from faults_of_step(item)
        if item.get("deployment") is not None and not str(item.get("environment", "")).startswith(
            "landfall-"
        ):
            yield f"deployment {item['deployment']} has no environment, so nobody approves it"
    known = {name for environment in ENVIRONMENTS for name in variables(environment)}
    for name in sorted(set(re.findall(r"\$\(([A-Za-z][A-Za-z.]*)\)", text))):
        if not GIVEN.match(name) and name not in known:
            yield f"no variable '{name}'"


def faults_of_step(item: Mapping[str, Any]) -> Iterator[str]:
    inputs = item.get("inputs", {})
    if "task" in item:
        if item["task"] not in TASKS:
            yield f"{item['task']} is not on the list of tasks"
        for key in CONNECTION & inputs.keys():
            if inputs[key] != "$(serviceConnection)":
                yield f"{item['task']} does not sign in by the environment's connection"
    script = item.get("bash") or inputs.get("inlineScript")
    if isinstance(script, str):
        # What is in place of an expression must be a word of the shell.
        plain = re.sub(r"\$\{\{.*?\}\}|\$\([A-Za-z.]+\)", "x", script)
        done = subprocess.run(["bash", "-n"], input=plain, capture_output=True, text=True, check=False)
        if done.returncode:
            yield f"bash: {done.stderr.strip()}"


def faults_of_template(path: Path, item: Mapping[str, Any]) -> Iterator[str]:
    name = item["template"]
    for environment in ENVIRONMENTS if "${{" in name else ("",):
        target = (path.parent / re.sub(r"\$\{\{.*?\}\}", environment, name)).resolve()
        if not target.exists():
            yield f"no template {name}"
            continue
        declared = {one["name"]: one for one in read(target).get("parameters", [])}
        given = item.get("parameters", {})
        for parameter in given.keys() - declared.keys():
            yield f"{name} has no parameter '{parameter}'"
        for parameter, one in declared.items():
            if parameter not in given and "default" not in one:
                yield f"{name} is not given '{parameter}'"
            value = str(given.get(parameter, ""))
            if "values" in one and value and "${{" not in value and value not in one["values"]:
                yield f"{name}: '{parameter}' cannot be '{value}'"


def variables(environment: str) -> dict[str, str]:
    return dict(read(SOURCE / f"variables/{environment}.yml")["variables"])


def test_environments_differ_in_values_only() -> None:
    assert len({frozenset(variables(environment)) for environment in ENVIRONMENTS}) == 1
    for environment in ENVIRONMENTS:
        others = set(ENVIRONMENTS) - {environment}
        assert not [text for text in variables(environment).values() if any(f"-{o}-" in text for o in others)]


def test_each_stack_has_a_pipeline_and_the_chain_has_all_of_them_in_order() -> None:
    chain = [item.get("parameters", {}) for item in nested(read(SOURCE / "platform.yml"))]
    chained = [given["stack"] for given in chain if "stack" in given]

    assert sorted(path.stem for path in (SOURCE / "stacks").glob("*.yml")) == sorted(STACKS)
    assert chained == list(STACKS)


def test_what_is_applied_is_the_plan_that_was_published() -> None:
    stages = read(SOURCE / "templates/stages-stack.yml")["stages"]
    plan, apply = (list(nested(stage)) for stage in stages)

    (published,) = [item["artifact"] for item in plan if "publish" in item]
    (taken,) = [item["artifact"] for item in apply if "download" in item]
    assert published == taken
    assert [
        item["parameters"]["verb"] for item in apply if item.get("template") == "steps-terraform.yml"
    ] == ["apply-plan"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("steps-metadata.yml", "steps-metadatta.yml", "no template"),
        ("verb: compare", "verb: drop", "cannot be 'drop'"),
        ("environment: dev, verb", "environmentt: dev, verb", "has no parameter 'environmentt'"),
        ("bash: .ci/run", "bash: if .ci/run", "bash:"),
        ("$(Build.ArtifactStagingDirectory)", "$(stagingDirectory)", "no variable 'stagingDirectory'"),
    ],
)
def test_files_that_do_not_fit_are_refused(old: str, new: str, fault: str, tmp_path: Path) -> None:
    copy = tmp_path / "azure-pipelines"
    shutil.copytree(SOURCE, copy)
    text = (copy / "ci.yml").read_text()
    assert old in text
    (copy / "ci.yml").write_text(text.replace(old, new, 1))

    assert fault in "\n".join(faults_of(copy / "ci.yml"))


def test_a_comment_closes_its_thread() -> None:
    name = {"__name__": "comment"}
    exec((SOURCE / "comment.py").read_text(), name)  # noqa: S102 - no package of ours

    body = json.loads(name["thread_of"]("+ sales/orders: new\n"))  # type: ignore[operator]

    assert body["status"] == "closed"
    assert "+ sales/orders: new" in body["comments"][0]["content"]
