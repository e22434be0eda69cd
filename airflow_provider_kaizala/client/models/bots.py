"""Bots, as replies describe them."""

from __future__ import annotations

from airflow_provider_kaizala.client.models.wire import Received


class Bot(Received):
    """A user without a phone, created by a connector."""

    bot_user_id: str
    name: str | None
    profile_pic: str | None
    creator_id: str | None
    creator_name: str | None
    status: str | None
