"""What must hold in the plan of every stack: each check returns a line for every fault it finds."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.infra.terraform import Plan, Resource

TAGS = ("domain", "owner", "environment", "cost_center")

# Arguments by which something would be reached from outside or signed in to with a key; the value that keeps it shut.
_SHUT: Mapping[str, Any] = {
    "public_network_access_enabled": False,
    "public_network_enabled": False,
    "internet_ingestion_enabled": False,
    "local_authentication_enabled": False,
    "allow_nested_items_to_be_public": False,
    "shared_access_key_enabled": False,
    "local_user_enabled": False,
    "default_outbound_access_enabled": False,
    "https_traffic_only_enabled": True,
    "default_to_oauth_authentication": True,
    "rbac_authorization_enabled": True,
    "purge_protection_enabled": True,
    "managed_virtual_network_enabled": True,
    "ingestion_access_mode": "PrivateOnly",
    "container_access_type": "private",
    "min_tls_version": "TLS1_2",
    "minimum_tls_version": "1.2",
}

_FORBIDDEN = {
    "azurerm_mssql_firewall_rule",
    "azurerm_mssql_virtual_network_rule",
    "azurerm_key_vault_access_policy",
    "azurerm_key_vault_secret",
    "azurerm_storage_account_sas",
    "azurerm_function_app_flex_consumption",
}

# Private endpoints that a resource of each type needs, and the private DNS zone of each.
ENDPOINTS: Mapping[str, Mapping[str, str]] = {
    "azurerm_key_vault": {"vault": "privatelink.vaultcore.azure.net"},
    "azurerm_mssql_server": {"sqlServer": "privatelink.database.windows.net"},
    "azurerm_databricks_workspace": {
        "databricks_ui_api": "privatelink.azuredatabricks.net",
        "browser_authentication": "privatelink.azuredatabricks.net",
    },
    "azurerm_data_factory": {
        "dataFactory": "privatelink.datafactory.azure.net",
        "portal": "privatelink.adf.azure.com",
    },
    "azapi_resource": {"sites": "privatelink.azurewebsites.net"},
}
_LAKE = {"blob": "privatelink.blob.core.windows.net", "dfs": "privatelink.dfs.core.windows.net"}
_HOST = {
    "blob": "privatelink.blob.core.windows.net",
    "queue": "privatelink.queue.core.windows.net",
    "table": "privatelink.table.core.windows.net",
}

_FLOW_LOGS = {"blob": "privatelink.blob.core.windows.net"}

# What Azure Policy mends by, in all of the subscription.
_WIDE = {"Log Analytics Contributor", "Monitoring Contributor"}

# Types whose resources report to the workspace, and what is appended to their ids where a part reports.
WATCHED: Mapping[str, tuple[str, ...]] = {
    "azurerm_log_analytics_workspace": ("",),
    "azurerm_virtual_network": ("",),
    "azurerm_network_security_group": ("",),
    "azurerm_public_ip": ("",),
    "azurerm_key_vault": ("",),
    "azurerm_mssql_server": ("/databases/master",),
    "azurerm_mssql_database": ("",),
    "azurerm_databricks_workspace": ("",),
    "azurerm_data_factory": ("",),
    "azurerm_eventgrid_system_topic": ("",),
    "azapi_resource": ("",),
}


def nothing_is_public(plan: Plan) -> Iterator[str]:
    for resource in plan.made():
        for argument, wanted in _SHUT.items():
            found = resource.values.get(argument, wanted)
            if found != wanted:
                yield f"{resource.address}: {argument} is {found!r}, not {wanted!r}"
        if resource.type in _FORBIDDEN:
            yield f"{resource.address}: there must be no {resource.type}"
        if resource.type == "azurerm_public_ip" and "-nat-" not in resource.values["name"]:
            yield f"{resource.address}: a public address that is not the way out"
        for rules in resource.values.get("network_rules") or resource.values.get("network_acls") or ():
            if rules["default_action"] != "Deny":
                yield f"{resource.address}: networks are let in that no rule names"
    for policy in plan.made("databricks_account_network_policy"):
        if policy.values["egress"]["network_access"]["restriction_mode"] != "RESTRICTED_ACCESS":
            yield f"{policy.address}: serverless compute reaches every host"
    for app in _function_apps(plan):
        properties = app.values["body"]["properties"]
        if properties["publicNetworkAccess"] != "Disabled" or not properties["httpsOnly"]:
            yield f"{app.address}: the app is reached from outside, or without encryption"


def nobody_has_a_password(plan: Plan) -> Iterator[str]:
    for server in plan.made("azurerm_mssql_server"):
        administrators = server.values["azuread_administrator"]
        if not administrators or not administrators[0]["azuread_authentication_only"]:
            yield f"{server.address}: signs in others than Entra's"
        if server.values.get("administrator_login"):
            yield f"{server.address}: has an administrator with a password"
    for app in _function_apps(plan):
        for name, value in app_settings(app).items():
            if "AccountKey=" in value or "SharedAccess" in value or name == "AzureWebJobsStorage":
                yield f"{app.address}: the setting {name} holds a key"


def every_service_has_its_private_endpoints(plan: Plan) -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = {}
    for endpoint in plan.made("azurerm_private_endpoint"):
        connection = endpoint.values["private_service_connection"][0]
        zones = [zone for group in endpoint.values["private_dns_zone_group"] for zone in _zones(group)]
        for subresource in connection["subresource_names"]:
            found[connection["private_connection_resource_id"], subresource] = zones
    for resource in plan.made():
        for subresource, zone in _endpoints_of(resource).items():
            zones = found.get((resource.id, subresource), [])
            if zone not in zones:
                yield f"{resource.address}: no private endpoint `{subresource}` with a record in {zone}"


def everything_reports_to_the_workspace(plan: Plan) -> Iterator[str]:
    reporting = {
        setting.values["target_resource_id"]
        for setting in plan.made("azurerm_monitor_diagnostic_setting")
        if setting.values["log_analytics_workspace_id"].startswith("azurerm_log_analytics_workspace/")
        and (setting.values["enabled_log"] or setting.values["enabled_metric"])
    }
    for resource in plan.made():
        for part in _reporting_parts(resource):
            if resource.id + part not in reporting:
                yield f"{resource.address}{part}: has no diagnostic setting"


def everything_is_tagged(plan: Plan) -> Iterator[str]:
    for resource in plan.made():
        if "tags" not in resource.values or (resource.type == "azapi_resource" and not _is_app(resource)):
            continue
        tags = resource.values["tags"] or {}
        if missing := [tag for tag in TAGS if not tags.get(tag)]:
            yield f"{resource.address}: lacks the tags {', '.join(missing)}"


def roles_are_narrow(plan: Plan) -> Iterator[str]:
    for assignment in plan.made("azurerm_role_assignment"):
        role, scope = assignment.values["role_definition_name"], assignment.values["scope"]
        if role in {"Owner", "Contributor", "User Access Administrator"} or not role:
            yield f"{assignment.address}: {role!r} may do more than anybody here needs"
        if scope.startswith("azurerm_subscription") and role not in _WIDE:
            yield f"{assignment.address}: {role!r} holds for the whole subscription"
        if not scope.startswith("azurerm_"):
            yield f"{assignment.address}: holds for more than one resource ({scope})"
        if not assignment.values["principal_type"]:
            yield f"{assignment.address}: says no principal_type, so Azure may not find a new identity yet"


def the_lakehouse_belongs_to_its_workspace(plan: Plan) -> Iterator[str]:
    bound = {binding.values["securable_name"] for binding in plan.made("databricks_workspace_binding")}
    for resource in plan.made(
        "databricks_catalog", "databricks_external_location", "databricks_storage_credential"
    ):
        if resource.values["isolation_mode"] not in {"ISOLATED", "ISOLATION_MODE_ISOLATED"}:
            yield f"{resource.address}: is seen in every workspace of the region"
        elif resource.values["name"] not in bound:
            yield f"{resource.address}: is bound to no workspace"
    for grants in plan.made("databricks_grants"):
        for grant in grants.values["grant"]:
            if grant["principal"] in {"account users", "users"} or "ALL_PRIVILEGES" in grant["privileges"]:
                yield f"{grants.address}: {grant['principal']} is given more than anybody here needs"
    for job in plan.made("databricks_job"):
        if not job.values["run_as"]:
            yield f"{job.address}: runs as whoever saved it"
    for credential in plan.made("databricks_git_credential"):
        if credential.values["personal_access_token"]:
            yield f"{credential.address}: holds a token"


CHECKS = (
    nothing_is_public,
    nobody_has_a_password,
    every_service_has_its_private_endpoints,
    everything_reports_to_the_workspace,
    everything_is_tagged,
    roles_are_narrow,
    the_lakehouse_belongs_to_its_workspace,
)


def faults(plan: Plan) -> list[str]:
    return [fault for check in CHECKS for fault in check(plan)]


def app_settings(app: Resource) -> dict[str, str]:
    """Return the settings of a function app; of one that is known after apply only, its name in angle brackets."""
    listed: Iterable[Mapping[str, str]] = app.values["body"]["properties"]["siteConfig"]["appSettings"]
    return {setting["name"]: setting.get("value", f"<{setting['name']}>") for setting in listed}


def _is_app(resource: Resource) -> bool:
    return resource.type == "azapi_resource" and resource.values["type"].startswith("Microsoft.Web/sites@")


def _function_apps(plan: Plan) -> list[Resource]:
    return [resource for resource in plan.made("azapi_resource") if _is_app(resource)]


def _zones(group: Mapping[str, Any]) -> list[str]:
    return [zone.removeprefix("azurerm_private_dns_zone/") for zone in group["private_dns_zone_ids"]]


def _endpoints_of(resource: Resource) -> Mapping[str, str]:
    if resource.type == "azurerm_storage_account":
        if resource.values["is_hns_enabled"]:
            return _LAKE
        return _FLOW_LOGS if "landfalllogs" in resource.values["name"] else _HOST
    if resource.type == "azapi_resource" and not _is_app(resource):
        return {}
    return ENDPOINTS.get(resource.type, {})


def _reporting_parts(resource: Resource) -> tuple[str, ...]:
    if resource.type == "azurerm_storage_account":
        return ("", *(f"/{part}Services/default" for part in _endpoints_of(resource) if part != "dfs"))
    if resource.type == "azapi_resource" and not _is_app(resource):
        return ()
    return WATCHED.get(resource.type, ())
