"""``kaizala-server grant`` and ``kaizala-server token``."""

from __future__ import annotations

import click

from airflow_provider_kaizala.server.admin import connectors, grants
from airflow_provider_kaizala.server.admin.commands.shown import (
    Listing,
    Record,
    a_phone,
    administers,
    named,
)
from airflow_provider_kaizala.server.admin.session import Admin, AdminError
from airflow_provider_kaizala.server.domain.context import TENANT, USER

ONCE = "The token is shown only now; it is stored as a hash. One issued before it has ended."
AGAIN = "run it again: it issues a new token in place of this one"
_of_connector = named("--connector", "connector_id", help="Only those of this connector.")


@click.group()
def grant() -> None:
    """Grants: which groups and people a connector may act for."""


@grant.command("create")
@click.argument("connector_id", metavar="CONNECTOR")
@click.argument("group_id", metavar="GROUP")
@click.option(
    "--person", "mobile", callback=a_phone, help="The admin who grants it; the group's first by default."
)
@administers
def create(admin: Admin, connector_id: str, group_id: str, mobile: str | None) -> Record:
    """Grant CONNECTOR a GROUP; prints the group refresh token, once. Doing it again renews the token."""
    return Record(grants.grant_group(admin, connector_id, group_id, mobile), ONCE, AGAIN)


@grant.command("list")
@_of_connector
@administers
def list_(admin: Admin, connector_id: str | None) -> Listing:
    """List the grants, revoked ones too."""
    return Listing(grants.list_grants(admin, connector_id), "There is no grant.")


@grant.command("revoke")
@click.argument("connector_id", metavar="CONNECTOR")
@click.argument("group_id", metavar="GROUP")
@administers
def revoke(admin: Admin, connector_id: str, group_id: str) -> Record:
    """Take GROUP away from CONNECTOR: its tokens for the group end."""
    connectors.find(admin, connector_id)
    if not grants.revoke(admin.conn, admin.now_ms, connector_id, group_id=group_id):
        raise AdminError(f"the connector has no grant of the group {group_id[:80]!r}")
    return Record({"connectorId": connector_id, "groupId": group_id, "revoked": True})


@click.group()
def token() -> None:
    """Refresh tokens of people: user tokens, and tenant-level ones of tenant admins."""


_tenant_level = click.option("--tenant-level", is_flag=True, help="Reaches all groups of the organisation.")


@token.command("issue")
@click.argument("connector_id", metavar="CONNECTOR")
@click.argument("mobile", callback=a_phone)
@_tenant_level
@administers
def issue(admin: Admin, connector_id: str, mobile: str, tenant_level: bool) -> Record:
    """Issue a refresh token with which CONNECTOR acts as MOBILE; prints it, once."""
    return Record(
        grants.issue_user_token(admin, connector_id, mobile, tenant_level=tenant_level), ONCE, AGAIN
    )


@token.command("list")
@_of_connector
@administers
def list_tokens(admin: Admin, connector_id: str | None) -> Listing:
    """List the refresh tokens that work, without the tokens themselves."""
    return Listing(grants.list_tokens(admin, connector_id), "There is no refresh token.")


@token.command("revoke")
@click.argument("connector_id", metavar="CONNECTOR")
@click.argument("mobile", callback=a_phone)
@_tenant_level
@administers
def revoke_token(admin: Admin, connector_id: str, mobile: str, tenant_level: bool) -> Record:
    """End the refresh tokens of one kind with which CONNECTOR acts as MOBILE, and the access tokens from them."""
    connectors.find(admin, connector_id)
    kind = TENANT if tenant_level else USER
    if not grants.revoke(admin.conn, admin.now_ms, connector_id, mobile=mobile, kinds=(kind,)):
        raise AdminError(f"the connector has no {kind} token of {mobile}")
    return Record({"connectorId": connector_id, "person": mobile, "kind": kind, "revoked": True})
