"""The script that makes contained users is T-SQL, gives each kind no more than it needs, and takes no other words."""

import re

import pytest
import sqlglot

from infra.sql.contained_users import User, UserRefused, make, users_of
from tests.infra.terraform import REPOSITORY

pytestmark = pytest.mark.infra

_SCRIPT = (REPOSITORY / "infra/sql/contained-user.sql").read_text()
_CLIENT = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


def _users() -> list[User]:
    return list(users_of(["app", "id-landfall-func", _CLIENT, "deploy", "landfall-dev", _CLIENT]))


def test_the_script_is_t_sql_with_every_value_in_its_place() -> None:
    ran: list[str] = []

    make(_users(), ran.append)

    assert len(ran) == 2
    for script, name in zip(ran, ("id-landfall-func", "landfall-dev"), strict=True):
        assert "$(" not in script
        assert f"DROP USER [{name}]" in script
        assert _CLIENT in script
        assert sqlglot.parse(script, read="tsql", error_level=sqlglot.ErrorLevel.RAISE)


def test_nobody_is_given_the_database() -> None:
    assert set(re.findall(r"ALTER ROLE (\w+) ADD", _SCRIPT)) == {
        "db_datareader",
        "db_datawriter",
        "db_ddladmin",
    }
    assert "GRANT" not in _SCRIPT


def test_every_change_is_made_only_where_it_is_missing() -> None:
    changes = [
        line
        for line in _SCRIPT.splitlines()
        if re.search(r"ALTER ROLE|DROP USER|CREATE USER", line) and not line.startswith("--")
    ]

    assert len(changes) == 6
    assert all(line.startswith(("IF ", "    ")) for line in changes)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "say KIND NAME CLIENT_ID"),
        (["app", "id-app"], "say KIND NAME CLIENT_ID"),
        (["owner", "id-app", _CLIENT], "'owner' is none of app, deploy"),
        (["app", "id]; DROP TABLE Runs --", _CLIENT], "is no name of an identity"),
        (["app", "id-app", ""], "'' is no client id of id-app"),
    ],
    ids=["nothing", "missing", "kind", "name", "client"],
)
def test_what_names_no_user_is_refused_before_anything_is_done(words: list[str], says: str) -> None:
    with pytest.raises(UserRefused, match=re.escape(says)):
        list(users_of(words))
