"""``kaizala-server webhook``."""

from __future__ import annotations

import click

from airflow_provider_kaizala.server.admin import webhooks
from airflow_provider_kaizala.server.admin.commands.shown import Listing, Record, administers, named
from airflow_provider_kaizala.server.admin.session import Admin
from airflow_provider_kaizala.server.store.webhook_tables import DELIVERED, FAILED, PENDING


@click.group()
def webhook() -> None:
    """Webhooks, and what was delivered to them."""


@webhook.command("list")
@named("--connector", "connector_id", help="Only those of this connector.")
@administers
def list_(admin: Admin, connector_id: str | None) -> Listing:
    """List the webhooks."""
    return Listing(webhooks.list_all(admin, connector_id), "There is no webhook.")


@webhook.command("enable")
@click.argument("webhook_id", metavar="WEBHOOK")
@administers
def enable(admin: Admin, webhook_id: str) -> Record:
    """Make WEBHOOK active again after its callback failed for two days; what it missed is delivered."""
    return Record(webhooks.enable(admin, webhook_id))


@webhook.command("deliveries")
@click.argument("webhook_id", metavar="WEBHOOK")
@click.option("--state", type=click.Choice([PENDING, DELIVERED, FAILED]), help="Only those.")
@click.option(
    "--count", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
)
@administers
def deliveries(admin: Admin, webhook_id: str, state: str | None, count: int) -> Listing:
    """List the newest events for WEBHOOK, and what became of them."""
    return Listing(webhooks.deliveries(admin, webhook_id, state, count), "There is no event.")
