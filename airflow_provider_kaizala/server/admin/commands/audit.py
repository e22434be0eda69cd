"""``kaizala-server audit``."""

from __future__ import annotations

import click

from airflow_provider_kaizala.server.admin import audit_log
from airflow_provider_kaizala.server.admin.commands.shown import Listing, a_phone, administers
from airflow_provider_kaizala.server.admin.session import Admin
from airflow_provider_kaizala.server.domain.audit import KINDS


@click.group()
def audit() -> None:
    """The audit log: sign-ins, wrong PINs, grants, and what administrators did. It is kept for a year."""


@audit.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only entries of this kind.")
@click.option("--person", "mobile", callback=a_phone, help="Only entries about this phone number.")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 366), help="How far back.")
@click.option(
    "--count",
    "most",
    default=200,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="At most so many.",
)
@administers
def list_(admin: Admin, **wanted: object) -> Listing:
    """List the newest entries, the latest last."""
    return Listing(audit_log.list_entries(admin, **wanted), "There is no entry.")  # type: ignore[arg-type]
