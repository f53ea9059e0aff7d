"""Providers and plans for the tests of `infra/terraform`; without Terraform on the machine these are skipped."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.infra.terraform import ENVIRONMENTS, STACKS, TOOLS, Plan, Providers, Terraform

Planned = Callable[[str, str], Plan]


@pytest.fixture(scope="session")
def terraform_program() -> str:
    program = shutil.which("terraform")
    if program is None:
        pytest.skip(
            "terraform is not on this machine: install version 1.11 or later to check infra/terraform"
        )
    return program


@pytest.fixture(scope="session")
def providers(terraform_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Providers]:
    if not (TOOLS / ".landfall-setup").exists():
        pytest.skip("the schemas of the Terraform providers are not there: run `make terraform-schemas`")
    with Providers(tmp_path_factory.mktemp("providers")) as running:
        yield running


@pytest.fixture(scope="session")
def initialised(providers: Providers, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    return Terraform.initialise(tmp_path_factory.mktemp("initialised") / "project", providers)


@pytest.fixture
def terraform(initialised: Terraform, tmp_path: Path) -> Terraform:
    """A copy of the source that a test may spoil."""
    return initialised.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def planned(initialised: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planned]:
    """Every stack in every environment, planned in the background, each stack by one thread."""
    source = initialised.copy(tmp_path_factory.mktemp("plans") / "project")
    with ThreadPoolExecutor(2) as pool:
        stacks: dict[str, Future[dict[str, Plan]]] = {
            stack: pool.submit(_plan_all, source, stack) for stack in STACKS
        }
        yield lambda stack, environment: stacks[stack].result()[environment]


def _plan_all(source: Terraform, stack: str) -> dict[str, Plan]:
    return {environment: source.plan(stack, environment) for environment in ENVIRONMENTS}
