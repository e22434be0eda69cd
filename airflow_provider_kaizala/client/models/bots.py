"""Bots, as replies describe them."""

from __future__ import annotations

from typing import Any

from airflow_provider_kaizala.client.models.wire import Wire
from airflow_provider_kaizala.client.value import Value


class Bot(Value):
    """A user without a phone, created by a connector."""

    bot_user_id: str
    name: str | None
    profile_pic: str | None
    creator_id: str | None
    creator_name: str | None
    status: str | None

    @classmethod
    def read(cls, body: Any) -> Bot:
        """Read an item of ``bots``."""
        wire = Wire(body)
        return cls(
            bot_user_id=wire.need("botUserId"),
            name=wire.text("name"),
            profile_pic=wire.text("profilePic"),
            creator_id=wire.text("creatorId"),
            creator_name=wire.text("creatorName"),
            status=wire.text("status"),
        )
