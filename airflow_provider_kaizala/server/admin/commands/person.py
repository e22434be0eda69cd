"""``kaizala-server person``."""

from __future__ import annotations

import sys

import click

from airflow_provider_kaizala.server.admin import groups, people
from airflow_provider_kaizala.server.admin.commands.data import erase, export
from airflow_provider_kaizala.server.admin.commands.shown import (
    Listing,
    Record,
    a_phone,
    administers,
    named,
)
from airflow_provider_kaizala.server.admin.session import Admin
from airflow_provider_kaizala.server.domain.pins import MAX_PIN, MIN_PIN
from airflow_provider_kaizala.server.hashing import hash_pin
from airflow_provider_kaizala.server.streams import read_line

_GRANT_AGAIN = "Groups they granted to connectors need another admin's grant: kaizala-server grant create."


def _pin(ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Take a PIN from the option, or ask for it, without showing it, and hash it before the database is touched."""
    if ctx.params.get("no_pin"):
        if value is not None:
            raise click.UsageError("--pin and --no-pin exclude each other.")
        return None
    if value is None and sys.stdin.isatty():
        value = click.prompt("PIN", hide_input=True, confirmation_prompt=True, err=True)
    elif value is None:
        value = read_line()
    if not MIN_PIN <= len(value.strip()) <= len(value) <= MAX_PIN:
        raise click.BadParameter(
            f"a PIN has {MIN_PIN} to {MAX_PIN} digits or letters; give it with --pin, on stdin or when asked"
        )
    return hash_pin(value)


@click.group()
def person() -> None:
    """People: who sign in with phone number and PIN, and answer."""


@person.command("create")
@click.argument("mobile", callback=a_phone)
@named("--name", required=True, help="What others see.")
@click.option("--no-pin", is_flag=True, is_eager=True, help="Without a PIN: cannot sign in until one is set.")
@click.option(
    "--pin", "pin_hash", callback=_pin, help="The PIN; asked for (or read from stdin) if it is not given."
)
@click.option("--tenant-admin", is_flag=True, help="May get tenant-level tokens.")
@named("--tenant", help="The tenant's id, where there are several.")
@administers
def create(admin: Admin, mobile: str, name: str, no_pin: bool, **more: object) -> Record:
    """Make a person with the phone number MOBILE."""
    return Record(people.create(admin, mobile, name, **more))  # type: ignore[arg-type]


@person.command("list")
@administers
def list_(admin: Admin) -> Listing:
    """List the people."""
    return Listing(people.list_all(admin), "There is nobody.")


@person.command("set-pin")
@click.argument("mobile", callback=a_phone)
@click.option(
    "--pin", "pin_hash", callback=_pin, help="The PIN; asked for (or read from stdin) if it is not given."
)
@click.option("--keep-grants", is_flag=True, help="Leave connectors the user tokens they have of MOBILE.")
@administers
def set_pin(admin: Admin, mobile: str, pin_hash: str, keep_grants: bool) -> Record:
    """Give MOBILE a new PIN. They are signed out everywhere, and the user tokens that connectors have of them end."""
    return Record(people.set_pin(admin, mobile, pin_hash, keep_grants=keep_grants))


@person.command("deactivate")
@click.argument("mobile", callback=a_phone)
@administers
def deactivate(admin: Admin, mobile: str) -> Record:
    """Sign MOBILE out for good: sessions, grants and tokens end at once. They stay in their groups."""
    return Record(people.deactivate(admin, mobile), _GRANT_AGAIN)


@person.command("activate")
@click.argument("mobile", callback=a_phone)
@administers
def activate(admin: Admin, mobile: str) -> Record:
    """Let MOBILE sign in again, with the PIN they had."""
    return Record(people.activate(admin, mobile))


@person.command("rename")
@click.argument("mobile", callback=a_phone)
@named("--name", required=True, help="What others see.")
@administers
def rename(admin: Admin, mobile: str, name: str) -> Record:
    """Give MOBILE another name."""
    return Record(people.rename(admin, mobile, name))


@person.command("promote")
@click.argument("mobile", callback=a_phone)
@administers
def promote(admin: Admin, mobile: str) -> Record:
    """Make MOBILE a tenant admin."""
    return Record(people.promote(admin, mobile))


@person.command("demote")
@click.argument("mobile", callback=a_phone)
@named("--group", "group_id", help="Make an admin of this group a member of it, instead.")
@administers
def demote(admin: Admin, mobile: str, group_id: str | None) -> Record:
    """Make the tenant admin MOBILE a person as others. What they granted as an admin ends."""
    if group_id is not None:
        return Record(groups.demote(admin, group_id, mobile))
    return Record(people.demote(admin, mobile))


@person.command("delete")
@click.argument("mobile", callback=a_phone)
@administers
def delete(admin: Admin, mobile: str) -> Record:
    """Deactivate MOBILE, take them out of all groups, and free the number. What they wrote stays, under their name."""
    return Record(people.delete(admin, mobile), _GRANT_AGAIN)


person.add_command(export)
person.add_command(erase)
