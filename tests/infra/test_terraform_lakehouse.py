"""What the stack `lakehouse` makes is what the app submits, what product files say, and closed to everybody else."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from landfall import addresses
from landfall.jobs.profile import ComputeProfile
from landfall.spec.load import load_products
from tests.infra.conftest import Planned
from tests.infra.terraform import ENVIRONMENTS, REPOSITORY, SOURCE, Plan, Terraform

pytestmark = pytest.mark.infra

_APP = "id-landfall-func-prd-weu-lf01.client_id"
_JOBS = "id-landfall-jobs-prd-weu-lf01.client_id"
_LAKE = "abfss://lake@stlandfalllakeprdweulf01.dfs.core.windows.net"


@pytest.fixture(scope="module")
def plan(planned: Planned) -> Plan:
    return planned("lakehouse", "prd")


@pytest.fixture(scope="module")
def wheel() -> str:
    done = subprocess.run(
        [sys.executable, SOURCE / "wheel", "--name"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _grants(plan: Plan, kind: str, of: str) -> dict[str, set[str]]:
    """Return the privileges on one securable by principal."""
    (found,) = (g for g in plan.made("databricks_grants") if g.values[kind] == of)
    return {grant["principal"]: set(grant["privileges"]) for grant in found.values["grant"]}


def _job_as_sent(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a planned job as the Jobs API takes it."""
    (task,) = values["task"]
    (wheel_task,) = task["python_wheel_task"]
    return {
        "name": values["name"],
        "max_concurrent_runs": values["max_concurrent_runs"],
        "parameters": values["parameter"],
        "queue": values["queue"][0],
        "timeout_seconds": values["timeout_seconds"],
        "performance_target": values["performance_target"],
        "environments": [
            {
                "environment_key": environment["environment_key"],
                "spec": {k: v for k, v in environment["spec"][0].items() if v is not None},
            }
            for environment in values["environment"]
        ],
        "tasks": [
            {
                **{
                    k: task[k]
                    for k in ("task_key", "environment_key", "max_retries", "disable_auto_optimization")
                },
                "python_wheel_task": {k: v for k, v in wheel_task.items() if v is not None},
            }
        ],
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_saved_job_is_the_one_that_the_app_describes(
    environment: str, planned: Planned, wheel: str
) -> None:
    (job,) = planned("lakehouse", environment).made("databricks_job")
    profile = ComputeProfile(dependencies=(f"/Volumes/landfall_{environment}/platform/wheels/{wheel}",))

    assert _job_as_sent(job.values) == profile.saved_job()


def test_another_runtime_is_another_wheel(wheel: str, terraform: Terraform) -> None:
    run = terraform.project / "spark_runtime/src/spark_runtime/run.py"
    run.write_text(f"{run.read_text()}\n")

    (file,) = terraform.plan("lakehouse", "dev").made("databricks_file")

    assert file.values["path"].startswith("/Volumes/landfall_dev/platform/wheels/spark_runtime-")
    assert not file.values["path"].endswith(wheel)


def test_jobs_run_as_their_own_identity_and_the_app_may_only_run_them(plan: Plan) -> None:
    (job,) = plan.made("databricks_job")
    (permissions,) = (p for p in plan.made("databricks_permissions") if ".job[" in p.address)
    principals = {p.values["display_name"]: p.values for p in plan.made("databricks_service_principal")}
    levels = {
        control["service_principal_name"] or control["group_name"]: control["permission_level"]
        for control in permissions.values["access_control"]
    }
    granted = {g["principal"] for grants in plan.made("databricks_grants") for g in grants.values["grant"]}

    assert job.values["run_as"][0]["service_principal_name"] == _JOBS
    assert levels == {_APP: "CAN_MANAGE_RUN", "sg-landfall-operators-prd": "CAN_VIEW"}
    assert not any(p["allow_cluster_create"] or p["databricks_sql_access"] for p in principals.values())
    # The app reads and writes no table: that jobs do.
    assert _APP not in granted


def test_every_product_file_has_its_schema_and_the_folders_that_landfall_uses(plan: Plan) -> None:
    products = {product.key: product for product in load_products(REPOSITORY)}
    schemas = {f"{s.values['catalog_name']}.{s.values['name']}" for s in plan.made("databricks_schema")}
    locations = {v.values["url"]: v for v in plan.made("databricks_external_location")}
    volumes = {v.values["storage_location"] for v in plan.made("databricks_volume")}

    assert len(products) > 1
    for product in products.values():
        domain, name, team = product.domain, product.name, product.owner.team
        schema = f"landfall_prd_{domain}.{name}"
        tables = f"{_LAKE}/{addresses.table_path(domain, name, 'gold', 'x').removesuffix('/gold/x')}"

        assert schema in schemas
        assert tables in locations
        assert f"{_LAKE.replace('lake@', 'landing@')}/{addresses.landing_path(domain, name, '')}" in volumes
        assert {"MODIFY", "SELECT", "CREATE_TABLE"} <= _grants(plan, "schema", schema)[_JOBS]
        assert "MODIFY" not in _grants(plan, "schema", schema)[team]
        assert "USE_CATALOG" in _grants(plan, "catalog", f"landfall_prd_{domain}")[team]
    # Where the runtime writes besides, no two within one another.
    assert f"{_LAKE}/{addresses.quarantine_path('d', 'p', 'x').partition('/')[0]}" in locations
    assert not [
        (inner, outer)
        for inner in locations
        for outer in locations
        if inner != outer and inner.startswith(f"{outer}/")
    ]


def test_consumers_read_and_nothing_more(terraform: Terraform) -> None:
    file = terraform.project / "data_products/mobility/flights/product.yml"
    file.write_text(f"{file.read_text()}\nx-consumers: [sg-analysts]\n")

    plan = terraform.plan("lakehouse", "prd")

    assert _grants(plan, "schema", "landfall_prd_mobility.flights")["sg-analysts"] == {"SELECT", "USE_SCHEMA"}
    assert _grants(plan, "catalog", "landfall_prd_mobility")["sg-analysts"] == {"USE_CATALOG"}
    assert "sg-analysts" not in _grants(plan, "schema", "landfall_prd_mobility.fleet")


def test_the_owner_of_each_product_is_told(plan: Plan) -> None:
    products = {product.key: product for product in load_products(REPOSITORY)}
    groups = {g.values["name"]: g.values["email_receiver"] for g in plan.made("azurerm_monitor_action_group")}
    alerts = plan.made("azurerm_monitor_scheduled_query_rules_alert_v2")

    assert [receiver["email_address"] for r in groups.values() for receiver in r] == [
        product.owner.email for product in products.values()
    ]
    for key in products:
        asked = [
            alert.values["criteria"][0]["query"]
            for alert in alerts
            if alert.values["display_name"].startswith(f"{key}:")
        ]

        assert len(asked) == 2
        assert all(f'"{key}"' in query for query in asked)


def test_serverless_compute_reaches_the_lake_privately_and_nothing_else(plan: Plan) -> None:
    rules = {
        (rule.values["resource_id"].rpartition("/")[2], rule.values["group_id"])
        for rule in plan.made("databricks_mws_ncc_private_endpoint_rule")
    }
    (policy,) = plan.made("databricks_account_network_policy")
    access = policy.values["egress"]["network_access"]

    assert rules == {
        (account, part)
        for account in ("stlandfalllakeprdweulf01", "stlandfalldbwprdweulf01")
        for part in ("blob", "dfs")
    }
    assert len([a for a in plan.made("azapi_update_resource") if "approval" in a.address]) == len(rules)
    assert (access["restriction_mode"], access["allowed_internet_destinations"]) == ("RESTRICTED_ACCESS", [])
    assert access["policy_enforcement"]["enforcement_mode"] == "ENFORCED"


def test_the_repository_is_shown_in_development_only(planned: Planned) -> None:
    shown = {
        environment: [
            repo.values["url"] for repo in planned("lakehouse", environment).made("databricks_repo")
        ]
        for environment in ENVIRONMENTS
    }

    assert shown == {"dev": ["https://dev.azure.com/example/landfall/_git/landfall"], "tst": [], "prd": []}


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("api_version: landfall/v1", "api_version: landfall/v2", "api_version is not landfall/v1"),
        ("name: fleet\n", "name: fleets\n", "domain and name are not those of its folder"),
        ("team: mobility-data, ", 'team: "", ', "owner.team is missing"),
        ("email: mobility-data@contoso.example", "email: mobility-data", "owner.email is no address"),
        ("run: {on: [landing]}", "run: {on: [landing]}\nx-consumers: {a: 1}", "x-consumers is not a list"),
    ],
    ids=["version", "folder", "team", "email", "consumers"],
)
def test_a_product_that_does_not_fit_is_refused_by_its_file(
    before: str, after: str, says: str, terraform: Terraform
) -> None:
    file = terraform.project / "data_products/mobility/fleet/product.yml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))

    answer = terraform.try_plan("lakehouse", "dev")

    assert answer.exit_code == 1
    assert f"mobility/fleet/product.yml: {says}" in " ".join(answer.output.replace("│", " ").split())
