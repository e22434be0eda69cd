"""A subscription: what one webhook of a connection watches, where it calls, and the token by which its events are known.

Each subscription has a token of its own, derived from the connection's ``webhook_secret``. An event therefore proves which
subscription it came from, a leaked token opens one subscription, and no token has to be stored.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from urllib.parse import quote, urlencode

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models.webhooks import OBJECT_TYPES
from airflow_provider_kaizala.client.value import Value

#: where Airflow's API server mounts the receiver
PATH = "/kaizala"
#: what follows a connection's address where its events are read
EVENTS = "/events"
#: what follows it where a task gets the events that are not processed yet
BATCHES = "/batches"
#: the query parameter that names the subscription
ON = "on"
#: the query parameter of a request that only asks whether events would be taken
CHECK = "check"
MAX_ID = 250


class Subscription(Value):
    """What one webhook watches.

    :param conn_id: the connection whose connector has the webhook
    :param object_type: Group, Action or ActionPackage
    :param object_id: id of that group, action or package; one of a group is kept in lower case, since Kaizala ignores its case
    """

    conn_id: str
    object_type: str
    object_id: str

    def __post_init__(self) -> None:
        if self.object_type == "Group":
            self.__dict__["object_id"] = self.object_id.lower()

    @classmethod
    def read(cls, conn_id: str, on: str) -> Subscription | None:
        """Return the subscription that the query of an address names; None if it names none."""
        object_type, slash, object_id = on.partition("/")
        if object_type not in OBJECT_TYPES or not slash or not 0 < len(object_id) <= MAX_ID:
            return None
        return cls(conn_id, object_type, object_id)

    @property
    def group_id(self) -> str | None:
        """The group that is watched; None if it is an action or a package, which says nothing about groups."""
        return self.object_id if self.object_type == "Group" else None

    @property
    def on(self) -> str:
        """What is watched, as the address says it: ``Group/<id>``."""
        return f"{self.object_type}/{self.object_id}"

    def callback_url(self, public_url: str) -> str:
        """Return where Kaizala posts the events. It holds no secret.

        :param public_url: the address of Airflow's API server as Kaizala reaches it, such as ``https://airflow.example.com``
        """
        return f"{public_url.rstrip('/')}{PATH}/{quote(self.conn_id, safe='')}?{urlencode({ON: self.on})}"

    def token(self, secret: str) -> str:
        """Return the token that Kaizala sends with each event, in the header ``kz-callback-token``."""
        return derive(secret, "callback", self.conn_id, self.on)


def derive(secret: str, *purpose: str) -> str:
    """Return a token for one purpose, from which neither the secret nor another token can be found.

    :param secret: the ``webhook_secret`` of a connection
    :param purpose: the texts that tell this token from all others
    """
    if not secret:
        raise KaizalaInputError(
            "extra webhook_secret is missing; without it nobody could tell events of Kaizala from others"
        )
    message = "".join(f"{len(each)}:{each}" for each in purpose)
    return (
        urlsafe_b64encode(hmac.digest(secret.encode(), message.encode(), hashlib.sha256))
        .rstrip(b"=")
        .decode()
    )


def check_token(secret: str, conn_id: str, nonce: str) -> str:
    """Return the token with which somebody asks whether events of a connection would be taken. It opens nothing.

    :param secret: its ``webhook_secret``
    :param nonce: a text that is used once
    """
    return derive(secret, "check", conn_id, nonce)


def listener_token(secret: str, conn_id: str) -> str:
    """Return the token with which tasks and triggers of this Airflow read the events of a connection.

    :param secret: its ``webhook_secret``
    """
    return derive(secret, "listen", conn_id)
