"""What the control plane does to stored things: an action that goes away, a grant that is taken back, who is there."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.admin.grants import revoke
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain.errors import bad_request, not_found
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.database import note_change


def delete_action(conn: Connection, now_ms: int, action_id: str) -> None:
    """Delete an action, with its reminders, as its sender could in the app."""
    a, p = t.action.c, t.post.c
    found = conn.execute(
        select(a.id, a.reference_id).where(a.id == canonical(action_id), a.deleted_ms.is_(None))
    ).first()
    if found is None:
        raise not_found("The action")
    conn.execute(update(t.action).where(a.id == found.id).values(deleted_ms=now_ms))
    of_it = (p.action_id == found.id) | (p.reference_id == found.reference_id)
    gone = update(t.post).where(of_it, p.deleted_ms.is_(None)).values(deleted_ms=now_ms)
    for reference_id in conn.execute(gone.returning(p.reference_id)).scalars():
        note_change(conn, reference_id)


def revoke_grants(conn: Connection, now_ms: int, fields: Fields) -> int:
    """Revoke a connector's grant of a group, or those of a person (user and tenant); return how many."""
    connector_id = fields.text("connectorId", most=128)
    group_id = fields.optional_text("groupId", most=128)
    mobile = fields.optional_text("mobileNumber", most=100)
    if (group_id is None) == (mobile is None):
        raise bad_request("groupId or mobileNumber is required, and not both")
    count = revoke(conn, now_ms, connector_id, group_id=group_id, mobile=mobile)
    if not count:
        raise not_found("The grant")
    return count


def list_people(conn: Connection) -> dict[str, object]:
    """List everybody with a phone number, and the groups they are in."""
    p, m, g = t.person.c, t.membership.c, t.chat_group.c
    groups: dict[str, list[str]] = {}
    for person_id, group_id in conn.execute(
        select(m.person_id, m.group_id)
        .join(t.chat_group, g.id == m.group_id)
        .where(g.deleted_ms.is_(None))
        .order_by(g.created_ms, g.id)
    ):
        groups.setdefault(person_id, []).append(group_id)
    rows = conn.execute(
        select(p.id, p.mobile, p.name).where(p.mobile.is_not(None)).order_by(p.created_ms, p.mobile)
    )
    return {
        "people": [
            {"mobileNumber": row.mobile, "name": row.name, "id": row.id, "groups": groups.get(row.id, [])}
            for row in rows
        ]
    }
