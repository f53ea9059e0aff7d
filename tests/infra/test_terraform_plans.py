"""Every stack in every environment is planned offline, and the plans keep what docs/deploy.md promises."""

import ast
import json
import re

import pytest

from landfall import addresses
from landfall.landing.events import FINISHED_WRITES
from landfall.settings import IdentitySettings, Settings, TelemetrySettings
from tests.infra.checks import app_settings, faults
from tests.infra.conftest import Planned
from tests.infra.terraform import ENVIRONMENTS, REPOSITORY, STACKS, Plan, Terraform

pytestmark = pytest.mark.infra

# Who may do what: role and the end of the scope, by address. A new one is added here too, with its reason in the code.
_ROLES = {
    "storage": {
        "flow_logs": ("Storage Blob Data Contributor", "stlandfalllogsprdweulf01"),
        'topic["queue"]': ("Storage Queue Data Message Sender", "queues/landfall-events"),
        'topic["dead_letters"]': ("Storage Blob Data Contributor", "containers/event-dead-letters"),
    },
    "databricks": {
        'lake["landing"]': ("Storage Blob Data Reader", "containers/landing"),
        'lake["lake"]': ("Storage Blob Data Contributor", "containers/lake"),
        'lake["control"]': ("Storage Blob Data Contributor", "containers/control"),
    },
    "function_app": {
        'this["host_blobs"]': ("Storage Blob Data Owner", "stlandfallhostprdweulf01"),
        'this["host_queues"]': ("Storage Queue Data Contributor", "stlandfallhostprdweulf01"),
        'this["host_tables"]': ("Storage Table Data Contributor", "stlandfallhostprdweulf01"),
        'this["landing"]': ("Storage Blob Data Reader", "containers/landing"),
        'this["control"]': ("Storage Blob Data Contributor", "containers/control"),
        'this["lake"]': ("Storage Blob Data Reader", "containers/lake"),
        'this["secrets"]': ("Key Vault Secrets User", "kv-landfall-prdweulf01"),
        'this["telemetry"]': ("Monitoring Metrics Publisher", "appi-landfall-prd-weu-lf01"),
    },
    "data_factory": {
        'this["landing"]': ("Storage Blob Data Contributor", "containers/landing"),
        'this["secrets"]': ("Key Vault Secrets User", "kv-landfall-prdweulf01"),
    },
    "policy": {
        'logs["Log Analytics Contributor"]': ("Log Analytics Contributor", "azurerm_subscription.id"),
        'logs["Monitoring Contributor"]': ("Monitoring Contributor", "azurerm_subscription.id"),
    },
}
_ABBREVIATIONS = {
    "azurerm_application_insights": "appi",
    "azurerm_data_factory": "adf",
    "azurerm_databricks_access_connector": "dbac",
    "azurerm_databricks_workspace": "dbw",
    "azurerm_eventgrid_system_topic": "evgst",
    "azurerm_key_vault": "kv",
    "azurerm_log_analytics_workspace": "log",
    "azurerm_monitor_action_group": "ag",
    "azurerm_mssql_database": "sqldb",
    "azurerm_mssql_server": "sql",
    "azurerm_nat_gateway": "ng",
    "azurerm_network_security_group": "nsg",
    "azurerm_private_endpoint": "pep",
    "azurerm_public_ip": "pip",
    "azurerm_resource_group": "rg",
    "azurerm_service_plan": "asp",
    "azurerm_subnet": "snet",
    "azurerm_user_assigned_identity": "id",
    "azurerm_virtual_network": "vnet",
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_is_private_signed_in_by_identity_watched_and_tagged(
    stack: str, environment: str, planned: Planned
) -> None:
    plan = planned(stack, environment)

    assert plan.made()
    assert faults(plan) == []


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_can_be_planned_before_any_id_is_known(stack: str, terraform: Terraform) -> None:
    plan = terraform.plan(stack, "prd", ids="unknown")

    assert plan.made()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_a_stack_looks_up_an_earlier_one_has_made(environment: str, planned: Planned) -> None:
    made: set[str] = set()
    missing = []
    for stack in STACKS:
        plan = planned(stack, environment)
        missing += [f"{stack}: {r.id}" for r in plan.read() if r.values.get("name") and r.id not in made]
        missing += [
            f"{stack}: {r.values['job_name']}"
            for r in plan.read()
            if r.values.get("job_name") and f"databricks_job/{r.values['job_name']}" not in made
        ]
        made |= {resource.id for resource in plan.made() if resource.values.get("name")}

    assert missing == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_names_begin_with_the_abbreviation_of_their_type_and_differ(
    environment: str, planned: Planned
) -> None:
    resources = [resource for stack in STACKS for resource in planned(stack, environment).made()]
    named = [resource for resource in resources if resource.type in _ABBREVIATIONS]
    wrong = [
        resource.id
        for resource in named
        if not resource.values["name"].startswith(f"{_ABBREVIATIONS[resource.type]}-")
        or environment not in resource.values["name"]
    ]

    assert wrong == []
    assert len({resource.id for resource in named}) == len(named)


def test_only_the_listed_roles_are_given(planned: Planned) -> None:
    given = {
        stack: {
            role.address.removeprefix("azurerm_role_assignment."): (
                role.values["role_definition_name"],
                role.values["scope"].rpartition("/")[2]
                if "/default/" not in role.values["scope"]
                else role.values["scope"].partition("/default/")[2],
            )
            for role in planned(stack, "prd").made("azurerm_role_assignment")
        }
        for stack in STACKS
    }

    assert {stack: roles for stack, roles in given.items() if roles} == _ROLES


def test_the_documented_matrix_of_roles_is_the_planned_one(planned: Planned) -> None:
    page = (REPOSITORY / "docs/security.md").read_text()
    section = page.partition("## Who may do what in Azure")[2].partition("\n## ")[0]
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in section.splitlines()
        if "|" in line
    ]
    identities = {
        "flow_logs": "flow log",
        "topic": "topic of the lake",
        "databricks": "access connector",
        "function_app": "app",
        "data_factory": "Data Factory",
        "policy": "policy of logs",
    }
    kinds = {
        "stlandfallhost": "host account",
        "stlandfalllogs": "account of flow logs",
        "kv-": "vault",
        "appi-": "Application Insights",
        "azurerm_subscription": "subscription",
    }
    assigned = []
    for stack in STACKS:
        for role in planned(stack, "prd").made("azurerm_role_assignment"):
            scope = role.values["scope"].partition("/default/")[2] or role.values["scope"].rpartition("/")[2]
            scope = next((kind for start, kind in kinds.items() if scope.startswith(start)), scope)
            owner = role.address.removeprefix("azurerm_role_assignment.").partition("[")[0]
            identity = identities.get(owner) or identities[stack]
            assigned.append((identity, role.values["role_definition_name"], scope))

    assert sorted(rows[2:]) == sorted(assigned)


def test_what_holds_data_is_locked_in_production_only(planned: Planned) -> None:
    locked = {
        environment: {
            lock.values["scope"].partition("/")[0]
            for stack in STACKS
            for lock in planned(stack, environment).made("azurerm_management_lock")
        }
        for environment in ENVIRONMENTS
    }

    assert locked["dev"] == locked["tst"] == set()
    assert locked["prd"] == {
        "azurerm_databricks_workspace",
        "azurerm_key_vault",
        "azurerm_log_analytics_workspace",
        "azurerm_mssql_server",
        "azurerm_storage_account",
    }


def test_subnets_have_security_groups_and_the_right_delegations(planned: Planned) -> None:
    plan = planned("network", "prd")
    guarded = {a.values["subnet_id"] for a in plan.made("azurerm_subnet_network_security_group_association")}
    subnets = plan.made("azurerm_subnet")
    delegated = {
        subnet.values["name"].removeprefix("snet-landfall-").partition("-prd")[0]: delegation[
            "service_delegation"
        ][0]["name"]
        for subnet in subnets
        for delegation in subnet.values["delegation"]
    }

    assert {subnet.id for subnet in subnets} == guarded
    # Flex Consumption takes no other, and refuses a name with an underscore.
    assert delegated == {
        "function-app": "Microsoft.App/environments",
        "databricks-host": "Microsoft.Databricks/workspaces",
        "databricks-container": "Microsoft.Databricks/workspaces",
    }
    assert not [subnet.id for subnet in subnets if "_" in subnet.values["name"]]


def test_every_zone_that_a_name_is_looked_up_in_is_linked_to_the_network(planned: Planned) -> None:
    plan = planned("network", "prd")
    zones = {zone.values["name"] for zone in plan.made("azurerm_private_dns_zone")}
    linked = {
        link.values["private_dns_zone_name"]
        for link in plan.made("azurerm_private_dns_zone_virtual_network_link")
    }

    assert linked == zones
    assert all(zone.startswith("privatelink.") for zone in zones)


def test_events_of_finished_writes_reach_the_queue_that_the_app_reads(planned: Planned) -> None:
    plan = planned("storage", "prd")
    subscriptions = {
        subscription.values["name"]: subscription.values
        for subscription in plan.made("azurerm_eventgrid_system_topic_event_subscription")
    }
    queues = {queue.values["name"] for queue in plan.made("azurerm_storage_queue")}
    triggers = set(re.findall(r'queue_name="([\w-]+)"', (REPOSITORY / "function_app.py").read_text()))

    assert queues == triggers
    filters = subscriptions["landfall-written"]["advanced_filter"][0]
    assert {value for rule in filters["string_in"] for value in rule["values"]} == FINISHED_WRITES
    for values in subscriptions.values():
        assert values["storage_queue_endpoint"][0]["queue_name"] == "landfall-events"
        # A user-assigned identity does not pass the firewall of the account.
        assert values["delivery_identity"][0]["type"] == "SystemAssigned"
        assert values["dead_letter_identity"][0]["type"] == "SystemAssigned"
        assert values["storage_blob_dead_letter_destination"]
        assert not values["azure_function_endpoint"]


def test_the_lake_has_the_containers_that_the_code_names(planned: Planned) -> None:
    containers = {
        container.values["name"]
        for container in planned("storage", "prd").made("azurerm_storage_container")
        if "lake" in container.values["storage_account_id"]
    }

    assert containers == set(addresses.CONTAINERS)


def test_who_talked_to_whom_is_kept_apart_from_what_others_keep(planned: Planned) -> None:
    plan = planned("storage", "prd")
    (log,) = (r for r in plan.made("azapi_resource") if "flowLogs@" in r.values["type"])
    properties = log.values["body"]["properties"]

    assert properties["targetResourceId"] == "azurerm_virtual_network/vnet-landfall-prd-weu-lf01"
    assert properties["storageId"] == "azurerm_storage_account/stlandfalllogsprdweulf01"
    assert properties["retentionPolicy"] == {"enabled": True, "days": 90}
    # Without an identity of its own it would need a shared key.
    assert log.values["identity"][0]["type"] == "UserAssigned"


def test_tables_are_never_deleted_by_age(planned: Planned) -> None:
    for environment in ENVIRONMENTS:
        for policy in planned("storage", environment).made("azurerm_storage_management_policy"):
            prefixes = {
                prefix for rule in policy.values["rule"] for prefix in rule["filters"][0]["prefix_match"]
            }

            assert prefixes == {"landing/", "control/"}


class _Recorded(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(key)
        return super().get(key, default)


def test_the_app_reads_the_settings_that_it_is_given(planned: Planned) -> None:
    (app,) = (r for r in planned("function_app", "prd").made("azapi_resource") if r.values["location"])
    given = _Recorded(app_settings(app))

    settings = Settings.from_environment(given)
    telemetry = TelemetrySettings.from_environment(given)
    identity = IdentitySettings.from_environment(given)

    assert (
        settings.database_url
        == "mssql+pyodbc://sql-landfall-prd-weu-lf01.database.windows.net/sqldb-landfall-prd"
    )
    assert settings.blob_endpoint == "https://stlandfalllakeprdweulf01.blob.core.windows.net"
    assert settings.functions_url == "https://func-landfall-prd-weu-lf01.azurewebsites.net"
    assert settings.managed_identity_client_id == "id-landfall-func-prd-weu-lf01.client_id"
    assert settings.job_id == 1001
    assert (settings.storage_key, settings.databricks_token) == (None, None)
    assert (settings.functions_audience or "").startswith("api://")
    assert (identity.signed_in_by_app_service, identity.insecure_local) == (True, None)
    assert not settings.callback_loopback
    assert telemetry.applicationinsights_connection_string
    # Nothing is set that nobody reads: what is left is read by the Functions host.
    of_host = {name for name in given if name not in given.asked}
    assert (
        of_host
        == {
            "APPLICATIONINSIGHTS_CONNECTION_STRING",
            "AzureWebJobsStorage__accountName",
            "AzureWebJobsStorage__clientId",
            "AzureWebJobsStorage__credential",
            "AzureWebJobs_on_blob_created_Disabled",
            "LANDFALL_EVENTS_STORAGE__clientId",
            "LANDFALL_EVENTS_STORAGE__credential",
            "LANDFALL_EVENTS_STORAGE__queueServiceUri",
            "PYTHON_THREADPOOL_THREAD_COUNT",
        }
        - given.asked
    )


def test_settings_name_functions_and_connections_that_the_app_has(planned: Planned) -> None:
    (app,) = (r for r in planned("function_app", "prd").made("azapi_resource") if r.values["location"])
    source = (REPOSITORY / "function_app.py").read_text()
    functions = {n.name for n in ast.walk(ast.parse(source)) if isinstance(n, ast.AsyncFunctionDef)}
    names = app_settings(app)
    disabled = {match[1] for name in names if (match := re.fullmatch(r"AzureWebJobs_(\w+)_Disabled", name))}
    connections = {name.partition("__")[0] for name in names if "__" in name} - {"AzureWebJobsStorage"}

    assert disabled == {"on_blob_created"} <= functions
    assert connections == set(re.findall(r'connection="(\w+)"', source))


def _emitted() -> set[str]:
    source = (REPOSITORY / "landfall/metrics.py").read_text()
    return set(re.findall(r'create_(?:counter|histogram|gauge)\(\s*"(landfall\.[a-z_.]+)"', source))


def _attributes() -> set[str]:
    """Return every attribute that stands on a metric or a span of ours."""
    places = (*(REPOSITORY / "activities").glob("*.py"), REPOSITORY / "landfall" / "exporting.py")
    sources = [path.read_text() for path in places]
    return {name for source in sources for name in re.findall(r'"(landfall\.[a-z_.]+)"', source)}


def _queries(plan: Plan) -> list[str]:
    workbooks = plan.made("azurerm_application_insights_workbook")
    items = [item for workbook in workbooks for item in json.loads(workbook.values["data_json"])["items"]]
    alerts = plan.made("azurerm_monitor_scheduled_query_rules_alert_v2")
    return [
        *(item["content"]["query"] for item in items if item["type"] == 3),
        *(alert.values["criteria"][0]["query"] for alert in alerts),
    ]


def test_queries_ask_for_attributes_that_metrics_have(planned: Planned) -> None:
    asked = {
        name
        for stack in ("monitor", "lakehouse")
        for query in _queries(planned(stack, "prd"))
        for name in re.findall(r'Properties\["([^"]+)"\]', query)
    }

    assert len(asked) > 4
    assert asked <= _attributes()


def test_alerts_ask_for_metrics_that_landfall_emits(planned: Planned) -> None:
    asked = {
        name
        for stack in ("monitor", "lakehouse")
        for alert in planned(stack, "prd").made("azurerm_monitor_scheduled_query_rules_alert_v2")
        for name in re.findall(r'Name == "([^"]+)"', alert.values["criteria"][0]["query"])
    }

    assert len(asked) == 6
    assert asked <= _emitted()


def test_the_workbook_shows_every_metric_that_landfall_emits(planned: Planned) -> None:
    (workbook,) = planned("monitor", "prd").made("azurerm_application_insights_workbook")
    items = json.loads(workbook.values["data_json"])["items"]
    queries = [item["content"]["query"] for item in items if item["type"] == 3]
    shown = [name for query in queries for name in re.findall(r'Name == "([^"]+)"', query)]

    assert sorted(shown) == sorted(_emitted())


def test_production_is_spread_over_zones_and_kept_longer(planned: Planned) -> None:
    (database,) = planned("sql", "prd").made("azurerm_mssql_database")
    (development,) = planned("sql", "dev").made("azurerm_mssql_database")
    (lake,) = (
        a for a in planned("storage", "prd").made("azurerm_storage_account") if a.values["is_hns_enabled"]
    )

    assert database.values["zone_redundant"]
    assert database.values["short_term_retention_policy"][0]["retention_days"] == 35
    assert development.values["sku_name"].startswith("GP_S_")
    assert lake.values["account_replication_type"] == "GZRS"


def test_only_the_development_factory_is_edited_in_git(planned: Planned) -> None:
    with_git = [
        environment
        for environment in ENVIRONMENTS
        for factory in planned("data_factory", environment).made("azurerm_data_factory")
        if factory.values["vsts_configuration"]
    ]

    assert with_git == ["dev"]


def test_logs_of_others_are_mended_and_ours_are_left_to_terraform(planned: Planned) -> None:
    plan = planned("policy", "prd")
    (assignment,) = (
        a for a in plan.made("azurerm_subscription_policy_assignment") if a.values["name"] == "landfall-logs"
    )
    groups = {
        group.values["name"]
        for stack in STACKS
        for group in planned(stack, "prd").made("azurerm_resource_group")
    }

    assert json.loads(assignment.values["parameters"])["effect"] == {"value": "DeployIfNotExists"}
    assert groups <= {scope.rpartition("/")[2] for scope in assignment.values["not_scopes"]}
    assert len(plan.made("azurerm_subscription_policy_remediation")) == 5


def test_rules_of_azure_policy_are_each_assigned_once(planned: Planned) -> None:
    assignments = planned("policy", "prd").made("azurerm_subscription_policy_assignment")
    definitions = [
        a.values["policy_definition_id"]
        for a in assignments
        if "tagName" not in (a.values["parameters"] or "")
    ]

    assert len(set(definitions)) == len(definitions) > 35
    assert all(len(assignment.values["display_name"]) <= 128 for assignment in assignments)
    assert all(
        re.search(r"/policy(Set)?Definitions/[0-9a-f-]{36}$", definition) for definition in definitions
    )
    assert all(len(assignment.values["name"]) <= 64 for assignment in assignments)
