"""Every act in every form, walked: what is done is one row of the audit log without a secret, what is refused none."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.accounts import actor
from landfall.acts import ACTS, Act
from landfall.cli.main import main
from landfall.metadata.engine import Database, create_engine
from landfall.metadata.tables import audit_log
from tests.api_server import Api, ServerBackend, in_azure, serving
from tests.console import busy_house, seeding
from tests.console.busy_house import LANDED, PRODUCT
from tests.console.test_console_answers import a_browser_of, post
from tests.databases import a_database

NOW = datetime.now(UTC).replace(microsecond=0)
PLANTED = "hunter2planted"
SECRET = f"as told; password={PLANTED}"
# Refused rows are counted in the lake before the command asks the API about them, and purging deletes from it;
# tests/console and tests/acceptance do them where there is one.
OF_THE_LAKE = {"quarantine replay", "quarantine discard", "purge"}


@dataclass(frozen=True)
class Case:
    """How an act is done, and what its row has to say.

    Attributes:
        body: What the API is sent; a form is sent its texts.
        fields: What a form is sent beside it.
        cli: The command without ``landfall``; where forms differ in their places, so do these.
        about: What it is done to.
        places: Values of the path, beside those of the house.
        domain: Whose it is.
    """

    about: str | None
    body: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    cli: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    domain: str | None = "sales"


CASES: Mapping[str, Case] = {
    "product.run": Case(
        PRODUCT,
        {"parameters": {"day": "2026-01-01", "api_key": PLANTED}},
        cli=("run", PRODUCT, "--no-wait"),
    ),
    "product.pause": Case(PRODUCT, {"reason": SECRET}, cli=("pause", PRODUCT, "--reason", SECRET)),
    "product.resume": Case(
        "finance/reports",
        cli=("resume", "finance/reports"),
        places={"domain": "finance", "product": "reports"},
        domain="finance",
    ),
    "product.backfill": Case(
        PRODUCT,
        {"from": "1", "to": "3"},
        cli=("backfill", PRODUCT, "--from", "1", "--to", "3", "--no-wait"),
    ),
    "run.cancel": Case("{open}", cli=("runs", "cancel", "{open}"), places={"run_id": "{open}"}),
    "run.rerun": Case(
        "{failed}",
        {"node": "clean_orders"},
        cli=("runs", "rerun", "{failed}", "--from-failed", "--no-wait"),
        places={"run_id": "{failed}"},
    ),
    "run.replay": Case(
        "{failed}", cli=("runs", "replay", "{failed}", "--no-wait"), places={"run_id": "{failed}"}
    ),
    "runs.cancel": Case(
        PRODUCT,
        {"product": PRODUCT},
        {"act": "cancel", "sure": "yes"},
        ("runs", "cancel", "--product", PRODUCT, "--yes"),
    ),
    "runs.rerun": Case(
        PRODUCT,
        {"product": PRODUCT},
        {"act": "rerun", "sure": "yes"},
        ("runs", "rerun", "--product", PRODUCT, "--yes"),
    ),
    "backfill.pause": Case("{backfill}", cli=("backfills", "pause", "{backfill}")),
    "backfill.resume": Case("{backfill}", cli=("backfills", "resume", "{backfill}")),
    "backfill.cancel": Case("{backfill}", cli=("backfills", "cancel", "{backfill}")),
    "quarantine.replay": Case(PRODUCT, {"dataset": LANDED}),
    "quarantine.discard": Case(PRODUCT, {"dataset": LANDED, "reason": SECRET}),
    "files.replay": Case(None, {"file_ids": [3]}, cli=("files", "replay", "3")),
    "letters.replay": Case(None, {"letter_ids": [1]}, cli=("dead-letters", "replay", "1"), domain=None),
    "letters.discard": Case(None, {"letter_ids": [1]}, cli=("dead-letters", "discard", "1"), domain=None),
    "config.set": Case(
        "runs.retries", {"value": "5"}, cli=("config", "set", "runs.retries", "5"), domain=None
    ),
    "config.rollback": Case("runs.retries", cli=("config", "rollback", "runs.retries"), domain=None),
    "metadata.rollback": Case(PRODUCT, cli=("rollback", PRODUCT)),
    "metadata.apply": Case(None, cli=("apply",)),
    "purge": Case(None, domain=None),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return a store in which every act can be done, and what its things are called."""
    folder = tmp_path_factory.mktemp("house")
    database = a_database(folder)
    filled = busy_house.fill(database, now=NOW)
    busy_house._land(database, "orders_2026_03_01.csv", NOW)
    names = {"failed": str(filled.failed), "backfill": str(filled.backfill)}
    names["open"] = str(seeding.begin(database, now=NOW, product=PRODUCT))
    database.close()
    return folder / "landfall.db", names


@pytest.fixture
def database(house: tuple[Path, dict[str, str]], tmp_path: Path) -> Iterator[Database]:
    file = shutil.copyfile(house[0], tmp_path / "walk.db")
    database = Database(create_engine(f"sqlite:///{file}"))
    yield database
    database.close()


def rows_of(database: Database) -> list[dict[str, Any]]:
    query = sa.select(audit_log).order_by(audit_log.c.AuditID)
    return [dict(row._mapping) for row in database.read(lambda c: c.execute(query).all())]


def placed(path: str, case: Case, names: Mapping[str, str]) -> str:
    domain, _, product = PRODUCT.partition("/")
    values = {
        "domain": domain,
        "product": product,
        "dataset": LANDED,
        "backfill_id": names["backfill"],
        "file_id": "3",
        "letter_id": "1",
        "name": "runs.retries",
        **{name: value.format(**names) for name, value in case.places.items()},
    }
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)


def prepare(database: Database, act: Act, backfill: str) -> None:
    """Bring the house into the state that an act needs."""
    if act.name == "backfill.resume":
        Api(ServerBackend(database, now=NOW)).post(f"/api/backfills/{backfill}/pause")


def new_row(database: Database, before: int) -> dict[str, Any]:
    found = rows_of(database)[before:]
    assert len(found) == 1, found
    (row,) = found
    assert PLANTED not in json.dumps(row, default=str)
    return row


def pieces(parameters: Mapping[str, Any]) -> set[str]:
    """Return the texts of what was sent, those that hold a secret as they may be shown."""
    return {
        "(secret)" if PLANTED in json.dumps(value) else json.dumps(value) for value in parameters.values()
    }


ROUTES = [(act, act.api) for act in ACTS if act.api is not None]
FORMS = [(act, path) for act in ACTS for path in act.console]
VERBS = [act for act in ACTS if act.cli not in OF_THE_LAKE]


def test_every_act_is_walked() -> None:
    assert set(CASES) == {act.name for act in ACTS}
    assert len(FORMS) >= 25


@pytest.mark.parametrize(("act", "path"), ROUTES, ids=[act.name for act, _ in ROUTES])
def test_what_is_done_over_the_api_is_one_row(
    database: Database, house: tuple[Path, dict[str, str]], act: Act, path: str
) -> None:
    case, names = CASES[act.name], house[1]
    prepare(database, act, names["backfill"])
    before = len(rows_of(database))
    api = Api(ServerBackend(database, now=NOW))

    answer = api.post(placed(path, case, names), case.body, x_landfall_actor="grace")

    assert answer.status < 300, answer.text
    row = new_row(database, before)
    assert (row["Actor"], row["Via"], row["Act"], row["OccurredAt"]) == ("grace", "api", act.name, NOW)
    assert row["Domain"] == case.domain
    assert case.about is None or row["Subject"].startswith(case.about.format(**names))
    assert set(row["Parameters"]) == set(case.body)


@pytest.mark.parametrize(
    ("act", "path"), FORMS, ids=[path.replace("/", "-") + act.name for act, path in FORMS]
)
def test_what_is_done_on_a_page_is_one_row(
    database: Database, house: tuple[Path, dict[str, str]], act: Act, path: str
) -> None:
    case, names = CASES[act.name], house[1]
    prepare(database, act, names["backfill"])
    browser, token = a_browser_of(database)
    browser.backend = ServerBackend(database, now=NOW)
    before = len(rows_of(database))
    texts = {name: value for name, value in case.body.items() if isinstance(value, str)}
    node = {"node": "clean_orders"} if path.endswith(("rerun-node", "rerun-only")) else {}
    sent = {**texts, **case.fields, **node} if "rerun" not in act.name or act.name == "runs.rerun" else node

    answer = post(browser, placed(path, case, names), token, **sent)

    assert answer.status in {200, 303}, answer.text[-3000:]
    row = new_row(database, before)
    assert (row["Actor"], row["Via"], row["Act"], row["OccurredAt"]) == ("ada", "console", act.name, NOW)
    assert case.about is None or row["Subject"].startswith(case.about.format(**names))
    assert "csrf_token" not in row["Parameters"]
    assert set(row["Parameters"]) == {name for name, value in sent.items() if value}


@pytest.mark.parametrize("act", VERBS, ids=[act.name for act in VERBS])
def test_what_a_command_does_is_one_row(
    database: Database, house: tuple[Path, dict[str, str]], tmp_path: Path, act: Act
) -> None:
    case, names = CASES[act.name], house[1]
    prepare(database, act, names["backfill"])
    if act.name == "metadata.apply":
        assert main(["--project", str(tmp_path), "init", "sales/returns"]) == 0
    before = len(rows_of(database))
    with serving(database) as url:
        _be_a_project(tmp_path, url)
        code = main(["--project", str(tmp_path), *(word.format(**names) for word in case.cli)])

    # An event that is none is none when it comes again: the act is done, what it wanted is not.
    assert code == (1 if act.name == "letters.replay" else 0)
    row = new_row(database, before)
    assert (row["Actor"], row["Act"]) == (actor(), act.name)
    assert row["Via"] in {"api", "cli"}
    assert case.about is None or row["Subject"].startswith(case.about.format(**names))


@pytest.mark.parametrize(("act", "path"), ROUTES, ids=[act.name for act, _ in ROUTES])
def test_what_is_refused_is_no_row(
    database: Database, house: tuple[Path, dict[str, str]], act: Act, path: str
) -> None:
    case, names = CASES[act.name], house[1]
    place = placed(path, case, names)
    before = rows_of(database)

    refused = [
        in_azure(database, "eve@contoso.example", "reader").post(place, case.body),
        in_azure(database, "eve@contoso.example", "operator:hr").post(place, case.body),
        *(
            [Api(ServerBackend(database)).post(place, {**case.body, "no_such_field": PLANTED})]
            if case.body
            else ()
        ),
        Api(ServerBackend(database)).send(
            "POST", place, case.body, headers={"origin": "https://evil.example"}
        ),
    ]

    assert all(answer.status in {400, 403, 404} or answer.json.get("runs") == [] for answer in refused)
    assert rows_of(database) == before


def _be_a_project(folder: Path, url: str) -> None:
    (folder / ".landfall").mkdir(exist_ok=True)
    if not (folder / "landfall.yml").exists():
        (folder / "landfall.yml").write_text("name: shop\n")
    (folder / ".landfall" / "laptop.env").write_text(
        "\n".join(
            [
                f"LANDFALL_DATABASE_URL=sqlite:///{folder}/walk.db",
                "LANDFALL_STORAGE_ACCOUNT=devstoreaccount1",
                "LANDFALL_BLOB_ENDPOINT=http://127.0.0.1:9/devstoreaccount1",
                "LANDFALL_STORAGE_KEY=a2V5",
                "DATABRICKS_HOST=http://127.0.0.1:9",
                f"LANDFALL_FUNCTIONS_URL={url}",
            ]
        )
    )
