"""What can be told of the files of `infra/terraform` without planning them."""

import re

import pytest

from tests.infra.terraform import ENVIRONMENTS, REPOSITORY, SOURCE, STACKS, badly_laid_out

pytestmark = pytest.mark.infra

_GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def test_files_are_laid_out_as_terraform_does(terraform_program: str) -> None:
    assert badly_laid_out(terraform_program, SOURCE) == []


def test_every_stack_is_listed_and_has_a_file_for_each_environment() -> None:
    stacks = {folder.name for folder in (SOURCE / "stacks").iterdir()}
    variables = [
        stack
        for stack in STACKS
        if (SOURCE / "stacks" / stack / "variables.tf").exists()
        and {f.stem for f in (SOURCE / "stacks" / stack / "env").iterdir()} != set(ENVIRONMENTS)
    ]

    assert stacks == set(STACKS)
    assert variables == []
    assert {file.name for file in (SOURCE / "env").iterdir()} == {
        f"{environment}.{kind}" for environment in ENVIRONMENTS for kind in ("tfvars", "backend.hcl")
    }


@pytest.mark.parametrize("stack", STACKS)
def test_what_stacks_have_in_common_is_linked_not_copied(stack: str) -> None:
    linked = {file.name for file in (SOURCE / "stacks" / stack).iterdir() if file.is_symlink()}

    assert linked <= {file.name for file in (SOURCE / "common").iterdir()}
    assert {"azurerm.tf", "deployment.tf"} <= linked
    # What a policy assigns lies in no group.
    assert ("group.tf" in linked) == (stack != "policy")


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_has_a_state_of_its_own_that_is_reached_with_entra(stack: str) -> None:
    versions = (SOURCE / "stacks" / stack / "versions.tf").read_text()

    assert 'backend "azurerm" {}' in versions
    assert f"key={stack}.tfstate" in versions
    for environment in ENVIRONMENTS:
        backend = (SOURCE / "env" / f"{environment}.backend.hcl").read_text()
        assert "use_azuread_auth     = true" in backend
        assert "access_key" not in backend


# Gone in azurerm 5, where each has a successor that 4.81 knows already.
_GONE = (
    "enable_rbac_authorization",
    "storage_account_name = azurerm_storage_account",
    "source_arm_resource_id",
    "local_authentication_disabled",
    "disable_ip_masking",
    "retention_policy {",
    "queue_properties",
    "static_website",
)


def test_no_argument_is_used_that_the_next_provider_has_no_more() -> None:
    used = [
        f"{file.relative_to(SOURCE)}: {gone}"
        for file in SOURCE.rglob("*.tf")
        for gone in _GONE
        if re.search(rf"(?<![a-z_]){re.escape(gone)}", re.sub(r" +", " ", file.read_text()))
    ]

    assert used == []


def test_no_file_holds_a_secret_or_somebodys_id() -> None:
    suspicious = re.compile(r"AccountKey=|SharedAccessSignature|password\s*=\s*\"|sas_token", re.I)
    files = [file for file in SOURCE.rglob("*") if file.suffix in {".tf", ".tfvars", ".hcl"}]
    ids = {found for file in files if file.suffix != ".tf" for found in _GUID.findall(file.read_text())}

    assert [str(file) for file in files if suspicious.search(file.read_text())] == []
    assert ids == {"00000000-0000-0000-0000-000000000000"}


def test_what_the_threat_model_says_is_held_by_a_test_is() -> None:
    section = (REPOSITORY / "docs/security.md").read_text().partition("## Threats")[2]
    held_by = [
        name
        for line in section.splitlines()
        if line.startswith("| ")
        for name in re.findall(r"`([^`]+)`", line.rpartition(" | ")[2])
    ]
    code = "\n".join(file.read_text() for file in (REPOSITORY / "tests/infra").glob("*.py"))

    assert len(held_by) > 10
    assert [n for n in held_by if f"def {n}(" not in code and not (REPOSITORY / n).exists()] == []
