"""Changing a sent card in place, and reminding people of an action."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from airflow_provider_kaizala.server.domain.access import need_member
from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE, PropertyDraft, read_properties
from airflow_provider_kaizala.server.domain.action_records import ActionRecord, find_action
from airflow_provider_kaizala.server.domain.context import ADMIN, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, denied
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.posts import add_post, read_audience, touch
from airflow_provider_kaizala.server.store.tables import action as action_table
from airflow_provider_kaizala.server.store.tables import action_property

_a, _p = action_table.c, action_property.c
LAST_WRITE_WINS = -1


def update_action(op: Operation, group_id: str, action_id: str, fields: Fields) -> dict[str, object]:
    """Set properties of a card (``updateProperties``); ``version`` -1 means that the last write wins."""
    return _update(op, group_id, action_id, fields, "updateProperties", "actionProperties")


def update_properties(op: Operation, group_id: str, action_id: str, fields: Fields) -> dict[str, object]:
    """Set properties of a card in the earlier form (``actionProperties``)."""
    return _update(op, group_id, action_id, fields, "actionProperties", "updateProperties")


def _update(op: Operation, group_id: str, action_id: str, fields: Fields, *names: str) -> dict[str, object]:
    """Set properties; the documentation mixes up the two forms, so each takes the name of the other too."""
    action = find_action(op, group_id, action_id)
    if action.type != PACKAGE:
        raise bad_request(f"An action of the type {action.public_type} has no properties")
    if action.row["creator_id"] != op.caller.person_id and action.access.role != ADMIN:
        raise denied("Only the sender and admins change a card")
    if not fields.has(*names):
        raise bad_request(f"{names[0]} is required")
    changes = read_properties(fields, *names)
    read_audience(op, action.access, fields, needed=False)
    _raise_version(op, action, fields.integer("version"))
    _set_properties(op, action, changes)
    touch(op, action.row["reference_id"])
    return {}


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


def send_reminder(op: Operation, group_id: str, action_id: str, fields: Fields) -> dict[str, object]:
    """Send an action again: it comes up as a new line of the conversation, with the same action behind it."""
    action = find_action(op, group_id, action_id)
    need_member(action.access)
    if action.row["creator_id"] != op.caller.person_id and action.access.role != ADMIN:
        raise denied("Only the sender and admins send a reminder")
    if action.is_over(op.now_ms):
        raise bad_request("The action has expired")
    audience = read_audience(op, action.access, fields, needed=False)
    reference_id, _ = add_post(
        op,
        action.access.id,
        "reminder",
        audience=audience,
        reply_to=action.row["reference_id"],
        action_id=action.id,
    )
    reply: dict[str, object] = {"referenceId": reference_id, "actionId": action.id}
    return {**reply, "failedResult": list(audience.failed)} if audience.failed else reply
