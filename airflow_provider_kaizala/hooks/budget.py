"""The budget of calls of a connector: one for all processes where ``[kaizala] budget_url`` names a Redis, else one for each."""

from __future__ import annotations

import hashlib
import threading
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow.providers.common.compat.sdk import conf, mask_secret

from airflow_provider_kaizala.client.budget import Budget
from airflow_provider_kaizala.client.errors import KaizalaInputError

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.redis_budget import RedisCounter
    from airflow_provider_kaizala.client.settings import Settings

SECTION = "kaizala"

_counters: dict[str, RedisCounter] = {}
_budgets: dict[tuple[str, RedisCounter | None], Budget] = {}
_lock = threading.Lock()


def shared_counter() -> RedisCounter | None:
    """Return what counts calls for all processes; None without ``[kaizala] budget_url``. The first use in a process takes a while.

    :raises KaizalaInputError: if the option is invalid, or package ``redis`` is not installed
    """
    url: str = (conf.get(SECTION, "budget_url", fallback="") or "").strip()
    if not url:
        return None
    with _lock:
        if url not in _counters:
            _counters[url] = _connect(url)
        return _counters[url]


def _connect(url: str) -> RedisCounter:
    try:
        module = import_module("airflow_provider_kaizala.client.redis_budget")
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise KaizalaInputError(
            f"[{SECTION}] budget_url is set, but the package redis is not installed: "
            "pip install 'airflow-provider-kaizala[redis]', or remove the option"
        ) from None
    try:
        counter: RedisCounter = module.RedisCounter(url)
    except KaizalaInputError as error:
        raise KaizalaInputError(f"[{SECTION}] {error}") from None
    if password := urlsplit(url).password:
        mask_secret(unquote(password))
    return counter


def budget_name(settings: Settings) -> str:
    """Return the name under which calls of a connector are counted, a digest."""
    return hashlib.sha256(f"{settings.api_root}\n{settings.connector_id}".encode()).hexdigest()[:16]


def shared_budget(settings: Settings) -> Budget:
    """Return the budget that all clients of one connector share: in all processes, or in this one.

    :raises KaizalaInputError: if ``[kaizala] budget_url`` is invalid
    """
    counter, name, limit = shared_counter(), budget_name(settings), settings.calls_per_minute
    with _lock:
        budget = _budgets.get((name, counter))
        if budget is None:
            budget = _budgets[name, counter] = counter.budget(name) if counter else Budget(limit)
        budget.limit = limit
        return budget
