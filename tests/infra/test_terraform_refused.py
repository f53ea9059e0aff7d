"""What is broken on purpose is refused: by Terraform with the providers' schemas, or by the checks on plans."""

from pathlib import Path

import pytest

from tests.infra.checks import faults
from tests.infra.terraform import Terraform, badly_laid_out

pytestmark = pytest.mark.infra


def _spoil(terraform: Terraform, file: str, before: str, after: str) -> None:
    path = terraform.root / file
    text = path.read_text()
    assert before in text, f"{file} no longer holds what this test breaks"
    path.write_text(text.replace(before, after, 1))


# What is wrong of one kind is told at once, so one plan has all of it.
_FAULTS = {
    "schema": [
        ("tenant_id           =", "tenant_ids =", "Unsupported argument"),
        ('sku_name            = "standard"', "", "Missing required argument"),
        ("network_acls {", "network_acl {", "Unsupported block type"),
        (
            "purge_protection_enabled   = true",
            "purge_protection_enabled = []",
            "Incorrect attribute value type",
        ),
    ],
    "attribute": [("azurerm_key_vault.this.id", "azurerm_key_vault.this.ids", "Unsupported attribute")],
    "type": [('resource "azurerm_key_vault"', 'resource "azurerm_keyvault"', "Invalid resource type")],
    "subresource": [('subresource   = "vault"', 'subresource = "volt"', "Invalid index")],
    "choice": [('"standard"', '"Standard"', "'Standard' is not one of standard, premium")],
    "nested choice": [('operator = "LessThan"', 'operator = "Less"', "'Less' is not one of Equals")],
}


@pytest.mark.parametrize("kind", _FAULTS)
def test_terraform_refuses_what_the_provider_would(kind: str, terraform: Terraform) -> None:
    for before, after, _ in _FAULTS[kind]:
        _spoil(terraform, "stacks/key_vault/main.tf", before, after)

    answer = terraform.try_plan("key_vault", "dev")

    assert answer.exit_code == 1
    assert [says for _, _, says in _FAULTS[kind] if says not in answer.output] == []


def test_a_wrong_deployment_is_refused_with_what_to_write(terraform: Terraform) -> None:
    for before, after in (
        ('suffix      = "lf01"', 'suffix = "LF-01"'),
        ('environment = "dev"', 'environment = "test"'),
        ('location    = "westeurope"', 'location = "westus9"'),
        ('owner       = "data-platform@example.com"', 'owner = ""'),
    ):
        _spoil(terraform, "env/dev.tfvars", before, after)

    answer = terraform.try_plan("key_vault", "dev")

    told = " ".join(answer.output.replace("│", " ").split())
    assert answer.exit_code == 1
    for says in (
        "suffix is 3 or 4",
        "environment is dev, tst or prd",
        "location has no abbreviation",
        "none may be empty",
    ):
        assert says in told


@pytest.mark.parametrize(
    ("stack", "file", "before", "after", "fault"),
    [
        (
            "key_vault",
            "stacks/key_vault/main.tf",
            "public_network_access_enabled = false",
            "public_network_access_enabled = true",
            "azurerm_key_vault.this: public_network_access_enabled is True, not False",
        ),
        (
            "key_vault",
            "modules/private_endpoint/main.tf",
            "subresource_names              = [var.subresource]",
            "subresource_names = []",
            "azurerm_key_vault.this: no private endpoint `vault` with a record in privatelink.vaultcore.azure.net",
        ),
        (
            "key_vault",
            "stacks/key_vault/main.tf",
            "tags                = local.tags\n  tenant_id",
            "tenant_id",
            "azurerm_key_vault.this: lacks the tags domain, owner, environment, cost_center",
        ),
        (
            "sql",
            "stacks/sql/main.tf",
            "azuread_authentication_only = true",
            "azuread_authentication_only = false",
            "azurerm_mssql_server.this: signs in others than Entra's",
        ),
        (
            "sql",
            "stacks/sql/monitoring.tf",
            "/databases/master",
            "/databases/model",
            "azurerm_mssql_server.this/databases/master: has no diagnostic setting",
        ),
        (
            "storage",
            "stacks/storage/events.tf",
            '"Storage Queue Data Message Sender"',
            '"Contributor"',
            "azurerm_role_assignment.topic[\"queue\"]: 'Contributor' may do more than anybody here needs",
        ),
        (
            "policy",
            "stacks/policy/remediation.tf",
            '"Monitoring Contributor"',
            '"Reader"',
            "azurerm_role_assignment.logs[\"Reader\"]: 'Reader' holds for the whole subscription",
        ),
        (
            "function_app",
            "stacks/function_app/main.tf",
            'publicNetworkAccess       = "Disabled"',
            'publicNetworkAccess = "Enabled"',
            "azapi_resource.this: the app is reached from outside, or without encryption",
        ),
        (
            "function_app",
            "stacks/function_app/settings.tf",
            "AzureWebJobsStorage__accountName ",
            "AzureWebJobsStorage ",
            "azapi_resource.this: the setting AzureWebJobsStorage holds a key",
        ),
        (
            "lakehouse",
            "modules/data_product/main.tf",
            'isolation_mode  = "ISOLATION_MODE_ISOLATED"',
            'isolation_mode = "ISOLATION_MODE_OPEN"',
            "\n".join(
                f'module.data_product["mobility/{product}"].databricks_external_location.this: '
                "is seen in every workspace of the region"
                for product in ("fleet", "flights")
            ),
        ),
        (
            "lakehouse",
            "stacks/lakehouse/jobs.tf",
            "run_as {\n    service_principal_name = local.jobs\n  }",
            "",
            'databricks_job.this["default"]: runs as whoever saved it',
        ),
        (
            "lakehouse",
            "stacks/lakehouse/network.tf",
            '"RESTRICTED_ACCESS"',
            '"FULL_ACCESS"',
            "databricks_account_network_policy.this: serverless compute reaches every host",
        ),
    ],
    ids=[
        "public",
        "endpoint",
        "tags",
        "password",
        "logs",
        "role",
        "scope",
        "app",
        "key",
        "isolation",
        "run_as",
        "egress",
    ],
)
def test_a_plan_that_breaks_a_promise_is_found(
    stack: str, file: str, before: str, after: str, fault: str, terraform: Terraform
) -> None:
    _spoil(terraform, file, before, after)

    found = faults(terraform.plan(stack, "dev"))

    assert found == fault.splitlines()


def test_a_file_of_another_layout_is_refused(terraform_program: str, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text("locals {\n a=1\n}\n")

    assert badly_laid_out(terraform_program, tmp_path) == ["main.tf"]
