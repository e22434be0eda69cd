"""``kaizala-server group``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from airflow_provider_kaizala.server.admin import groups
from airflow_provider_kaizala.server.admin.commands.shown import (
    Listing,
    Record,
    a_phone,
    administers,
    named,
)
from airflow_provider_kaizala.server.admin.session import Admin


def _people(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, whom in (
        ("subscriber", "Subscribers of a hub group"),
        ("member", "Members"),
        ("admin", "Admins"),
    ):
        command = click.option(
            f"--{name}", f"{name}s", multiple=True, callback=a_phone, help=f"{whom}, once for each."
        )(command)
    return command


@click.group()
def group() -> None:
    """Groups, and who is in them."""


@group.command("create")
@named("--name", required=True, help="What people see.")
@named("--id", "group_id", help="An id of your own instead of a new one.")
@click.option("--hub", is_flag=True, help="A hub group (ConnectGroup), with subscribers.")
@named("--parent", help="The id of the group above.")
@click.option("--welcome-message", "welcomeMessage", help="What new members read.")
@_people
@named("--tenant", help="The tenant's id, where there are several.")
@administers
def create(admin: Admin, name: str, group_id: str | None, hub: bool, **more: Any) -> Record:
    """Make a group of people that exist."""
    entry = {key: list(value) if isinstance(value, tuple) else value for key, value in more.items()}
    return Record(groups.create(admin, name, group_id=group_id, hub=hub, **entry))


@group.command("list")
@administers
def list_(admin: Admin) -> Listing:
    """List the groups."""
    return Listing(groups.list_all(admin), "There is no group.")


@group.command("people")
@click.argument("group_id", metavar="GROUP")
@administers
def list_people(admin: Admin, group_id: str) -> Listing:
    """List who is in GROUP."""
    return Listing(groups.list_people(admin, group_id), "There is nobody in the group.")


@group.command("add")
@click.argument("group_id", metavar="GROUP")
@_people
@administers
def add(
    admin: Admin,
    group_id: str,
    admins: tuple[str, ...],
    members: tuple[str, ...],
    subscribers: tuple[str, ...],
) -> Record:
    """Add people to GROUP; a member named as --admin becomes one."""
    return Record(groups.add_people(admin, group_id, admins=admins, plain=members, subscribing=subscribers))


@group.command("remove")
@click.argument("group_id", metavar="GROUP")
@click.argument("mobiles", nargs=-1, required=True, callback=a_phone)
@administers
def remove(admin: Admin, group_id: str, mobiles: tuple[str, ...]) -> Record:
    """Take people out of GROUP."""
    return Record(groups.remove_people(admin, group_id, mobiles))


@group.command("delete")
@click.argument("group_id", metavar="GROUP")
@administers
def delete(admin: Admin, group_id: str) -> Record:
    """Delete GROUP: nobody sees or reaches it any more."""
    return Record(groups.delete(admin, group_id))
