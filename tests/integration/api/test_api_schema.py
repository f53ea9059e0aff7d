"""The API against its own description, by schemathesis: no fault of ours, no answer outside the schema."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from landfall.api.bridge import BACKEND, Message, Receive, Send
from landfall.metadata.engine import Database
from landfall.settings import IdentitySettings
from tests.api_server import ServerBackend, application
from tests.databases import a_database
from tests.integration.api.test_api_isolation import VALUES, fill

# So many requests to each route; with more by hand: LANDFALL_SCHEMA_EXAMPLES=300.
EXAMPLES = int(os.environ.get("LANDFALL_SCHEMA_EXAMPLES") or 3)


def no_fault_of_ours(context: CheckContext, response: Response, case: schemathesis.Case[Any]) -> bool | None:
    """Take only one fault of a server: storage, which is not there in these tests, does not answer."""
    if response.status_code == 503 and response.json()["code"] in {"LF4102", "LF4202"}:
        return None
    return not_a_server_error(context, response, case)


CHECKS = [
    no_fault_of_ours,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Path parameters of which the description lists every value.
ENUMERATED = {"act", "act_", "what"}

_app = application(IdentitySettings(insecure_local="ada"))
_backends: list[ServerBackend] = []


async def served(scope: Message, receive: Receive, send: Send) -> None:
    """The application as the function app serves it, under the name of this machine."""
    if scope["type"] == "http":
        others = [pair for pair in scope["headers"] if pair[0] != b"host"]
        scope = {
            **scope,
            "headers": [*others, (b"host", b"127.0.0.1")],
            BACKEND: _backends[-1] if _backends else None,
        }
    await _app(scope, receive, send)


schema = schemathesis.openapi.from_asgi("/api/openapi.json", served)


@pytest.fixture(scope="module", autouse=True)
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = a_database(tmp_path_factory.mktemp("schema"))
    fill(database)
    _backends.append(ServerBackend(database))
    yield database
    _backends.clear()
    database.close()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_within_the_description(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(checks=CHECKS, timeout=600)
    if case.path_parameters:
        # Guessed ids lead nowhere: the same request about something that is there.
        known = {name: VALUES[name] for name in case.path_parameters if name not in ENUMERATED}
        case.path_parameters.update(known)
        case.call_and_validate(checks=CHECKS, timeout=600)
