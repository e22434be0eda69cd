"""What a task of an event-driven DAG calls to get the events that no run before it has processed."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, get_current_context

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.push.asks import Ask
from airflow_provider_kaizala.push.assets import SCHEME, GroupAsset
from airflow_provider_kaizala.push.feed import EventFeed, FeedError
from airflow_provider_kaizala.push.settings import receiver_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Asset

    from airflow_provider_kaizala.push.events import KaizalaEvent
    from airflow_provider_kaizala.push.pages import Page

log = logging.getLogger(__name__)

#: seconds for which a request is repeated while the receiver cannot be reached, and between two requests at most
PATIENCE, LONGEST_PAUSE = 60.0, 15.0


def kaizala_events(
    triggering_asset_events: Mapping[Any, Sequence[Any]] | None = None, *, asset: Asset | str | None = None
) -> Iterator[KaizalaEvent]:
    """Yield the events that started this run of a DAG, and all others that no run before it has processed, in order of arrival.

    ::

        with DAG("handover", schedule=Asset("kaizala://kaizala_default/groups/<group id>/TextMessageCreated")):

            @task
            def read() -> list[str]:
                return [event.text for event in kaizala_events() if event.text]

    An event is processed once a task that was given it has succeeded, or has skipped itself. If the task fails or dies, its retry,
    or else the next run, gets the same events again. While one run works on events, another that starts meanwhile gets none; if
    more have come by the end of the first, they start a run of their own. A task that is cleared after it had succeeded gets
    exactly the events again that it had processed.

    Events are read in pages as they are needed. A task that stops early leaves the rest to the next run, which then starts at once.
    A task that has never read begins with what was received since Airflow knows that the DAG is scheduled on the asset; a task that is
    added later, where the others of the DAG are; one of a DAG that is not scheduled on the asset, with the oldest event that is kept.

    :param triggering_asset_events: those of the task's context, which are also the default
    :param asset: a Kaizala asset or its URI. By default all that started the run; in a run that was started by hand, all that the
        DAG is scheduled on. The instances of a mapped task, and the runs of a DAG, share the events of an asset; other tasks and
        other DAGs each get all of them
    :raises AirflowFailException: if there is no such asset, or its connection lacks ``webhook_secret``
    :raises FeedError: if the receiver cannot be reached for a minute; shorter outages are waited out
    """
    compat.need_push("kaizala_events")
    context = get_current_context()
    triggering = triggering_asset_events
    if triggering is None:
        triggering = context.get("triggering_asset_events") or {}
    try:
        found = dict.fromkeys(map(GroupAsset.read, _assets(asset, triggering, context)))
    except KaizalaInputError as error:
        raise AirflowFailException(str(error)) from error
    return (event for each in found for event in _unprocessed(each, context))


def _assets(given: Asset | str | None, triggering: Mapping[Any, Sequence[Any]], context: Any) -> list[str]:
    """Return the URIs of the assets whose events are wanted."""
    if given is not None:
        return [given if isinstance(given, str) else given.uri]
    condition = getattr(context["dag"].timetable, "asset_condition", None)
    for source in (triggering, [condition]):
        uris = [uri for each in source for uri in _uris(each) if uri.startswith(f"{SCHEME}://")]
        if uris:
            return uris
    raise KaizalaInputError(
        "kaizala_events found no Kaizala asset: the DAG is not scheduled on one. Give the argument asset, such as "
        "'kaizala://kaizala_default/groups/<group id>'"
    )


def _uris(condition: Any) -> Iterator[str]:
    """Yield the URIs in what a DAG is scheduled on."""
    if isinstance(uri := getattr(condition, "uri", None), str):
        yield uri
    for each in getattr(condition, "objects", ()):
        yield from _uris(each)


def _unprocessed(asset: GroupAsset, context: Any) -> Iterator[KaizalaEvent]:
    ti = context["ti"]
    ask = Ask(
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        run_id=ti.run_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        try_id=str(ti.id),
        group_id=asset.group_id,
        event_type=asset.event_type or "",
    )
    try:
        feed = EventFeed(asset.conn_id, KaizalaHook(asset.conn_id).connection.webhook_secret, receiver_url())
    except KaizalaInputError as error:
        raise AirflowFailException(str(error)) from error
    try:
        yield from _pages(feed, ask, asset)
    finally:
        feed.close()


def _pages(feed: EventFeed, ask: Ask, asset: GroupAsset) -> Iterator[KaizalaEvent]:
    count, reached = 0, 0
    try:
        while (page := _take(feed, replace(ask, reached=reached), asset)) is not None and page.events:
            for event in page.events:
                count, reached = count + 1, event.cursor
                yield event
            reached = page.cursor
    except GeneratorExit:
        _note(feed, replace(ask, reached=reached, limit=0), asset)
        raise
    if page is None:
        log.info(
            "%s: another run is working on events, so this one gets none. What has come since then will start a run",
            asset,
        )
    else:
        log.info("%s: %d events", asset, count)


def _note(feed: EventFeed, ask: Ask, asset: GroupAsset) -> None:
    """Tell up to where a task has come that stops early."""
    try:
        _take(feed, ask, asset)
    except FeedError as error:
        log.warning("%s: the next run will get the last events again: %s", asset, error)


def _take(feed: EventFeed, ask: Ask, asset: GroupAsset) -> Page | None:
    """Ask for events, again and again for a minute: to ask twice has the same effect as once.

    :raises FeedError: if the receiver cannot be reached for that long
    """
    until, pause = time.monotonic() + PATIENCE, 1.0
    while True:
        try:
            return feed.take(ask)
        except FeedError as error:
            if time.monotonic() + pause > until:
                raise
            log.warning("%s: the receiver does not answer, will retry in %d s: %s", asset, pause, error)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
