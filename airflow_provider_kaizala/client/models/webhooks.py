"""Webhooks, as they are sent."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Sent
from airflow_provider_kaizala.client.models.wire import filled, read_due
from airflow_provider_kaizala.client.value import checked

#: shorter values in the query of an address are not treated as secrets: hiding them would hide every ``12`` in a log
SHORTEST_SECRET = 8
OBJECT_TYPES = ("Group", "Action", "ActionPackage")
EVENT_TYPES = (
    "ActionCreated", "ActionResponse", "SurveyCreated", "JobCreated", "SurveyResponse", "JobResponse",
    "TextMessageCreated", "AttachmentCreated", "Announcement", "MemberAdded", "MemberRemoved",
    "GroupAdded", "GroupRemoved", "PollCreated", "PollResponse", "LetsMeetCreated", "LetsMeetResponse",
    "UserJoined",
)  # fmt: skip
_event_type = checks.one_of(*EVENT_TYPES)


def _event_types(name: str, value: Any) -> tuple[str, ...]:
    needed = f"one or more of {', '.join(EVENT_TYPES)}"
    return checks.several(name, value, "event names", _event_type, needed)


def _url(name: str, value: Any) -> str:
    address = checks.title(name, value).strip()
    try:
        parts = urlsplit(address)
        usable = (
            parts.scheme in ("http", "https") and parts.hostname and not (parts.username or parts.password)
        )
    except ValueError:
        usable = False
    if not usable:
        raise KaizalaInputError(
            f"{name} must be an https:// address without user name and password; the value given is not"
        )
    return address


def url_secrets(url: str) -> tuple[str, ...]:
    """Return the values in the query of an address that may be secrets, in each way they may be written."""
    try:
        pairs = [pair.partition("=")[2] for pair in urlsplit(url).query.split("&")]
    except ValueError:
        return ()
    written = [each for value in pairs for each in (value, unquote(value), unquote_plus(value))]
    return tuple(dict.fromkeys(each for each in written if len(each) >= SHORTEST_SECRET))


class WebhookChange(Sent):
    """A change of a webhook; None leaves a field unchanged.

    :param object_id: id of the group, action or action package
    :param object_type: Group, Action or ActionPackage
    :param event_types: names of :data:`EVENT_TYPES`
    :param callback_url: where events are posted; Kaizala first requires an echo from it within 5 seconds. It appears in no
        repr, and its query in no error
    :param callback_token: sent with each event in the header ``kz-callback-token``
    :param context: sent with each event
    :param expires: when it ends: datetime, ISO 8601 text, or timedelta; Kaizala's default is 2 years
    :param active: True re-enables a webhook that Kaizala disabled after six failed deliveries
    """

    object_id: str | None = checked(checks.optional(checks.identifier), default=None)
    object_type: str | None = checked(checks.optional(checks.one_of(*OBJECT_TYPES)), default=None)
    event_types: tuple[str, ...] | None = checked(checks.optional(_event_types), default=None)
    callback_url: str | None = checked(checks.optional(_url), default=None, repr=False)
    callback_token: str | None = checked(checks.optional(checks.secret), default=None, repr=False)
    context: str | None = checked(checks.optional(checks.title), default=None)
    expires: datetime | timedelta | str | None = checked(read_due, default=None)
    active: bool | None = checked(checks.optional(checks.flag), default=None)

    def to_wire(self, now: datetime) -> dict[str, Any]:
        """Return the fields of the request that change."""
        return filled(
            objectId=self.object_id,
            objectType=self.object_type,
            eventTypes=list(self.event_types or ()),
            callBackUrl=self.callback_url,
            callBackToken=self.callback_token,
            callBackContext=self.context,
            validity=self._validity(now),
            Active=None if self.active is None else str(self.active).lower(),
        )

    def _validity(self, now: datetime) -> int | None:
        if not isinstance(self.expires, (datetime, timedelta)):
            return None
        moment = now + self.expires if isinstance(self.expires, timedelta) else self.expires
        if moment <= now:
            raise KaizalaInputError(f"expires: {self.expires} has passed; give a time in the future")
        return int(moment.timestamp() * 1000)


class NewWebhook(WebhookChange):
    """A new webhook: a :class:`WebhookChange` that names object, events and address."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for each in fields(self)[:4]:
            if getattr(self, each.name) is None:
                raise KaizalaInputError(f"{each.name} is missing; a new webhook needs it")
