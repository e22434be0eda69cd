"""The assets on which DAGs are scheduled to run when something happens in a group.

``kaizala://<connection id>/groups/<group id>`` gets an asset event for whatever happens in the group, and
``kaizala://<connection id>/groups/<group id>/<event type>`` for events of that type alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from airflow_provider_kaizala.client.errors import KaizalaInputError, did_you_mean
from airflow_provider_kaizala.client.models.webhooks import EVENT_TYPES
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from urllib.parse import SplitResult

SCHEME = "kaizala"
_FORM = (
    "kaizala://<connection id>/groups/<group id> or kaizala://<connection id>/groups/<group id>/<event type>"
)


def asset_uri(conn_id: str, group_id: str, event_type: str | None = None) -> str:
    """Return the URI of a group's asset, as ``Asset(uri)`` takes it. The group id is in lower case, since Kaizala ignores its case.

    :param event_type: one of :data:`~airflow_provider_kaizala.client.models.EVENT_TYPES`; by default the asset is for all of them
    """
    path = f"groups/{quote(group_id.lower(), safe='@')}" + (
        f"/{quote(event_type, safe='')}" if event_type else ""
    )
    return f"{SCHEME}://{quote(conn_id, safe='')}/{path}"


class GroupAsset(Value):
    """What an asset is about.

    :param event_type: None for all event types
    """

    conn_id: str
    group_id: str
    event_type: str | None = None

    @classmethod
    def read(cls, uri: str) -> GroupAsset:
        """Read the URI of an asset.

        :raises KaizalaInputError: if it names no group, or no known event type
        """
        try:
            parts = urlsplit(uri)
        except ValueError:
            parts = urlsplit("")
        conn_id = unquote(parts.netloc)
        root, *path = [unquote(part) for part in parts.path.removeprefix("/").split("/")]
        is_group = root == "groups" and 1 <= len(path) <= 2 and all(path)
        if parts.scheme != SCHEME or not conn_id or not is_group or parts.query:
            raise KaizalaInputError(f"{uri!r} is not the URI of a Kaizala asset; it must be {_FORM}")
        group_id, event_type = path[0].lower(), path[1] if path[1:] else None
        if event_type and event_type not in EVENT_TYPES:
            hint = did_you_mean(event_type, EVENT_TYPES) or "."
            raise KaizalaInputError(
                f"{uri!r}: {event_type!r} is not an event type{hint} Allowed are: {', '.join(EVENT_TYPES)}"
            )
        return cls(conn_id, group_id, event_type)

    def __str__(self) -> str:
        return asset_uri(self.conn_id, self.group_id, self.event_type)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check the URI of an asset and return it in its one spelling. Airflow calls this when a DAG is parsed.

    :raises KaizalaInputError: if it names no group, or no known event type
    """
    return urlsplit(str(GroupAsset.read(uri.geturl())))
