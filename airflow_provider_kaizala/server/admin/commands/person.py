"""``kaizala-server person``."""

from __future__ import annotations

import sys

import click

from airflow_provider_kaizala.server.admin import people
from airflow_provider_kaizala.server.admin.commands.data import erase, export
from airflow_provider_kaizala.server.admin.commands.shown import (
    Listing,
    Record,
    a_phone,
    administers,
    named,
)
from airflow_provider_kaizala.server.admin.session import Admin

MAX_PIN = 100


def _pin(ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Take a PIN from the option, or ask for it, without showing it, before the database is touched."""
    if ctx.params.get("no_pin"):
        if value is not None:
            raise click.UsageError("--pin and --no-pin exclude each other.")
        return None
    if value is None:
        if sys.stdin.isatty():
            value = click.prompt("PIN", hide_input=True, confirmation_prompt=True, err=True)
        else:
            value = sys.stdin.readline().rstrip("\n")
    if not value or not value.strip() or len(value) > MAX_PIN:
        raise click.BadParameter(
            f"a PIN has 1 to {MAX_PIN} characters; give it with --pin, on stdin or when asked"
        )
    return value


@click.group()
def person() -> None:
    """People: who sign in with phone number and PIN, and answer."""


@person.command("create")
@click.argument("mobile", callback=a_phone)
@named("--name", required=True, help="What others see.")
@click.option("--no-pin", is_flag=True, is_eager=True, help="Without a PIN: cannot sign in until one is set.")
@click.option("--pin", callback=_pin, help="The PIN; asked for (or read from stdin) if it is not given.")
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
@click.option("--pin", callback=_pin, help="The PIN; asked for (or read from stdin) if it is not given.")
@administers
def set_pin(admin: Admin, mobile: str, pin: str) -> Record:
    """Give MOBILE a new PIN, and sign them out everywhere."""
    return Record(people.set_pin(admin, mobile, pin))


person.add_command(export)
person.add_command(erase)
