"""What Alembic runs to find the database; the callers in `landfall.metadata.migrations` hand it in."""

from typing import Any

from alembic import context

from landfall.metadata.migrations import VERSION_TABLE
from landfall.metadata.tables import metadata

options: dict[str, Any] = {
    "target_metadata": metadata,
    "version_table": VERSION_TABLE,
    # SQLite cannot alter a table in place; a batch copies it there and alters it on Azure SQL.
    "render_as_batch": True,
    # Revisions use the column types of Landfall under this name, see script.py.mako.
    "user_module_prefix": "columns.",
    "compare_type": True,
    "compare_server_default": True,
    # Both databases roll back changes of tables; Alembic does not expect it of SQLite.
    "transactional_ddl": True,
}

if context.is_offline_mode():
    context.configure(dialect_name="mssql", literal_binds=True, **options)
    context.run_migrations()
else:
    context.configure(connection=context.config.attributes["connection"], **options)
    # The caller's transaction is the one that counts, so none is begun here.
    context.run_migrations()
