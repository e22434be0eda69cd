"""``airflow-kaizala tail``: follow a group."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.cli.account import Account, read_duration
from airflow_provider_kaizala.cli.exit_codes import DONE
from airflow_provider_kaizala.cli.output import Row, note, pause, printable, show_item, working
from airflow_provider_kaizala.client.calls.actions import get_action, list_actions
from airflow_provider_kaizala.client.calls.members import list_members
from airflow_provider_kaizala.client.errors import (
    KaizalaError,
    KaizalaForbiddenError,
    KaizalaInputError,
    KaizalaNotFoundError,
)
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.wire import iso
from airflow_provider_kaizala.push import pulled
from airflow_provider_kaizala.push.feed import EventFeed
from airflow_provider_kaizala.push.settings import read_settings, receiver_url
from airflow_provider_kaizala.waiting.subjects import ANSWERED_TYPES, LISTED_TYPES, MESSAGES

if TYPE_CHECKING:
    import argparse

    from airflow_provider_kaizala.client.models import ActionDetails, ListedAction, Response
    from airflow_provider_kaizala.client.models.people import Person

#: actions that were posted longer ago are not watched for answers
LOOKBACK = timedelta(days=1)


def tail(args: argparse.Namespace) -> int:
    """Follow a group until Ctrl-C."""
    account = Account.of(args)
    interval = read_duration("--interval", args.interval).total_seconds()
    now = datetime.now(tz=UTC)
    since = now - (read_duration("--since", args.since) if args.since else timedelta(0))
    kind = checks.one_of(*LISTED_TYPES)
    types = tuple(dict.fromkeys(kind("--type", each) for each in args.type or LISTED_TYPES))
    group_id = account.group_id(args.group)
    messages = None if args.type else _Messages.of(account, group_id, since)
    actions = _Actions(account, group_id, types, since)
    trouble = ""
    shown: AbstractContextManager[None] = working("reading the group")
    while True:
        rows: list[Row] = []
        try:
            with shown:
                actions.look(rows)
                if messages:
                    messages.look(rows)
        except KaizalaError as error:
            if not error.is_transient or args.no_follow:
                raise
            if str(error) != trouble:
                trouble = str(error)
                note(f"warning: {trouble}; trying again")
        else:
            trouble = ""
        for row in sorted(rows, key=lambda each: str(each["at"] or "")):
            show_item(row, args.output, _line(row))
        if args.no_follow:
            return DONE
        shown = nullcontext()
        pause(interval)


class _Actions:
    """The actions of a group and the answers to them, as far as they are new.

    :param since: from when on the first look takes something for new; later looks take all that was not there before
    """

    def __init__(self, account: Account, group_id: str, types: tuple[str, ...], since: datetime) -> None:
        self._hook, self._group_id, self._types = account.hook, group_id, types
        self._since: datetime | None = since
        self._names: dict[str, str] | None = None
        #: reference ids of the actions that were listed
        self._known: set[str] = set()
        #: id of an action to the number of its responses when they were read
        self._counts: dict[str, int | None] = {}
        self._answers: set[str] = set()
        self._swept: str | None = None

    def look(self, rows: list[Row]) -> None:
        """Append what is new since the last look, as far as no error comes between."""
        first = datetime.now(tz=UTC) - LOOKBACK
        watched: dict[str, int | None] = {}
        for action_type in self._types:
            start = min(first, self._since or first)
            for action in self._hook.iterate(list_actions(self._group_id, action_type, start)):
                if action.reference_id not in self._known and self._is_new(action.sent_at):
                    rows.append(self._posted(action))
                self._known.add(action.reference_id)
                if action.action_id and action.action_type in ANSWERED_TYPES:
                    watched[action.action_id] = action.response_count
        self._swept = _next(list(watched), self._swept)
        for action_id, count in watched.items():
            # an answer that was changed does not change their number, so each look reads one action anyway
            if count is None or count != self._counts.get(action_id, 0) or action_id == self._swept:
                rows += self._answered(action_id)
                self._counts[action_id] = count
        self._since = None

    def _is_new(self, at: datetime | None) -> bool:
        return self._since is None or (at is not None and at >= self._since.replace(microsecond=0))

    def _posted(self, action: ListedAction) -> Row:
        options = list(action.options)
        return {
            "at": iso(action.sent_at),
            "kind": action.action_type,
            "person": self._name(action.sender),
            "mobile_number": action.sender,
            "title": action.title,
            "text": None,
            "options": options,
            "action_id": action.action_id,
            "reference_id": action.reference_id,
        }

    def _answered(self, action_id: str) -> list[Row]:
        rows: list[Row] = []
        try:
            details = self._hook.run(get_action(self._group_id, action_id))
        except KaizalaNotFoundError:  # it was deleted meanwhile
            return rows
        for response in details.responses:
            key = pulled.response_key(action_id, response)
            if not response.counts or key in self._answers:
                continue
            self._answers.add(key)
            if self._is_new(response.responded_at):
                rows.append(self._answer(action_id, details, response))
        return rows

    def _answer(self, action_id: str, details: ActionDetails, response: Response) -> Row:
        who = response.responder
        return {
            "at": iso(response.responded_at),
            "kind": f"{details.action_type} answer",
            "person": who.name or who.mobile_number,
            "mobile_number": who.mobile_number,
            "title": details.title,
            "text": _words(response),
            "options": [],
            "action_id": action_id,
            "reference_id": None,
        }

    def _name(self, number: str | None) -> str | None:
        """Return the name of a person; the number where names cannot be read."""
        if self._names is None:
            try:
                members = self._hook.run(list_members(self._group_id))
            except KaizalaForbiddenError:
                members = ()
            self._names = {
                each.mobile_number: each.name for each in members if each.mobile_number and each.name
            }
        return self._names.get(number or "", number)


class _Messages:
    """The messages of a group, as Airflow's receiver has stored them: Kaizala lists none."""

    def __init__(self, feed: EventFeed, group_id: str, since: datetime) -> None:
        self._feed, self._group_id = feed, group_id
        self._after: int | datetime = since
        self._since = since

    @classmethod
    def of(cls, account: Account, group_id: str, since: datetime) -> _Messages | None:
        """Return the messages, None if Airflow does not receive webhooks of the connection."""
        try:
            receives = account.conn_id in read_settings().connections
            secret = account.connection.webhook_secret
            if receives and secret:
                return cls(EventFeed(account.conn_id, secret, receiver_url()), group_id, since)
        except KaizalaInputError as error:
            note(f"warning: {error}")
        note(
            "messages are not shown: Airflow does not receive webhooks of this connection; to receive them, add the connection to "
            "[kaizala] webhook_connections, set its extra webhook_secret, and run `airflow-kaizala webhooks ensure`"
        )
        return None

    def look(self, rows: list[Row]) -> None:
        """Append the messages since the last look, as far as no error comes between."""
        while True:
            page = self._feed.read(self._after, self._group_id, MESSAGES)
            self._after = page.cursor
            rows += [self._message(event) for event in page.events if event.received_at >= self._since]
            if not page.events:
                return

    @staticmethod
    def _message(event: Any) -> Row:
        who: Person = event.person
        return {
            "at": iso(event.at),
            "kind": "Message",
            "person": who.name or who.mobile_number,
            "mobile_number": who.mobile_number,
            "title": None,
            "text": event.text,
            "options": [],
            "action_id": None,
            "reference_id": None,
        }


def _next(ids: list[str], last: str | None) -> str | None:
    """Return the id that comes after the last one, in a circle."""
    at = ids.index(last) + 1 if last in ids else 0
    return ids[at % len(ids)] if ids else None


def _words(response: Response) -> str:
    """Return what was answered: without the question where there is only one."""
    if response.completed is not None:
        return "completed"
    answers = {
        title: printable(value) for title, value in response.answers.items() if value not in (None, "", [])
    }
    if len(response.answers) == 1:
        return next(iter(answers.values()), "")
    return "; ".join(f"{title}: {value}" for title, value in answers.items())


def _line(row: Row) -> str:
    """Return a row as one line, for people."""
    at = datetime.fromisoformat(row["at"]).astimezone().strftime("%m-%d %H:%M:%S") if row["at"] else "?"
    options = f" [{', '.join(row['options'])}]" if row["options"] else ""
    said = ": ".join(" ".join(str(each).split()) for each in (row["title"], row["text"]) if each)
    return f"{at}  {row['person'] or 'somebody'}  {row['kind']}  {said}{options}"
