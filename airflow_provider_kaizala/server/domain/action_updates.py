"""Changing a sent card in place, and reminding people of an action."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from airflow_provider_kaizala.server.domain.access import need_member
from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE, PropertyDraft
from airflow_provider_kaizala.server.domain.action_records import ActionRecord, find_action
from airflow_provider_kaizala.server.domain.context import ADMIN, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, denied
from airflow_provider_kaizala.server.domain.posts import MEMBERS, Audience, add_post, touch
from airflow_provider_kaizala.server.store.tables import action as action_table
from airflow_provider_kaizala.server.store.tables import action_property

_a, _p = action_table.c, action_property.c
LAST_WRITE_WINS = -1


def find_card(op: Operation, group_id: str, action_id: str) -> ActionRecord:
    """Return a card that the caller may change."""
    action = find_action(op, group_id, action_id)
    if action.type != PACKAGE:
        raise bad_request(f"An action of the type {action.public_type} has no properties")
    if action.row["creator_id"] != op.caller.person_id and action.access.role != ADMIN:
        raise denied("Only the sender and admins change a card")
    return action


def update_card(
    op: Operation, card: ActionRecord, changes: Sequence[PropertyDraft], version: int | None
) -> None:
    """Set properties of a card, by name.

    :param version: which the card must be at; None and -1 mean that the last write wins
    """
    _raise_version(op, card, version)
    _set_properties(op, card, changes)
    touch(op, card.row["reference_id"])


def _raise_version(op: Operation, action: ActionRecord, version: int | None) -> None:
    """Move a card to its next version, which others then wait for; only from the version that is named."""
    here = [_a.id == action.id]
    if version not in (None, LAST_WRITE_WINS):
        here.append(_a.version == version)
    if not op.conn.execute(update(action_table).where(*here).values(version=_a.version + 1)).rowcount:
        current = op.conn.execute(select(_a.version).where(_a.id == action.id)).scalar_one()
        raise bad_request(f"version is {version}, but the card is at version {current}")


def _set_properties(op: Operation, action: ActionRecord, changes: Sequence[PropertyDraft]) -> None:
    rows = op.conn.execute(select(_p.name, _p.position).where(_p.action_id == action.id)).all()
    positions = {row.name: row.position for row in rows}
    for change in changes:
        values = {"name": change.name, "property_type": change.type, "value": change.value}
        if change.name in positions:
            here = (_p.action_id == action.id, _p.position == positions[change.name])
            op.conn.execute(update(action_property).where(*here).values(**values))
            continue
        positions[change.name] = max(positions.values(), default=-1) + 1
        row = {"action_id": action.id, "position": positions[change.name], **values}
        op.conn.execute(action_property.insert(), row)


def find_remindable(op: Operation, group_id: str, action_id: str) -> ActionRecord:
    """Return an action that the caller may remind people of now."""
    action = find_action(op, group_id, action_id)
    need_member(action.access)
    if action.row["creator_id"] != op.caller.person_id and action.access.role != ADMIN:
        raise denied("Only the sender and admins send a reminder")
    if action.is_over(op.now_ms):
        raise bad_request("The action has expired")
    return action


def remind(op: Operation, action: ActionRecord, audience: Audience = MEMBERS) -> str:
    """Send an action again: it comes up as a new line of the conversation, with the same action behind it.

    :return: the reference id of that line
    """
    reference_id, _ = add_post(
        op,
        action.access.id,
        "reminder",
        audience=audience,
        reply_to=action.row["reference_id"],
        action_id=action.id,
    )
    return reference_id
