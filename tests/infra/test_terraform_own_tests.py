"""Runs the `terraform test` files beside modules and stacks, with mocked providers that know their schemas."""

import re
from pathlib import Path

import pytest

from tests.infra.terraform import SOURCE, Terraform

pytestmark = pytest.mark.infra

_FILES = sorted(file.relative_to(SOURCE) for file in SOURCE.rglob("*.tftest.hcl"))


@pytest.fixture(scope="module")
def tested(initialised: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """A copy for all of them: they change nothing."""
    return initialised.copy(tmp_path_factory.mktemp("tested") / "project")


@pytest.mark.parametrize("file", _FILES, ids=["-".join(file.parts[:2]) for file in _FILES])
def test_what_terraform_tests_itself_holds(file: Path, tested: Terraform) -> None:
    answer = tested.test(file.parents[1])

    runs = len(re.findall(r"^run ", (SOURCE / file).read_text(), re.M))
    assert answer.exit_code == 0, answer.output
    assert f"{runs} passed, 0 failed" in answer.output


def test_everything_that_decides_something_has_such_a_test() -> None:
    """What only reads, or makes the same in any case, is held by its plans."""
    without = {"modules/platform", "stacks/databricks", "stacks/identity"}
    tested = {file.parents[1].as_posix() for file in _FILES}
    there = {
        folder.relative_to(SOURCE).as_posix()
        for kind in ("modules", "stacks")
        for folder in (SOURCE / kind).iterdir()
    }

    assert there - tested == without


def test_a_module_that_breaks_its_test_is_found(terraform: Terraform) -> None:
    module = terraform.root / "modules/storage_account/main.tf"
    module.write_text(
        module.read_text().replace(
            "shared_access_key_enabled         = false", "shared_access_key_enabled = true"
        )
    )

    answer = terraform.test(Path("modules/storage_account"))

    assert answer.exit_code == 1
    assert "reached from outside, with a key" in answer.output
