"""``kaizala-server connector``."""

from __future__ import annotations

import click

from airflow_provider_kaizala.server.admin import connectors
from airflow_provider_kaizala.server.admin.commands.shown import Listing, Record, administers, named
from airflow_provider_kaizala.server.admin.session import Admin
from airflow_provider_kaizala.server.domain.context import PERMISSIONS

ONCE = "The secret is shown only now; it is stored as a hash."


def _with_secret(made: dict[str, object]) -> Record:
    return Record(
        made,
        ONCE,
        if_unwritten=f"kaizala-server connector rotate-secret {made['connectorId']} makes a new secret and shows it",
    )


@click.group()
def connector() -> None:
    """Connectors: what programs call the API as."""


@connector.command("create")
@named("--name", required=True, help="What people see.")
@named("--id", "connector_id", help="An id of your own instead of a new one.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice(PERMISSIONS, case_sensitive=False),
    help="What it may do, once for each; all by default.",
)
@click.option("--redirect-url", help="Where the sign-in page leads back to.")
@named("--tenant", help="The tenant's id, where there are several.")
@administers
def create(admin: Admin, name: str, connector_id: str | None, **more: object) -> Record:
    """Make a connector; prints its secret, once."""
    made = connectors.create(admin, name, connector_id=connector_id, **more)  # type: ignore[arg-type]
    return _with_secret(made)


@connector.command("list")
@administers
def list_(admin: Admin) -> Listing:
    """List the connectors."""
    return Listing(connectors.list_all(admin), "There is no connector.")


@connector.command("disable")
@click.argument("connector_id", metavar="CONNECTOR")
@administers
def disable(admin: Admin, connector_id: str) -> Record:
    """Refuse CONNECTOR everything, at once, until it is enabled again."""
    return Record(connectors.disable(admin, connector_id))


@connector.command("enable")
@click.argument("connector_id", metavar="CONNECTOR")
@administers
def enable(admin: Admin, connector_id: str) -> Record:
    """Let CONNECTOR call again, with the tokens it had."""
    return Record(connectors.enable(admin, connector_id))


@connector.command("rotate-secret")
@click.argument("connector_id", metavar="CONNECTOR")
@administers
def rotate_secret(admin: Admin, connector_id: str) -> Record:
    """Give CONNECTOR a new secret; prints it, once. The one before it ends; access tokens live on, for a day at most."""
    return _with_secret(connectors.rotate_secret(admin, connector_id))


@connector.command("delete")
@click.argument("connector_id", metavar="CONNECTOR")
@administers
def delete(admin: Admin, connector_id: str) -> Record:
    """Delete CONNECTOR: all its tokens end, its webhooks hear nothing any more."""
    return Record(connectors.delete(admin, connector_id))
