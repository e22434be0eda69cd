"""Bots: users without a phone that act under the grant of whoever asks for their token."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select, update

from airflow_provider_kaizala.server.domain import tokens
from airflow_provider_kaizala.server.domain.access import GroupAccess, need_admin
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import denied, not_found
from airflow_provider_kaizala.server.domain.ids import canonical, new_unit_id
from airflow_provider_kaizala.server.domain.media import read_picture
from airflow_provider_kaizala.server.domain.members import join
from airflow_provider_kaizala.server.domain.persons import Person, by_ids
from airflow_provider_kaizala.server.store.media_links import MediaLink
from airflow_provider_kaizala.server.store.tables import bot, membership, person

_b, _p, _m = bot.c, person.c, membership.c


class Bot(NamedTuple):
    """A bot of the connector."""

    id: str
    name: str
    profile_pic: str | MediaLink
    status: str
    creator: Person


def create(op: Operation, name: str, picture: str | None) -> str:
    """Create a bot of the connector; return its id."""
    bot_id = new_unit_id()
    op.conn.execute(
        person.insert(),
        {
            "id": bot_id,
            "tenant_id": op.caller.tenant_id,
            "mobile": None,
            "name": name,
            "profile_pic": read_picture(op, picture),
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
    return bot_id


def list_bots(op: Operation) -> list[Bot]:
    """List the bots of the connector."""
    rows = op.conn.execute(
        select(_p.id, _p.name, _p.profile_pic, _b.status, _b.creator_id)
        .join(bot, _b.person_id == _p.id)
        .where(_b.connector_id == op.caller.connector_id, _b.deleted_ms.is_(None))
        .order_by(_b.created_ms, _p.id)
    ).all()
    creators = by_ids(op.conn, [row.creator_id for row in rows])
    return [Bot(*row[:4], creators[row.creator_id]) for row in rows]


def find(op: Operation, bot_id: str, *, lock: bool = False) -> str:
    """Return the id, as stored, of a bot of the connector."""
    query = select(_b.person_id, _b.connector_id).where(
        _b.person_id == canonical(bot_id), _b.deleted_ms.is_(None)
    )
    row = op.conn.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise not_found("The bot")
    if row.connector_id != op.caller.connector_id:
        raise denied("The bot belongs to another connector")
    return str(row.person_id)


def change(op: Operation, bot_id: str, name: str | None, picture: str | None) -> None:
    """Rename or re-picture a bot; None leaves what is there, an empty picture removes it."""
    bot_id = find(op, bot_id)
    given = {"name": name, "profile_pic": None if picture is None else read_picture(op, picture)}
    values = {column: value for column, value in given.items() if value is not None}
    if values:
        op.conn.execute(update(person).where(_p.id == bot_id).values(**values))


def delete(op: Operation, bot_id: str) -> None:
    """Delete a bot: it leaves its groups and its tokens end; what it posted stays."""
    bot_id = find(op, bot_id)
    alive = (_b.person_id == bot_id, _b.deleted_ms.is_(None))
    if not op.conn.execute(update(bot).where(*alive).values(deleted_ms=op.now_ms, status="Deleted")).rowcount:
        raise not_found("The bot")
    op.conn.execute(membership.delete().where(_m.person_id == bot_id))
    tokens.end_access_tokens(op.conn, op.now_ms, bot_id)


def issue_token(op: Operation, bot_id: str) -> tuple[str, int]:
    """Issue an access token of 24 h that acts as the bot; return it with its expiry."""
    return tokens.issue_access_token(op.conn, op.now_ms, op.caller.grant_id, find(op, bot_id))


def add_to_group(op: Operation, access: GroupAccess, bot_id: str) -> None:
    """Let a bot post in a group."""
    need_admin(access)
    # Locked, so that it is not deleted meanwhile and stays a member.
    join(op, access.id, [find(op, bot_id, lock=True)])
