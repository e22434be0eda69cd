"""Which processes share a budget of calls: ``[kaizala] budget_url``."""

from __future__ import annotations

import sys

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.budget import Budget
from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaThrottledError
from airflow_provider_kaizala.hooks import budget
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from tests.own_redis import PASSWORD, own_redis

__all__ = ["own_redis"]


@pytest.fixture
def processes(monkeypatch):
    """Begin a new process, as far as budgets are concerned: ``processes.begin()``."""

    class Processes:
        def begin(self):
            monkeypatch.setattr(budget, "_counters", {})
            monkeypatch.setattr(budget, "_budgets", {})

    found = Processes()
    found.begin()
    return found


@pytest.fixture
def set_url(monkeypatch):
    return lambda url: monkeypatch.setenv("AIRFLOW__KAIZALA__BUDGET_URL", url)


def test_without_the_option_each_process_counts_alone(processes, connect, monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    connect()
    assert type(budget.shared_budget(KaizalaHook().connection.settings)) is Budget
    assert budget.shared_counter() is None


def test_processes_share_the_calls_of_a_connector(processes, own_redis, set_url, kaizala, connect, group):
    pytest.importorskip("redis", reason="package redis is not installed")
    set_url(own_redis.url)
    # one call is for a token, one for the members
    connect(login="shared-connector", extra={"calls_per_minute": 2, "timeout": 1})
    assert KaizalaHook().list_members() != ()
    processes.begin()
    with pytest.raises(KaizalaThrottledError, match="calls_per_minute of the connection is used up"):
        KaizalaHook().run(calls.list_members(group))
    processes.begin()
    connect(login="another-connector", extra={"calls_per_minute": 2, "timeout": 1})
    assert KaizalaHook().list_members() != ()


def test_a_changed_limit_of_the_connection_is_seen(processes, own_redis, set_url, connect):
    pytest.importorskip("redis", reason="package redis is not installed")
    set_url(own_redis.url)
    connect(extra={"calls_per_minute": 7})
    first = budget.shared_budget(KaizalaHook().connection.settings)
    connect(extra={"calls_per_minute": 9})
    assert budget.shared_budget(KaizalaHook().connection.settings) is first
    assert first.limit == 9


def test_the_password_is_masked(processes, own_redis, set_url, monkeypatch):
    pytest.importorskip("redis", reason="package redis is not installed")
    masked = []
    monkeypatch.setattr(budget, "mask_secret", masked.append)
    set_url(own_redis.url)
    budget.shared_counter()
    assert masked == [PASSWORD]


def test_an_invalid_option_fails_the_call_and_names_it(processes, set_url, connect, logs):
    pytest.importorskip("redis", reason="package redis is not installed")
    connect()
    set_url("amqp://guest:very-secret@rabbit/")
    with pytest.raises(KaizalaInputError, match=r"^\[kaizala\] budget_url .*'amqp'.* redis://") as caught:
        KaizalaHook().get_conn()
    assert "very-secret" not in f"{caught.value} {logs.text}"


def test_a_missing_package_is_named(processes, set_url, connect, monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "airflow_provider_kaizala.client.redis_budget", raising=False)
    connect()
    set_url("redis://redis:6379/0")
    with pytest.raises(KaizalaInputError, match=r"pip install 'airflow-provider-kaizala\[redis\]'"):
        KaizalaHook().get_conn()
