"""The script that makes contained users is T-SQL, and gives each kind of user no more than the documentation says."""

import re

import pytest
import sqlglot

from tests.infra.terraform import REPOSITORY

pytestmark = pytest.mark.infra

_SCRIPT = (REPOSITORY / "infra/sql/contained-user.sql").read_text()


def test_the_script_is_t_sql_and_gives_nobody_the_database() -> None:
    values = {"Name": "id-app", "ClientId": "00000000-0000-0000-0000-000000000000", "Kind": "app"}
    text = re.sub(r"\$\((\w+)\)", lambda match: values[match[1]], _SCRIPT)

    assert sqlglot.parse(text, read="tsql", error_level=sqlglot.ErrorLevel.RAISE)
    assert set(re.findall(r"\$\((\w+)\)", _SCRIPT)) == set(values)
    assert set(re.findall(r"ALTER ROLE (\w+) ADD", _SCRIPT)) == {
        "db_datareader",
        "db_datawriter",
        "db_ddladmin",
    }


def test_every_change_is_made_only_where_it_is_missing() -> None:
    changes = [
        line
        for line in _SCRIPT.splitlines()
        if re.search(r"ALTER ROLE|DROP USER|CREATE USER", line) and not line.startswith("--")
    ]

    assert len(changes) == 6
    assert all(line.startswith(("IF ", "    ")) for line in changes)
