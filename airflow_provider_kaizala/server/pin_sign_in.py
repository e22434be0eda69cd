"""Signing in with phone number and PIN, for each of the adapters: the page, the people's API, the Kaizala API, OAuth.

Hashing takes a tenth of a second on purpose. It runs between two short transactions, in threads of its own: neither the event
loop nor the database waits for it.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.engine import Connection
from starlette.requests import Request

from airflow_provider_kaizala.server.domain import audit, pins
from airflow_provider_kaizala.server.domain.errors import throttled
from airflow_provider_kaizala.server.hashing import check_pin, hash_pin, is_outdated

if TYPE_CHECKING:
    from airflow_provider_kaizala.server.state import ServerState

Result = TypeVar("Result")
#: holds a session's token in a browser
COOKIE = "kaizala_session"
THREADS = 2
MAX_WAITING = 64
# What a PIN that came as a number may have been: it has lost its zeros in front.
_WIDTHS = (4, 6)


class PinHashing:
    """The threads that hash PINs, and how many people wait for them. One for each server, used on its event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="kaizala-pins")
        self._waiting = 0

    async def check(self, candidates: list[str], stored: str | None) -> tuple[bool, str | None]:
        """Tell whether one of the PINs is right, and return its hash where the stored one is outdated."""
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _check, candidates, stored)
        finally:
            self._waiting -= 1

    def need_room(self) -> None:
        """Refuse a try, before it is counted, while too many are on their way."""
        if self._waiting >= MAX_WAITING:
            raise throttled("Too many people are signing in; try again", 2)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()


def _check(candidates: list[str], stored: str | None) -> tuple[bool, str | None]:
    # All of them, so that the time does not tell which was right.
    right = [pin for pin in candidates if check_pin(pin, stored)]
    return bool(right), hash_pin(right[0]) if right and stored and is_outdated(stored) else None


async def sign_in(
    server: ServerState,
    request: Request,
    mobile: str,
    pin: str,
    then: Callable[[Connection, int, str], Result],
    *,
    via: str,
    connector: tuple[str, str] | None = None,
    device: str | None = None,
    is_number: bool = False,
) -> Result:
    """Check a PIN, and return what *then* does for the person, in one transaction with it; raises 401 and 429.

    :param then: called with the transaction, the time and the person's id
    :param via: which adapter asks, for the audit log
    :param connector: id and tenant of the connector that is signed in to
    :param device: the token of an earlier session on this device
    :param is_number: whether the PIN came as a number
    """
    connector_id, tenant_id = connector or (None, None)
    client = client_of(request)
    server.pins.need_room()
    tried = await server.database.write(
        lambda conn: pins.begin(
            conn, server.clock.now_ms(), mobile, client, device=device, tenant_id=tenant_id
        )
    )
    pin = pin[: pins.MAX_PIN + 1]
    widths = (0, *(_WIDTHS if is_number else ()))
    is_right, new_hash = await server.pins.check(
        list(dict.fromkeys(pin.zfill(width) for width in widths)), tried.pin_hash
    )
    if not is_right:
        await server.database.write(
            lambda conn: pins.fail(conn, server.clock.now_ms(), tried, via, connector_id)
        )
        raise pins.wrong_pin()

    def finish(conn: Connection) -> Result:
        now_ms = server.clock.now_ms()
        person_id = pins.succeed(conn, now_ms, tried, new_hash)
        audit.record(
            conn,
            now_ms,
            audit.SIGNED_IN,
            person_id=person_id,
            connector=connector_id,
            client=client,
            via=via,
        )
        return then(conn, now_ms, person_id)

    return await server.database.write(finish)


def client_of(request: Request) -> str:
    """Return whose tries are counted together: an address, of IPv6 the network that one subscriber has."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:60]
    if address.version == 6 and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address if address.version == 4 else ipaddress.ip_network((int(address) >> 64 << 64, 64)))
