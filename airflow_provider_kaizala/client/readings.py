"""What is read to know how far a wait has come: one description for workers and the triggerer. No I/O.

A reading is a generator that yields the calls it wants made, and is sent what they bring; :func:`follow` and :func:`afollow`
drive it. Whatever is waited for comes out in one shape, :class:`~airflow_provider_kaizala.client.models.ActionDetails`:
who has done something is a response, what they did is its answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.models.people import Person
from airflow_provider_kaizala.client.models.received import ActionDetails, Response
from airflow_provider_kaizala.client.paging import Paged, Walk

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from airflow_provider_kaizala.client.calls.call import Call
    from airflow_provider_kaizala.client.models.groups import Group, Member, Subscriber
    from airflow_provider_kaizala.client.models.reactions import Reaction
    from airflow_provider_kaizala.client.models.received import ListedAction

T = TypeVar("T")
Reading = Generator["Call[Any] | Paged[Any]", Any, T]


def follow(reading: Reading[T], run: Callable[[Call[Any]], Any]) -> T:
    """Make the calls of a reading one after another, with *run*; return what it makes of them."""
    steps = _single(reading)
    resume: Callable[[], Call[Any]] = partial(next, steps)
    while True:
        try:
            call = resume()
        except StopIteration as end:
            value: T = end.value
            return value
        try:
            resume = partial(steps.send, run(call))
        except KaizalaError as error:
            resume = partial(steps.throw, error)


async def afollow(reading: Reading[T], run: Callable[[Call[Any]], Awaitable[Any]]) -> T:
    """Do the same on an event loop."""
    steps = _single(reading)
    resume: Callable[[], Call[Any]] = partial(next, steps)
    while True:
        try:
            call = resume()
        except StopIteration as end:
            value: T = end.value
            return value
        try:
            resume = partial(steps.send, await run(call))
        except KaizalaError as error:
            resume = partial(steps.throw, error)


def _single(reading: Reading[T]) -> Generator[Call[Any], Any, T]:
    """Turn what comes in pages into single calls."""
    resume: Callable[[], Call[Any] | Paged[Any]] = partial(next, reading)
    while True:
        try:
            wanted = resume()
        except StopIteration as end:
            value: T = end.value
            return value
        try:
            if isinstance(wanted, Paged):
                walk: Walk[Any] = Walk(wanted)
                found: Any = []
                while walk.call is not None:
                    found += walk.take((yield walk.call))
            else:
                found = yield wanted
        except KaizalaError as error:
            resume = partial(reading.throw, error)
        else:
            resume = partial(reading.send, found)


def action(group_id: str, action_id: str) -> Reading[ActionDetails]:
    """Read who has answered an action."""
    details: ActionDetails = yield calls.get_action(group_id, action_id)
    return details


def reactions(
    group_id: str, reference_id: str, reaction_type: str, source_group_id: str | None = None
) -> Reading[ActionDetails]:
    """Read who has liked something or commented on it; names come from the list of members."""
    found: list[Reaction] = yield calls.list_reactions(
        group_id, reference_id, reaction_type, source_group_id=source_group_id
    )
    people: dict[str, Person] = {}
    if found:
        members: tuple[Member, ...] = yield calls.list_members(group_id)
        people = {each.id.lower(): Person(each.mobile_number, each.name, each.id) for each in members}
    responses = tuple(
        Response(
            people.get(each.user_id.lower(), Person(None, None, each.user_id)),
            each.reaction_id,
            each.modified_at,
            {reaction_type: True if each.comment is None else each.comment},
        )
        for each in found
    )
    return _details(reaction_type, None, responses)


def posts(group_id: str, action_type: str, since: datetime) -> Reading[ActionDetails]:
    """Read what of a type was posted since a moment."""
    found: list[ListedAction] = yield calls.list_actions(group_id, action_type, since)
    return as_posts(found, action_type, since)


def as_posts(found: Collection[ListedAction], action_type: str, since: datetime) -> ActionDetails:
    """Return listed actions as answers: who posted one is the responder, its ``actionBody`` the answers.

    Kaizala cuts the time of a post to the second, so what was posted in the second of *since* counts.
    """
    first = since.replace(microsecond=0)
    responses = tuple(
        Response(
            Person(each.sender),
            each.action_id or each.reference_id,
            each.sent_at,
            {**each.raw, "referenceId": each.reference_id, "actionType": each.action_type},
        )
        for each in found
        if each.sent_at is None or each.sent_at >= first
    )
    return _details(action_type, None, responses)


def joined(group_id: str, before: Collection[str]) -> Reading[ActionDetails]:
    """Read who is in a group."""
    found: tuple[Member, ...] = yield calls.list_members(group_id)
    return as_joined(found, before)


def as_joined(found: Collection[Member], before: Collection[str]) -> ActionDetails:
    """Return those as answers who have joined: members who are not among the numbers *before*."""
    known = set(before)
    responses = tuple(
        Response(Person(each.mobile_number, each.name, each.id), each.id, None, {"role": each.role})
        for each in found
        if each.mobile_number and each.mobile_number not in known
    )
    return _details("Members", None, responses)


def audience(group_id: str) -> Reading[tuple[dict[str, Person], dict[str, Person]]]:
    """Read who can answer what is posted to a group, keyed by number: those who are asked, and others who may.

    Of a group the members are asked; of a hub group its subscribers, and its members may.
    """
    group: Group = yield calls.get_group(group_id)
    listed: tuple[Member, ...] = yield calls.list_members(group_id)
    members = _by_number(listed)
    if group.group_type.lower() != "connectgroup":
        return members, {}
    subscribers: list[Subscriber] = yield calls.list_subscribers(group_id)
    return _by_number(subscribers), members


def _by_number(people: Collection[Member | Subscriber]) -> dict[str, Person]:
    return {
        each.mobile_number: Person(each.mobile_number, each.name, each.id)
        for each in people
        if each.mobile_number
    }


def _details(kind: str, title: str | None, responses: tuple[Response, ...]) -> ActionDetails:
    return ActionDetails(kind, None, title, None, None, len(responses), (), responses)
