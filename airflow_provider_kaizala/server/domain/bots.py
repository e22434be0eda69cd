"""Bots: users without a phone that act under the grant of whoever asks for their token."""

from __future__ import annotations

from sqlalchemy import RowMapping, select, update

from airflow_provider_kaizala.server.domain import tokens
from airflow_provider_kaizala.server.domain.access import find_group, need_admin
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import denied, not_found
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.ids import canonical, new_unit_id
from airflow_provider_kaizala.server.domain.media import read_picture
from airflow_provider_kaizala.server.domain.members import join
from airflow_provider_kaizala.server.domain.persons import by_ids
from airflow_provider_kaizala.server.store.tables import bot, membership, person

_b, _p, _m = bot.c, person.c, membership.c
MAX_NAME = 200


def create_bot(op: Operation, fields: Fields) -> dict[str, object]:
    """Create a bot of the connector."""
    name = fields.text("name", most=MAX_NAME)
    bot_id = new_unit_id()
    op.conn.execute(
        person.insert(),
        {
            "id": bot_id,
            "tenant_id": op.caller.tenant_id,
            "mobile": None,
            "name": name,
            "profile_pic": read_picture(op, fields.optional_text("profilePic", most=100_000)),
            "is_provisioned": True,
            "is_tenant_admin": False,
            "created_ms": op.now_ms,
        },
    )
    op.conn.execute(
        bot.insert(),
        {
            "person_id": bot_id,
            "connector_id": op.caller.connector_id,
            "creator_id": op.caller.person_id,
            "status": "Active",
            "created_ms": op.now_ms,
        },
    )
    return {"botUserId": bot_id}


def list_bots(op: Operation) -> dict[str, object]:
    """List the bots of the connector."""
    rows = op.conn.execute(
        select(_p.id, _p.name, _p.profile_pic, _p.tenant_id, _b.creator_id, _b.status)
        .join(bot, _b.person_id == _p.id)
        .where(_b.connector_id == op.caller.connector_id, _b.deleted_ms.is_(None))
        .order_by(_b.created_ms, _p.id)
    ).all()
    creators = by_ids(op.conn, [row.creator_id for row in rows])
    return {
        "bots": [
            {
                "botUserId": row.id,
                "name": row.name,
                "profilePic": row.profile_pic,
                "tenantId": row.tenant_id,
                "creatorId": row.creator_id,
                "creator": creators[row.creator_id].mobile,
                "creatorName": creators[row.creator_id].name,
                "creatorProfilePic": creators[row.creator_id].profile_pic,
                "status": row.status,
            }
            for row in rows
        ]
    }


def _find(op: Operation, bot_id: str, *, lock: bool = False) -> RowMapping:
    query = select(bot).where(_b.person_id == canonical(bot_id), _b.deleted_ms.is_(None))
    row = op.conn.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise not_found("The bot")
    if row["connector_id"] != op.caller.connector_id:
        raise denied("The bot belongs to another connector")
    return row


def update_bot(op: Operation, bot_id: str, fields: Fields) -> dict[str, object]:
    """Rename or re-picture a bot."""
    row = _find(op, bot_id)
    values: dict[str, object] = {}
    if fields.has("name"):
        values["name"] = fields.text("name", most=MAX_NAME)
    if fields.has("profilePic"):
        values["profile_pic"] = read_picture(op, fields.optional_text("profilePic", most=100_000))
    if values:
        op.conn.execute(update(person).where(_p.id == row["person_id"]).values(**values))
    return {}


def delete_bot(op: Operation, bot_id: str) -> dict[str, object]:
    """Delete a bot: it leaves its groups and its tokens end; what it posted stays."""
    row = _find(op, bot_id)
    alive = (_b.person_id == row["person_id"], _b.deleted_ms.is_(None))
    if not op.conn.execute(update(bot).where(*alive).values(deleted_ms=op.now_ms, status="Deleted")).rowcount:
        raise not_found("The bot")
    op.conn.execute(membership.delete().where(_m.person_id == row["person_id"]))
    tokens.end_access_tokens(op.conn, op.now_ms, row["person_id"])
    return {}


def bot_access_token(op: Operation, bot_id: str) -> dict[str, object]:
    """Return an access token of 24 h that acts as the bot."""
    row = _find(op, bot_id)
    token, expires_ms = tokens.issue_access_token(op.conn, op.now_ms, op.caller.grant_id, row["person_id"])
    return {"accessToken": token, "accessTokenExpiry": expires_ms, "scope": tokens.SCOPE}


def add_bot_to_group(op: Operation, group_id: str, fields: Fields) -> dict[str, object]:
    """Let a bot post in a group."""
    access = need_admin(find_group(op, group_id))
    # Locked, so that it is not deleted meanwhile and stays a member.
    row = _find(op, fields.text("botUserId", most=128), lock=True)
    join(op, access.id, [row["person_id"]])
    return {}
