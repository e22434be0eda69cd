"""The trigger of assets that are watched by polling, for those whom Kaizala's webhooks cannot reach."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.triggers import BaseEventTrigger

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError, KaizalaNotFoundError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.push import pulled
from airflow_provider_kaizala.push.feed import EventFeed, FeedError, RefusedEventError
from airflow_provider_kaizala.push.settings import read_settings, receiver_url
from airflow_provider_kaizala.triggers.accounts import UnreadableConnectionError, accounts
from airflow_provider_kaizala.triggers.poll import Feed
from airflow_provider_kaizala.waiting.subjects import (
    ANSWERED_TYPES,
    LISTED_TYPES,
    NewActions,
    NewMembers,
    Responses,
)
from airflow_provider_kaizala.waiting.wait import Wait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from airflow.triggers.base import TriggerEvent

    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.triggers.accounts import Account
    from airflow_provider_kaizala.waiting.subjects import Subject

log = logging.getLogger(__name__)

KINDS = ("new_actions", "new_responses", "new_members")
#: seconds after which the list of actions begins later, so that it does not grow
SESSION = 6 * 3600.0
#: seconds before events are handed over again that the receiver could not take
RETRY = 10.0
_DAYS = 365.0


def _between(name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise KaizalaInputError(
            f"{name} must be a number from {least:g} to {most:g}, not {checks.shown(value)}"
        )
    return float(value)


class KaizalaEventTrigger(BaseEventTrigger):
    """Polls a group for an ``AssetWatcher``, and hands what is new to the receiver, as a webhook would.

    The receiver stores the events, and makes the asset events of ``kaizala://<connection id>/groups/<group id>``, so a DAG that is
    scheduled on that asset runs and reads in the same way with a webhook and without. Watch such an asset::

        Asset(
            "kaizala://kaizala_default/groups/<group id>",
            watchers=[AssetWatcher(name="photos", trigger=KaizalaEventTrigger("new_actions", "<group id>", action_type="Image"))],
        )

    However many watchers and waits there are in a group, one poll reads for all of them. What was there when a watcher began is not
    new. What it has seen is kept in the Airflow Variable ``kaizala_watch_<fingerprint>``, so that nothing is missed while no triggerer
    runs. Needs Airflow 3.0 or newer, the connection in ``[kaizala] webhook_connections``, and its extra ``webhook_secret``.

    :param kind: ``"new_actions"``, ``"new_responses"`` or ``"new_members"``
    :param group_id: the group
    :param action_type: the type of the new actions, or of those whose responses are watched: ``"Image"``, ``"Document"``, ``"Job"``,
        ``"Survey"``, ``"Poll"``, ``"LetsMeet"``, ``"PhotoWithLocation"`` or ``"ShareLocation"``
    :param kaizala_conn_id: the Airflow connection to Kaizala
    :param poll_interval: seconds between two looks
    :param lookback_days: only actions that were posted in the last so many days, and responses to them, are watched
    """

    def __init__(
        self,
        kind: str,
        group_id: str,
        action_type: str | None = None,
        kaizala_conn_id: str = "kaizala_default",
        poll_interval: float = 60.0,
        lookback_days: float = 7.0,
    ) -> None:
        compat.need_push("KaizalaEventTrigger")
        super().__init__()  # type: ignore[no-untyped-call]
        self.kind = checks.one_of(*KINDS)("kind", kind)
        self.group_id = checks.group_id("group_id", group_id)
        if self.kind == "new_members":
            if action_type is not None:
                raise KaizalaInputError("action_type: members have none; leave it out")
            self.action_type = None
        else:
            types = LISTED_TYPES if self.kind == "new_actions" else ANSWERED_TYPES
            self.action_type = checks.one_of(*types)("action_type", action_type)
        self.kaizala_conn_id = checks.title("kaizala_conn_id", kaizala_conn_id)
        self.poll_interval = _between("poll_interval", poll_interval, 1, 86_400)
        self.lookback_days = _between("lookback_days", lookback_days, 0.1, _DAYS)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path and the arguments."""
        names = ("kind", "group_id", "action_type", "kaizala_conn_id", "poll_interval", "lookback_days")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch until the triggerer stops this. No event is fired here: the receiver makes the asset events."""
        trouble = ""
        while True:
            try:
                await _Watch(self).run()
            except (KaizalaError, UnreadableConnectionError) as error:
                if str(error) != trouble:
                    trouble = str(error)
                    log.warning("Cannot watch %s now; trying again: %s", self, error)
                await asyncio.sleep(self.poll_interval)
            else:
                trouble = ""
        yield  # makes this a generator

    def __str__(self) -> str:
        kind = self.kind.replace("_", " ") + (f" ({self.action_type})" if self.action_type else "")
        return f"{kind} in group {self.group_id}"


@dataclass
class _Seen:
    """What a watch has handed over, and what was there before it began.

    :ivar keys: by the id of an action, if responses are watched, else under ``""``
    :ivar changes: how often this has changed
    """

    keys: dict[str, list[str]]
    changes: int = 0


class _Watch:
    """One session of a trigger: it joins the polls, finds what is new, and hands it over."""

    def __init__(self, trigger: KaizalaEventTrigger) -> None:
        self._trigger = trigger
        since = Wait.now() - timedelta(days=trigger.lookback_days)
        self._main: Subject = (
            NewMembers(trigger.group_id, before=())
            if trigger.action_type is None
            else NewActions(trigger.group_id, trigger.action_type, since, ignored="")
        )
        self._variable = f"kaizala_watch_{pulled.key(trigger.kaizala_conn_id, trigger.group_id, trigger.kind, trigger.action_type)}"
        #: by the id of an action, if responses are watched, else under "": key to event of what there is
        self._found: dict[str, dict[str, Callable[[], dict[str, Any]]]] = {}
        #: when the actions were posted whose responses are watched; None until they have been listed
        self._listed: dict[str, datetime | None] | None = None
        self._changed = asyncio.Event()
        self._error: KaizalaError | None = None
        self._trouble = ""

    async def run(self) -> None:
        """Watch for a session.

        :raises KaizalaError: if the group cannot be watched, or not now
        """
        trigger = self._trigger
        _, connection = await accounts().connection(trigger.kaizala_conn_id)
        if not connection.webhook_secret or trigger.kaizala_conn_id not in read_settings().connections:
            raise KaizalaInputError(
                f"connection {trigger.kaizala_conn_id!r} needs the extra webhook_secret, and its name in [kaizala] webhook_connections, "
                "so that the receiver stores what is found"
            )
        async with AsyncExitStack() as stack:
            feed = EventFeed(trigger.kaizala_conn_id, connection.webhook_secret, receiver_url())
            stack.push_async_callback(feed.aclose)
            account = await stack.enter_async_context(accounts().account(trigger.kaizala_conn_id))
            seen = await self._load()
            if seen is None:
                seen = _Seen(await self._read_all(account))
                await self._save(seen)
            await self._follow(account, stack, seen, feed)

    async def _read_all(self, account: Account) -> dict[str, list[str]]:
        """Return what there is when a watch begins, which is not new."""
        self._take(self._main, await account.read(self._main.reading()))
        for action_id in self._listed or {}:
            subject = self._responses(action_id)
            try:
                self._take(subject, await account.read(subject.reading()))
            except KaizalaNotFoundError:  # it was deleted meanwhile
                continue
        return self._keys()

    async def _follow(self, account: Account, stack: AsyncExitStack, seen: _Seen, feed: EventFeed) -> None:
        """Hand over what is not among *seen*, again and again."""
        watched: dict[str, AsyncExitStack] = {}
        self._found, self._listed = {}, None
        await self._join(account, stack, self._main)
        until = time.monotonic() + SESSION
        is_behind = False
        while (left := until - time.monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, RETRY) if is_behind else left):
                    await self._changed.wait()
            self._changed.clear()
            if self._error:
                raise self._error
            listed: dict[str, datetime | None] = self._listed or {}
            for action_id in [each for each in listed if each not in watched]:
                watched[action_id] = await stack.enter_async_context(AsyncExitStack())
                await self._join(account, watched[action_id], self._responses(action_id))
            for action_id in [each for each in watched if each not in listed]:
                await watched.pop(action_id).aclose()
                self._found.pop(action_id, None)
            is_behind = not await self._hand_over(seen, feed)

    async def _join(self, account: Account, stack: AsyncExitStack, subject: Subject) -> None:
        part = _Part(self._trigger.poll_interval, lambda news: self._take(subject, news))
        await stack.enter_async_context(account.watch(subject, self._trigger.poll_interval, part))

    def _responses(self, action_id: str) -> Responses:
        sent_at = self._listed[action_id] if self._listed else None
        return Responses(self._trigger.group_id, action_id, self._trigger.action_type, sent_at)

    def _take(self, subject: Subject, news: ActionDetails | KaizalaError) -> None:
        """Take in what a poll has read."""
        trigger = self._trigger
        self._changed.set()
        if isinstance(news, KaizalaError):
            if subject is self._main:
                self._error = news
            return  # an action that was deleted has no more responses
        event_type = subject.event_types[0] if subject.event_types else "ActionCreated"
        group_id = trigger.group_id
        if isinstance(subject, Responses):
            action_id = subject.action_id
            self._found[action_id] = {
                pulled.response_key(action_id, each): partial(
                    pulled.response_given, group_id, event_type, action_id, news, each
                )
                for each in news.responses
                if each.counts
            }
        elif trigger.kind == "new_responses":
            self._listed = {
                each.response_id: each.responded_at for each in news.responses if each.response_id
            }
        elif trigger.kind == "new_members":
            self._found[""] = {
                pulled.member_key(each): partial(pulled.member_added, group_id, each)
                for each in news.responses
            }
        else:
            self._found[""] = {
                pulled.action_key(each): partial(pulled.action_created, group_id, event_type, each)
                for each in news.responses
            }

    # --- what was seen -----------------------------------------------------------------------------------------------------

    def _keys(self) -> dict[str, list[str]]:
        return {part: sorted(found) for part, found in self._found.items()}

    async def _hand_over(self, seen: _Seen, feed: EventFeed) -> bool:
        """Hand over what is new, then note it in *seen*; return False if the receiver could not take all of it.

        The id of an event is the same when it is handed over again, so the receiver stores it once.
        """
        trigger = self._trigger
        keys, listed = self._keys(), self._listed  # polls go on to deliver while events are handed over
        before = {each for known in seen.keys.values() for each in known}
        # who joins, leaves and joins again has joined twice
        salt = seen.changes if trigger.kind == "new_members" else ""
        new = {
            key: make for found in self._found.values() for key, make in found.items() if key not in before
        }
        for key, make in new.items():
            event_id = pulled.PULLED + pulled.key(key, salt)
            try:
                await feed.hand_in(trigger.group_id, {**make(), "eventId": event_id})
            except RefusedEventError as error:
                log.error("An event of %s is lost: %s", trigger, error)
            except FeedError as error:
                self._complain(f"The receiver cannot take events of {trigger} now; trying again: {error}")
                return False
        self._complain("")
        if new:
            log.info("Handed over %d events of %s", len(new), trigger)
        kept = {part: known for part, known in seen.keys.items() if listed is None or part in listed}
        now = {**kept, **keys}
        if now != seen.keys:
            seen.keys, seen.changes = now, seen.changes + 1
            await self._save(seen)
        return True

    def _complain(self, text: str) -> None:
        """Log what is wrong, once until it is something else."""
        if text and text != self._trouble:
            log.warning("%s", text)
        self._trouble = text

    async def _load(self) -> _Seen | None:
        """Return what was seen before, by another session or in another triggerer; None if the watch begins."""
        try:
            text = await asyncio.to_thread(compat.get_variable, self._variable)
            return None if text is None else _Seen(**json.loads(text))
        except Exception as error:
            raise UnreadableConnectionError(f"Variable {self._variable}: {error}") from error

    async def _save(self, seen: _Seen) -> None:
        text = json.dumps(asdict(seen), separators=(",", ":"))
        about = f"What was seen of {self._trigger}; maintained by the Kaizala provider"
        try:
            await asyncio.to_thread(compat.set_variable, self._variable, text, about)
        except Exception as error:  # noqa: BLE001 - after a restart some events are handed over again, and stored once
            log.warning("Variable %s cannot be written: %s", self._variable, type(error).__name__)


class _Part(Feed):
    """Hands on each state that a poll delivers, not only the latest."""

    def __init__(self, interval: float, take: Callable[[ActionDetails | KaizalaError], None]) -> None:
        super().__init__(interval)
        self._take = take

    def put(self, news: ActionDetails | KaizalaError) -> None:
        """Hand it on."""
        self._take(news)
