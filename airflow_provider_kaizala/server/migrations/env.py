"""Alembic's entry: migrate over the connection that the server hands over."""

from alembic import context

from airflow_provider_kaizala.server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
