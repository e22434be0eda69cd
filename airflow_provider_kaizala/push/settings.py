"""What ``airflow.cfg`` says about received webhooks."""

from __future__ import annotations

import logging

from airflow.providers.common.compat.sdk import conf

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.value import Value

log = logging.getLogger(__name__)

SECTION = "kaizala"
#: the largest value of each option that is a number
MOST = {
    "events_per_second": 100_000,
    "keep_days": 3650,
    "keep_events": 1_000_000_000,
    "push_poll_interval": 86_400,
}


class PushSettings(Value):
    """The options of the receiver, and of the waits that it wakes.

    :param connections: ids of the connections whose webhooks are received; of all others nothing is even looked up
    :param events_per_second: verified events that one process takes from one webhook per second
    :param keep_days: days for which events are kept
    :param keep_events: number of events that are kept, of all connections together
    :param push_poll_interval: seconds between two polls of a group whose events wake its waits
    """

    connections: frozenset[str] = frozenset()
    events_per_second: int = 500
    keep_days: int = 30
    keep_events: int = 1_000_000
    push_poll_interval: int = 300


def read_settings() -> PushSettings:
    """Read the options.

    :raises KaizalaInputError: if one is invalid; the message names it, what was given and what is allowed
    """
    names = conf.get(SECTION, "webhook_connections", fallback="") or ""
    default = PushSettings()
    return PushSettings(
        frozenset(each.strip() for each in names.split(",") if each.strip()),
        **{name: _number(name, getattr(default, name), most) for name, most in MOST.items()},
    )


def settings_of_api_server() -> PushSettings:
    """Read the options; if one is invalid, log that, and return those of a server that receives nothing, so that Airflow starts."""
    try:
        return read_settings()
    except KaizalaInputError as error:
        log.error("No webhooks are received: %s", error)
        return PushSettings()


def receiver_url() -> str:
    """Return the address of Airflow's API server as workers and triggerers reach it.

    That is ``[kaizala] receiver_url``, else where tasks reach their API (``[core] execution_api_server_url``), which is in the same
    server, else ``[api] base_url``.
    """
    if given := conf.get(SECTION, "receiver_url", fallback=""):
        return str(given).rstrip("/")
    base: str = conf.get("api", "base_url", fallback="") or "/"
    if base.startswith("/"):  # as Airflow itself reads it
        base = f"http://localhost:8080{base}"
    tasks: str = conf.get("core", "execution_api_server_url", fallback="") or base
    return tasks.rstrip("/").removesuffix("/execution").rstrip("/")


def _number(name: str, default: int, most: int) -> int:
    given = conf.get(SECTION, name, fallback=str(default))
    try:
        number = int(given)
    except (TypeError, ValueError):
        number = 0
    if not 1 <= number <= most:
        raise KaizalaInputError(f"[{SECTION}] {name} must be a whole number from 1 to {most}, not {given!r}")
    return number
