"""Who the API takes a caller for, what that one may do, and which acts of a browser it believes."""

from typing import Any

import pytest

from landfall.metadata.engine import Database
from landfall.settings import IdentitySettings, InsecureLocalRefused
from tests.api_server import Api, ServerBackend, in_azure
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import apply

PAUSE = "/api/products/sales/orders/pause"


@pytest.fixture
def local(database: Database) -> Api:
    apply(database, a_product(a_transformation()))
    return Api(ServerBackend(database))


def test_a_laptop_takes_everybody_on_it_for_its_owner_or_for_whom_they_say(local: Api) -> None:
    owner = local.post(PAUSE)
    local.post("/api/products/sales/orders/resume")
    named = local.post(PAUSE, x_landfall_actor="grace")

    assert (owner.status, owner.json["paused_by"]) == (200, "ada")
    assert named.json["paused_by"] == "grace"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7071", "", "127.0.0.1.evil.example"])
def test_a_foreign_name_that_points_to_this_machine_is_refused(local: Api, host: str) -> None:
    answer = local.get("/api/runs", host=host)

    assert (answer.status, answer.json["code"]) == (421, "LF6124")


def test_nobody_is_let_in_where_nobody_can_be_known(database: Database) -> None:
    api = Api(ServerBackend(database), IdentitySettings())

    answers = [api.get("/api/runs"), api.get("/api/runs", x_ms_client_principal_name="ada")]

    assert [(answer.status, answer.json["code"]) for answer in answers] == [(401, "LF6121")] * 2
    assert api.get("/api/health").status == 200


@pytest.mark.parametrize(
    "environ",
    [
        {"WEBSITE_INSTANCE_ID": "1f"},
        {"WEBSITE_AUTH_ENABLED": "True"},
        {"LANDFALL_APP_SERVICE_AUTH": "true"},
    ],
)
def test_the_laptops_identity_is_refused_in_azure(environ: dict[str, str]) -> None:
    with pytest.raises(InsecureLocalRefused):
        IdentitySettings.from_environment({"LANDFALL_INSECURE_LOCAL": "ada", **environ})


def test_the_principal_counts_only_where_app_service_sets_it(database: Database) -> None:
    signed = in_azure(database, "ada@contoso.example", "reader")
    forged = Api(ServerBackend(database), IdentitySettings(in_azure=True), signed.headers)
    switched_off = {"WEBSITE_AUTH_ENABLED": "False", "LANDFALL_APP_SERVICE_AUTH": "true"}

    assert signed.get("/api/runs").status == 200
    assert forged.get("/api/runs").status == 401
    assert not IdentitySettings.from_environment(switched_off).signed_in_by_app_service


@pytest.mark.parametrize("header", ["", "x", "e30=", "W10=", "eyJjbGFpbXMiOiAxfQ==", "eyJjbGFpbXMiOiBbXX0="])
def test_a_principal_that_says_nothing_is_nobody(database: Database, header: str) -> None:
    api = in_azure(database, "ada")

    assert api.get("/api/runs", x_ms_client_principal=header).status == 401


@pytest.mark.parametrize(
    ("roles", "reads", "acts", "configures"),
    [
        ((), 200, 404, 404),
        (("reader",), 200, 403, 403),
        (("reader:sales",), 200, 403, 403),
        (("operator:sales",), 200, 200, 403),
        (("owner:sales",), 200, 200, 200),
        (("admin",), 200, 200, 200),
        (("operator:other", "reader"), 200, 403, 403),
        (("operator:other",), 200, 404, 404),
        (("admin:sales", "root", "reader:"), 200, 404, 404),
    ],
)
def test_each_role_may_what_it_says_in_its_domain(
    database: Database, roles: tuple[str, ...], reads: int, acts: int, configures: int
) -> None:
    apply(database, a_product(a_transformation()))
    api = in_azure(database, "ada@contoso.example", *roles)
    setting = {"value": "2", "product": "sales/orders"}

    assert api.get("/api/runs").status == reads
    assert api.post(PAUSE).status == acts
    assert api.post("/api/config/runs.retries", setting).status == configures
    admin = 200 if "admin" in roles else 403
    assert api.post("/api/config/runs.retries", {"value": "2"}).status == admin


def test_whom_a_product_names_as_its_owner_owns_its_domain(database: Database) -> None:
    product = a_product(a_transformation())
    apply(database, product)
    api = in_azure(database, product.owner.email.upper())

    answer = api.post(PAUSE)

    assert answer.status == 200
    assert answer.json["paused_by"] == product.owner.email.upper()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "cookie": "landfall-csrf=t", "x-csrf-token": "t"},
        {"origin": "http://127.0.0.1:7071"},
        {"origin": "http://127.0.0.1:7071", "cookie": "landfall-csrf=t"},
        {"origin": "http://127.0.0.1:7071", "cookie": "landfall-csrf=t", "x-csrf-token": "u"},
        {"origin": "http://127.0.0.1:7071", "x-csrf-token": ""},
        {"cookie": "AppServiceAuthSession=x"},
    ],
)
def test_an_act_that_a_foreign_page_can_send_is_refused(local: Api, headers: dict[str, str]) -> None:
    answer = local.send("POST", PAUSE, headers=headers)

    assert (answer.status, answer.json["code"]) == (403, "LF6123")
    assert local.get("/api/runs").json["paused"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {
            "content-type": "application/x-www-form-urlencoded",
            "origin": "http://127.0.0.1:7071",
            "cookie": "landfall-csrf=t",
            "x-csrf-token": "t",
        },
    ],
)
def test_an_act_that_is_no_json_is_refused(local: Api, headers: dict[str, str]) -> None:
    answer = local.send("POST", PAUSE, headers=headers)

    assert (answer.status, answer.json["code"]) == (415, "LF6128")
    assert local.get("/api/runs").json["paused"] == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, None),
        ({"content-type": "application/json; charset=utf-8"}, {}),
        ({"origin": "http://127.0.0.1:7071", "cookie": "a=b; landfall-csrf=t", "x-csrf-token": "t"}, {}),
        ({"sec-fetch-site": "same-origin", "cookie": "landfall-csrf=t", "x-csrf-token": "t"}, {}),
    ],
)
def test_an_act_of_a_program_or_of_our_own_page_is_done(
    local: Api, headers: dict[str, str], body: Any
) -> None:
    assert local.send("POST", PAUSE, body, headers=headers).status == 200
