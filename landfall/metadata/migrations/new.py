"""Write the next revision from the difference between the tables and the revisions there are.

Usage: ``python -m landfall.metadata.migrations.new NAME``; read the file it writes before committing it: a
rename, for one, looks like a column dropped and another added. Constraints other than keys are not compared.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from landfall.metadata.engine import Database, create_engine
from landfall.metadata.migrations import alembic_config, revisions, upgrade


def write_revision(name: str) -> Path:
    """Write the revision that follows the newest one and return its file."""
    number = f"{int(revisions()[-1]) + 1:04}"
    with tempfile.TemporaryDirectory() as folder:
        database = Database(create_engine(f"sqlite:///{folder}/revisions.db"))
        upgrade(database)
        with database.engine.begin() as connection:
            script = command.revision(
                alembic_config(connection), message=name.replace("_", " "), rev_id=number, autogenerate=True
            )
        database.close()
    if script is None or isinstance(script, list):
        raise TypeError(f"expected one new revision, Alembic wrote {script}")
    return Path(script.path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m landfall.metadata.migrations.new NAME, for example add_watermarks")
    sys.stdout.write(f"{write_revision(sys.argv[1])}\n")
