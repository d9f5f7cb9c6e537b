"""Where Alembic starts. `sql.migrate` hands it a connection; nothing here reads the environment."""

from alembic import context

from sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_schemas=True,
    version_table="migration",
    version_table_schema="sync",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
