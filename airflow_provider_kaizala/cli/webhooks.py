"""``airflow-kaizala webhooks``: ensure, list, test and remove. Each returns its exit code; nothing printed holds a secret."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_kaizala import push
from airflow_provider_kaizala.cli.account import Account
from airflow_provider_kaizala.cli.errors import exit_code
from airflow_provider_kaizala.cli.exit_codes import DONE, FAILED
from airflow_provider_kaizala.cli.output import Row, complain, is_terminal, note, say, show
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError
from airflow_provider_kaizala.client.models.webhooks import EVENT_TYPES
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push.ensure import (
    ACTIVE,
    KINDS,
    Owner,
    Step,
    Wanted,
    ensure,
    named_groups,
    public_url,
    state_of,
    without_query,
)
from airflow_provider_kaizala.push.subscriptions import PATH

if TYPE_CHECKING:
    import argparse

    from airflow_provider_kaizala.client.models import Webhook


def ensure_webhooks(args: argparse.Namespace) -> int:
    """Make sure that each group has one working webhook that calls this Airflow."""
    account = _Account.of(args)
    events = {"event_types": args.event} if args.event else {}
    wanted = Wanted(args.public_url, account.chosen(args), remove_unneeded=args.remove_unneeded, **events)
    account.owner.token("")  # what is missing in the connection comes before what is wrong elsewhere
    if not account.reaches(wanted.public_url):
        return FAILED
    done: list[Step] = []

    def tell(step: Step) -> None:
        done.append(step)
        say(f"{'dry run: ' if args.dry_run else ''}{step}")

    settings, now = account.connection.settings, datetime.now(tz=UTC)
    try:
        ensure(account.hook.run, settings, account.owner, wanted, now, dry_run=args.dry_run, on_step=tell)
    finally:
        counts = {kind: sum(step.kind == kind for step in done) for kind in KINDS}
        say(", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "nothing was done")
    return DONE


def list_webhooks(args: argparse.Namespace) -> int:
    """List the webhooks of groups, those of others included."""
    account = _Account.of(args)
    found, failed = account.listed(args)
    rows = [one.to_dict() if args.output in ("json", "yaml") else one.to_row() for one in found]
    columns = {
        "group_id": "GROUP",
        "webhook_id": "ID",
        "event_types": "EVENTS",
        "where": "WHERE",
        "state": "STATE",
        "expires_at": "UNTIL",
    }
    show(rows, args.output, columns, "" if failed else "the groups have no webhooks")
    return next(iter(failed.values()), DONE)


def test_webhooks(args: argparse.Namespace) -> int:
    """Ask the receiver for an echo, and check that each group has one active webhook that calls it."""
    account = _Account.of(args)
    given = public_url("--public-url", args.public_url) if args.public_url else None
    found, failed = account.listed(args)
    ours = [one for one in found if one.ours]
    marker = f"{PATH}/"
    addresses = [given] if given else [one.where.rpartition(marker)[0] for one in ours]
    fine = [account.reaches(address) for address in dict.fromkeys(addresses)]
    for one in ours:
        say(f"webhook {one.webhook.id} of group {one.group_id}: {one.state}, until {one.until}")
    missing = set(account.chosen(args)) - {one.group_id for one in found if one.ours} - set(failed)
    for group_id in sorted(missing):
        complain(f"group {group_id} has no webhook that calls this Airflow; run: webhooks ensure")
    active = all(one.state == ACTIVE for one in ours)
    if not active:
        complain("not all webhooks are active; run: webhooks ensure")
    is_well = all(fine) and active and not missing
    return next(iter(failed.values()), DONE if is_well else FAILED)


def remove_webhooks(args: argparse.Namespace) -> int:
    """Remove this Airflow's webhooks from groups, or those with the ids given."""
    account = _Account.of(args)
    found, failed = account.listed(args)
    chosen = [one for one in found if (one.webhook.id in args.id if args.id else one.ours)]
    unknown = set(args.id or ()) - {one.webhook.id for one in found}
    if unknown and failed:  # they may be in a group that could not be read
        return next(iter(failed.values()))
    if unknown:
        raise KaizalaInputError(
            f"--id: no such webhook in {', '.join(account.chosen(args))}: {', '.join(sorted(unknown))}; see: webhooks list"
        )
    for one in chosen:
        say(f"webhook {one.webhook.id} of group {one.group_id}, which calls {one.where}")
    if chosen and not args.yes:
        if not is_terminal(sys.stdin):
            raise KaizalaInputError("nobody can be asked for confirmation; give --yes")
        if input(f"Remove {len(chosen)}? [y/N] ").strip().lower() not in ("y", "yes"):
            say("nothing was removed")
            return FAILED
    failures = 0
    for one in chosen:
        try:
            Step("removed", one.group_id, one.webhook.id, "").carry_out(account.hook.run)
        except KaizalaError as error:
            failures += 1
            complain(f"webhook {one.webhook.id}: {error}")
    say(f"{len(chosen) - failures} removed")
    return FAILED if failures else next(iter(failed.values()), DONE)


# --- the connection --------------------------------------------------------------------------------------------------


class _Listed(Value):
    """A webhook of a group."""

    group_id: str
    webhook: Webhook
    ours: bool
    now: datetime

    @property
    def where(self) -> str:
        return without_query(self.webhook.callback_url)

    @property
    def state(self) -> str:
        return state_of(self.webhook, self.now)

    @property
    def until(self) -> str:
        ends = self.webhook.expires_at
        return f"{ends:%Y-%m-%d}" if ends else "?"

    def to_row(self) -> Row:
        """Return what a table shows."""
        events = self.webhook.event_types
        shown = "all" if set(events) >= set(EVENT_TYPES) else events
        return {**self.to_dict(), "event_types": shown, "expires_at": self.until}

    def to_dict(self) -> Row:
        """Return the webhook, without its secrets."""
        ends = self.webhook.expires_at
        return {
            "group_id": self.group_id,
            "webhook_id": self.webhook.id,
            "event_types": list(self.webhook.event_types),
            "where": self.where,
            "ours": self.ours,
            "state": self.state,
            "expires_at": ends.isoformat() if ends else None,
        }


class _Account(Account):
    """What these commands work with."""

    def __init__(self, conn_id: str) -> None:
        super().__init__(conn_id)
        self.owner = Owner(conn_id, self.connection.webhook_secret)

    def chosen(self, args: argparse.Namespace) -> tuple[str, ...]:
        """Return the ids of the groups given, else of those that the connection names."""
        if args.group:
            checked: tuple[str, ...] = Wanted.check("--group", self.group_ids(args.group))
            return checked
        return named_groups(self.connection.settings, self.connection.default_group)

    def listed(self, args: argparse.Namespace) -> tuple[list[_Listed], dict[str, int]]:
        """Return the webhooks of the groups, and for each group whose webhooks could not be listed, which is printed, an exit code."""
        found: list[_Listed] = []
        failed: dict[str, int] = {}
        now = datetime.now(tz=UTC)
        for group_id in self.chosen(args):
            try:
                there = self.hook.run(calls.list_webhooks(group_id, group_id=group_id))
            except KaizalaError as error:
                failed[group_id] = exit_code(error)
                complain(f"group {group_id}: {error}")
                continue
            found += [_Listed(group_id, one, self.owner.is_ours(one, group_id), now) for one in there]
        return found, failed

    def reaches(self, address: str) -> bool:
        """Return whether an address reaches the receiver; print what is wrong."""
        settings = self.connection.settings
        try:
            warning = push.check_echo(settings, address, self.owner.conn_id, self.owner.secret)
        except push.ReceiverError as error:
            complain(str(error))
            return False
        if warning:
            note(f"warning: {warning}")
        say(f"{address} reaches the receiver of connection {self.owner.conn_id!r}")
        return True
