"""Calls about bots: users without a phone, which post on behalf of a connector."""

from __future__ import annotations

from airflow_provider_kaizala.client.calls.call import Call, listed, make, sent, text
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.bots import Bot
from airflow_provider_kaizala.client.models.tokens import BotToken
from airflow_provider_kaizala.client.models.wire import filled


def create_bot(name: str, profile_pic: str | None = None) -> Call[str]:
    """Create a bot; returns its user id. *profile_pic* is a media resource."""
    body = filled(name=checks.title("name", name), profilePic=profile_pic)
    return make("createBot", text("botUserId"), body=body)


def list_bots() -> Call[tuple[Bot, ...]]:
    """List the connector's bots."""
    return make("listBots", listed("bots", Bot.read))


def update_bot(bot_user_id: str, name: str | None = None, profile_pic: str | None = None) -> Call[bool]:
    """Change a bot's name or picture."""
    changes = {"name": checks.optional(checks.title)("name", name), "profilePic": profile_pic}
    body = {key: value for key, value in changes.items() if value is not None}
    if not body:
        raise KaizalaInputError("nothing to change: give name or profile_pic")
    return make("updateBot", sent, at={"botUserId": bot_user_id}, body=body)


def delete_bot(bot_user_id: str) -> Call[bool]:
    """Delete a bot."""
    return make("deleteBot", sent, at={"botUserId": bot_user_id})


def bot_access_token(bot_user_id: str) -> Call[BotToken]:
    """Read an access token for acting as the bot. Make the call again to renew it."""
    return make("getBotAccessToken", BotToken.read, at={"botUserId": bot_user_id})


def add_bot_to_group(group_id: str, bot_user_id: str) -> Call[bool]:
    """Add a bot to a group."""
    body = {"botUserId": checks.identifier("bot_user_id", bot_user_id)}
    return make("addBotToGroup", sent, group_id, body=body)
