"""The app registration that callers ask for a token: ``registration.py NAME HOST [OBJECT_ID=ROLE …]``.

Makes it or brings it up to what is wanted, as often as you like: the roles of the console for every domain and for each
domain of the product files, the address that browsers come back to, and who holds which role. Prints the client id for
``sign_in`` of the stack `function_app`. Signed in with `az` as somebody who may register applications; it talks to
Microsoft Graph alone.
"""

import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from landfall.roles import Grant, Role

_PRODUCTS = Path(__file__).parents[2] / "data_products"
_MEANINGS = {
    Role.READER: "sees products and runs",
    Role.OPERATOR: "starts, cancels and repeats runs",
    Role.OWNER: "changes the configuration of products",
    Role.ADMIN: "changes the configuration of the installation",
}


class Graph(Protocol):
    """Sends one request to Microsoft Graph and returns its answer."""

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the decoded answer, ``None`` if it is empty."""


class RegistrationRefused(ValueError):
    """What was asked for cannot be registered."""


def app_roles(domains: Iterable[str], known: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Return the app roles of a registration.

    Args:
        domains: Domains that products are in.
        known: Roles that are there. They keep their ids, by which people hold them; one that no domain wants any
            more is switched off, since it could not be deleted while somebody holds it.
    """
    ids = {str(role["value"]): str(role["id"]) for role in known}
    wanted = dict(_wanted(domains))
    roles = [
        {
            "id": ids.get(value, str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{value}.roles.landfall"))),
            "value": value,
            "displayName": value,
            "description": f"Whoever holds it {meaning}.",
            "allowedMemberTypes": ["User", "Application"],
            "isEnabled": True,
        }
        for value, meaning in wanted.items()
    ]
    return roles + [{**role, "isEnabled": False} for role in known if role["value"] not in wanted]


def register(graph: Graph, name: str, host: str, domains: Iterable[str], grants: Mapping[str, str]) -> str:
    """Make or mend the registration called ``name`` for the app at ``host`` and return its client id.

    Args:
        grants: Role of each holder, by object id: of a person, a group or an identity.

    Raises:
        RegistrationRefused: Two registrations have the name, or a grant names no role of this one.
    """
    found = graph("get", f"applications?$filter=displayName eq '{name}'")["value"]
    if len(found) > 1:
        raise RegistrationRefused(f"{len(found)} registrations are called {name}: delete all but one")
    roles = app_roles(domains, found[0].get("appRoles", ()) if found else ())
    ids = {role["value"]: role["id"] for role in roles if role["isEnabled"]}
    if unknown := sorted(set(grants.values()) - ids.keys()):
        raise RegistrationRefused(f"there is no role {', '.join(unknown)}; there are {', '.join(ids)}")
    made = found[0] if found else graph("post", "applications", {"displayName": name})
    graph(
        "patch",
        f"applications/{made['id']}",
        {
            "signInAudience": "AzureADMyOrg",
            "identifierUris": [f"api://{made['appId']}"],
            "api": {"requestedAccessTokenVersion": 2},
            "appRoles": roles,
            "web": {
                "redirectUris": [f"https://{host}/.auth/login/aad/callback"],
                "implicitGrantSettings": {"enableIdTokenIssuance": True},
            },
        },
    )
    principals = graph("get", f"servicePrincipals?$filter=appId eq '{made['appId']}'")["value"]
    principal = principals[0] if principals else graph("post", "servicePrincipals", {"appId": made["appId"]})
    holders = f"servicePrincipals/{principal['id']}/appRoleAssignedTo"
    held = {(item["principalId"], item["appRoleId"]) for item in graph("get", f"{holders}?$top=999")["value"]}
    for holder, role in grants.items():
        if (holder, ids[role]) not in held:
            graph(
                "post",
                holders,
                {"principalId": holder, "resourceId": principal["id"], "appRoleId": ids[role]},
            )
    return str(made["appId"])


def _wanted(domains: Iterable[str]) -> Iterator[tuple[str, str]]:
    for role in Role:
        yield role.value, f"{_MEANINGS[role]}, in every domain"
    for domain in sorted(set(domains)):
        for role in Role:
            # As the app reads them: an admin of one domain is its owner.
            if Grant.parse(value := f"{role.value}:{domain}") is not None:
                yield value, f"{_MEANINGS[role]}, in {domain}"


def _by_az(method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    url = f"https://graph.microsoft.com/v1.0/{path}"
    command = ["az", "rest", "--method", method, "--url", url, "--output", "json"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        if body is not None:
            json.dump(body, file)
            file.flush()
            command += ["--body", f"@{file.name}", "--headers", "Content-Type=application/json"]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - no shell
    return json.loads(answer) if answer.strip() else None


def main(words: Sequence[str]) -> int:
    """Return the exit code."""
    if len(words) < 2 or not all("=" in word for word in words[2:]):
        print("usage: registration.py NAME HOST [OBJECT_ID=ROLE …]", file=sys.stderr)
        return 2
    domains = [path.parents[1].name for path in _PRODUCTS.glob("*/*/product.yml")]
    grants = dict(word.split("=", 1) for word in words[2:])
    try:
        print(register(_by_az, words[0], words[1], domains, grants))
    except RegistrationRefused as refused:
        print(f"registration: {refused}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as failed:
        print(
            f"registration: az rest ended with {failed.returncode}; its own message stands above",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
