"""Bots over REST."""

from __future__ import annotations

from airflow_provider_kaizala.server.api.auth import SCOPE
from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain import bots
from airflow_provider_kaizala.server.domain.access import find_group, need_admin
from airflow_provider_kaizala.server.domain.context import Operation

MAX_NAME = 200


def create_bot(op: Operation, fields: Fields) -> Reply:
    """``POST /bot``."""
    return {"botUserId": bots.create(op, fields.text("name", most=MAX_NAME), _picture(fields))}


def list_bots(op: Operation) -> Reply:
    """``GET /bot``."""
    return {
        "bots": [
            {
                "botUserId": one.id,
                "name": one.name,
                "profilePic": one.profile_pic,
                "tenantId": op.caller.tenant_id,
                "creatorId": one.creator.id,
                "creator": one.creator.mobile,
                "creatorName": one.creator.name,
                "creatorProfilePic": one.creator.profile_pic,
                "status": one.status,
            }
            for one in bots.list_bots(op)
        ]
    }


def update_bot(op: Operation, bot_id: str, fields: Fields) -> Reply:
    """``PUT /bot/{botUserId}``."""
    bots.find(op, bot_id)
    name = fields.text("name", most=MAX_NAME) if fields.has("name") else None
    bots.change(op, bot_id, name, _picture(fields))
    return {}


def _picture(fields: Fields) -> str | None:
    return fields.optional_text("profilePic", most=100_000)


def delete_bot(op: Operation, bot_id: str) -> Reply:
    """``DELETE /bot/{botUserId}``."""
    bots.delete(op, bot_id)
    return {}


def bot_access_token(op: Operation, bot_id: str) -> Reply:
    """``GET /bot/accessToken/{botUserId}``."""
    token, expires_ms = bots.issue_token(op, bot_id)
    return {"accessToken": token, "accessTokenExpiry": expires_ms, "scope": SCOPE}


def add_bot_to_group(op: Operation, group_id: str, fields: Fields) -> Reply:
    """``POST /groups/{groupId}/bot``."""
    access = need_admin(find_group(op, group_id))
    bots.add_to_group(op, access, fields.text("botUserId", most=128))
    return {}
