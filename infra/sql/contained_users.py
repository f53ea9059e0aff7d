"""Makes contained users of the metadata database: ``contained_users.py KIND NAME CLIENT_ID [KIND NAME CLIENT_ID …]``.

Runs ``contained-user.sql`` for each, in the database of ``LANDFALL_DATABASE_URL``, signed in as a member of the
administrators' group. It may run as often as you like.
"""

import os
import re
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from landfall.metadata.engine import Database
from landfall.settings import Settings

KINDS = ("app", "deploy")
_SCRIPT = Path(__file__).with_name("contained-user.sql")
# What Azure calls an identity by: nothing that could end the quotes of a name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,127}")


class UserRefused(ValueError):
    """Words of the command line that name no user."""


@dataclass(frozen=True, slots=True)
class User:
    """Who gets a user: kind, name of the identity, and its client id."""

    kind: str
    name: str
    client_id: uuid.UUID

    def script(self) -> str:
        """Return the statements that make this user, each value in its place."""
        values = {"Kind": self.kind, "Name": self.name, "ClientId": str(self.client_id)}
        return re.sub(r"\$\((\w+)\)", lambda match: values[match[1]], _SCRIPT.read_text(encoding="utf-8"))


def users_of(words: Sequence[str]) -> Iterator[User]:
    """Yield the users that the command line names.

    Raises:
        UserRefused: A kind, name or client id is none, or one of the three is missing.
    """
    if not words or len(words) % 3:
        raise UserRefused(f"say KIND NAME CLIENT_ID for each user; these are {len(words)} words")
    for kind, name, client_id in zip(words[::3], words[1::3], words[2::3], strict=True):
        if kind not in KINDS:
            raise UserRefused(f"{kind!r} is none of {', '.join(KINDS)}")
        if not _NAME.fullmatch(name):
            raise UserRefused(f"{name!r} is no name of an identity")
        try:
            identity = uuid.UUID(client_id)
        except ValueError:
            raise UserRefused(f"{client_id!r} is no client id of {name}") from None
        yield User(kind, name, identity)


def make(users: Sequence[User], run: Callable[[str], None]) -> None:
    """Run the script for each user."""
    for user in users:
        run(user.script())
        print(f"{user.name} is a user of the kind {user.kind}")


def main(words: Sequence[str]) -> int:
    """Return the exit code."""
    try:
        users = list(users_of(words))
    except UserRefused as refused:
        print(f"contained_users: {refused}", file=sys.stderr)
        return 2
    database = Database.connect(Settings.from_environment(os.environ)).unguarded()
    try:
        make(users, lambda script: database.transact(lambda connection: _run(connection, script)))
    finally:
        database.close()
    return 0


def _run(connection: sa.Connection, script: str) -> None:
    connection.exec_driver_sql(script)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
