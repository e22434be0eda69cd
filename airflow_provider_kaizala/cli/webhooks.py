"""``airflow-kaizala webhooks``: ensure, list, test and remove. Each returns its exit code; nothing printed holds a secret."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_kaizala import compat, push
from airflow_provider_kaizala.cli.commands import FAILED
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError
from airflow_provider_kaizala.client.models.webhooks import EVENT_TYPES
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
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
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_kaizala.client.models import Webhook


def ensure_webhooks(args: argparse.Namespace) -> int:
    """Make sure that each group has one working webhook that calls this Airflow."""
    account = _Account.of(args)
    events = {"event_types": args.event} if args.event else {}
    wanted = Wanted(args.public_url, account.groups(args), remove_unneeded=args.remove_unneeded, **events)
    account.owner.token("")  # what is missing in the connection comes before what is wrong elsewhere
    if not account.reaches(wanted.public_url):
        return FAILED
    done: list[Step] = []

    def show(step: Step) -> None:
        done.append(step)
        _print(f"{'dry run: ' if args.dry_run else ''}{step}")

    settings, now = account.hook.connection.settings, datetime.now(tz=UTC)
    try:
        ensure(account.hook.run, settings, account.owner, wanted, now, dry_run=args.dry_run, on_step=show)
    finally:
        counts = {kind: sum(step.kind == kind for step in done) for kind in KINDS}
        _print(", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "nothing was done")
    return 0


def list_webhooks(args: argparse.Namespace) -> int:
    """List the webhooks of groups, those of others included."""
    account = _Account.of(args)
    found, failed = account.listed(args)
    if args.output == "json":
        _print(json.dumps([one.to_dict() for one in found], indent=2))
    else:
        heads = ("GROUP", "ID", "EVENTS", "WHERE", "STATE", "UNTIL")
        _print_table([heads, *(one.row() for one in found)])
    return FAILED if failed else 0


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
        _print(f"webhook {one.webhook.id} of group {one.group_id}: {one.state}, until {one.until}")
    missing = set(account.groups(args)) - {one.group_id for one in found if one.ours} - set(failed)
    for group_id in sorted(missing):
        _complain(f"group {group_id} has no webhook that calls this Airflow; run: webhooks ensure")
    active = all(one.state == ACTIVE for one in ours)
    if not active:
        _complain("not all webhooks are active; run: webhooks ensure")
    return 0 if all(fine) and active and not missing and not failed else FAILED


def remove_webhooks(args: argparse.Namespace) -> int:
    """Remove this Airflow's webhooks from groups, or those with the ids given."""
    account = _Account.of(args)
    found, failed = account.listed(args)
    chosen = [one for one in found if (one.webhook.id in args.id if args.id else one.ours)]
    unknown = set(args.id or ()) - {one.webhook.id for one in found}
    if unknown:
        raise KaizalaInputError(
            f"--id: no such webhook in {', '.join(account.groups(args))}: {', '.join(sorted(unknown))}; see: webhooks list"
        )
    for one in chosen:
        _print(f"webhook {one.webhook.id} of group {one.group_id}, which calls {one.where}")
    if chosen and not args.yes:
        if not sys.stdin.isatty():
            raise KaizalaInputError("nobody can be asked for confirmation; give --yes")
        if input(f"Remove {len(chosen)}? [y/N] ").strip().lower() not in ("y", "yes"):
            _print("nothing was removed")
            return FAILED
    failures = 0
    for one in chosen:
        try:
            Step("removed", one.group_id, one.webhook.id, "").carry_out(account.hook.run)
        except KaizalaError as error:
            failures += 1
            _complain(f"webhook {one.webhook.id}: {error}")
    _print(f"{len(chosen) - failures} removed")
    return FAILED if failures or failed else 0


# --- the connection --------------------------------------------------------------------------------------------------


class _CommandHook(KaizalaHook):
    """A hook outside of any task."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        try:
            return compat.stored_connection(conn_id)
        except AirflowException:
            raise KaizalaInputError(
                f"--conn-id: there is no connection {conn_id!r} that this command can read; see: airflow connections list"
            ) from None


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

    def row(self) -> tuple[str, ...]:
        events = self.webhook.event_types
        shown = "all" if set(events) >= set(EVENT_TYPES) else ",".join(events)
        return (self.group_id, self.webhook.id, shown, self.where, self.state, self.until)

    def to_dict(self) -> Mapping[str, Any]:
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


class _Account:
    """What a command works with."""

    def __init__(self, conn_id: str) -> None:
        self.hook = _CommandHook(conn_id)
        self.owner = Owner(conn_id, self.hook.connection.webhook_secret)

    @classmethod
    def of(cls, args: argparse.Namespace) -> _Account:
        _log_to_stderr()
        return cls(args.conn_id)

    def groups(self, args: argparse.Namespace) -> tuple[str, ...]:
        """Return the groups given, else those that the connection names."""
        if args.group:
            checked: tuple[str, ...] = Wanted.check("group_ids", args.group)
            return checked
        return named_groups(self.hook.connection.settings, self.hook.connection.default_group)

    def listed(self, args: argparse.Namespace) -> tuple[list[_Listed], list[str]]:
        """Return the webhooks of the groups, and the groups whose webhooks could not be listed, which are complained about."""
        found: list[_Listed] = []
        failed: list[str] = []
        now = datetime.now(tz=UTC)
        for group_id in self.groups(args):
            try:
                there = self.hook.run(calls.list_webhooks(group_id, group_id=group_id))
            except KaizalaError as error:
                failed.append(group_id)
                _complain(f"group {group_id}: {error}")
                continue
            found += [_Listed(group_id, one, self.owner.is_ours(one, group_id), now) for one in there]
        return found, failed

    def reaches(self, address: str) -> bool:
        """Return whether an address reaches the receiver; print what is wrong."""
        settings = self.hook.connection.settings
        try:
            warning = push.check_echo(settings, address, self.owner.conn_id)
        except push.ReceiverError as error:
            _complain(str(error))
            return False
        if warning:
            print(f"warning: {warning}", file=sys.stderr)
        _print(f"{address} reaches the receiver of connection {self.owner.conn_id!r}")
        return True


# --- output ----------------------------------------------------------------------------------------------------------


def _print(text: str) -> None:
    print(text)


def _complain(text: str) -> None:
    print(f"error: {text}", file=sys.stderr)


def _print_table(rows: Sequence[Iterable[str]]) -> None:
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    for row in rows:
        _print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _log_to_stderr() -> None:
    """Keep Airflow's log out of the output, which may be JSON."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if getattr(handler, "stream", None) is not sys.stdout:
            continue
        # that of Airflow 2 cannot be given another stream
        other = logging.StreamHandler(sys.stderr)
        other.setLevel(handler.level)
        other.setFormatter(handler.formatter)
        other.filters = handler.filters  # they mask secrets
        root.removeHandler(handler)
        root.addHandler(other)
