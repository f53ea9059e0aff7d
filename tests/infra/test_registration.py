"""The app registration is made once, has the roles that the app knows, and keeps who holds them; Graph is played."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from infra.identity.registration import RegistrationRefused, app_roles, register
from landfall.roles import Grant, Role

pytestmark = pytest.mark.infra

_HOST = "func-landfall-dev-weu-lf01.azurewebsites.net"


class Directory:
    """As much of Microsoft Graph as the script asks for."""

    def __init__(self) -> None:
        self.applications: list[dict[str, Any]] = []
        self.principals: list[dict[str, Any]] = []
        self.assigned: list[dict[str, Any]] = []

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        match method, path.partition("?")[0].split("/"):
            case "get", ["applications"]:
                (name,) = re.findall("displayName eq '(.*)'", path)
                return {"value": [item for item in self.applications if item["displayName"] == name]}
            case "post", ["applications"]:
                number = len(self.applications) + 1
                self.applications.append(
                    {"id": f"object-{number}", "appId": f"client-{number}", **(body or {})}
                )
                return dict(self.applications[-1])
            case "patch", ["applications", key]:
                next(item for item in self.applications if item["id"] == key).update(body or {})
                return None
            case "get", ["servicePrincipals"]:
                return {"value": [item for item in self.principals if f"'{item['appId']}'" in path]}
            case "post", ["servicePrincipals"]:
                self.principals.append({"id": "principal", **(body or {})})
                return self.principals[-1]
            case "get", ["servicePrincipals", "principal", "appRoleAssignedTo"]:
                return {"value": self.assigned}
            case "post", ["servicePrincipals", "principal", "appRoleAssignedTo"]:
                self.assigned.append(dict(body or {}))
                return self.assigned[-1]
        raise AssertionError(f"{method} {path} is not asked for")


def test_running_again_changes_nothing() -> None:
    directory = Directory()
    grants = {"factory": "operator:mobility", "people": "reader"}

    made = register(directory, "landfall-dev", _HOST, ["mobility"], grants)
    roles = list(directory.applications[0]["appRoles"])
    again = register(directory, "landfall-dev", _HOST, ["mobility"], grants)

    (application,) = directory.applications
    assert (made, again) == ("client-1", "client-1")
    assert application["appRoles"] == roles
    assert application["identifierUris"] == ["api://client-1"]
    assert application["web"]["redirectUris"] == [f"https://{_HOST}/.auth/login/aad/callback"]
    assert (len(directory.principals), len(directory.assigned)) == (1, 2)


def test_every_role_is_one_that_the_app_reads() -> None:
    roles = app_roles(["mobility", "sales"])
    grants = {Grant.parse(str(role["value"])) for role in roles}

    assert None not in grants
    assert len({role["id"] for role in roles}) == len(roles) == 10
    assert {grant.role for grant in grants if grant and grant.domain is None} == set(Role)
    assert {grant.role for grant in grants if grant and grant.domain == "sales"} == set(Role) - {Role.ADMIN}


def test_a_role_keeps_its_id_and_one_of_no_domain_any_more_is_switched_off() -> None:
    before = app_roles(["mobility", "sales"])
    before[0]["id"] = "given by hand"

    after = app_roles(["mobility"], before)

    assert after[0]["id"] == "given by hand"
    off = {role["value"] for role in after if not role["isEnabled"]}
    assert off == {"reader:sales", "operator:sales", "owner:sales"}


def test_a_role_that_is_none_is_refused_before_anything_is_made() -> None:
    directory = Directory()

    with pytest.raises(RegistrationRefused, match="there is no role operator:sale;"):
        register(directory, "landfall-dev", _HOST, ["mobility"], {"factory": "operator:sale"})

    assert directory.applications == []


def test_two_registrations_of_a_name_are_refused() -> None:
    directory = Directory()
    directory("post", "applications", {"displayName": "landfall-dev"})
    directory("post", "applications", {"displayName": "landfall-dev"})

    with pytest.raises(RegistrationRefused, match="2 registrations"):
        register(directory, "landfall-dev", _HOST, [], {})
