"""The options of the receiver."""

from __future__ import annotations

import pytest

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.provider_info import get_provider_info
from airflow_provider_kaizala.push.receiver import build_app
from airflow_provider_kaizala.push.settings import MOST, PushSettings, read_settings, receiver_url


def test_by_default_nobody_has_opted_in() -> None:
    assert read_settings() == PushSettings()
    assert not read_settings().connections


def test_the_described_defaults_are_the_real_ones() -> None:
    described = get_provider_info()["config"]["kaizala"]["options"]
    for name in MOST:
        assert described[name]["default"] == str(getattr(PushSettings(), name))
    assert described["webhook_connections"]["default"] == ""


def test_options_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", " kaizala_default, ,second ,")
    monkeypatch.setenv("AIRFLOW__KAIZALA__EVENTS_PER_SECOND", "7")
    monkeypatch.setenv("AIRFLOW__KAIZALA__KEEP_DAYS", "1")
    monkeypatch.setenv("AIRFLOW__KAIZALA__KEEP_EVENTS", "100")
    assert read_settings() == PushSettings(frozenset({"kaizala_default", "second"}), 7, 1, 100)


@pytest.mark.parametrize("name", MOST)
@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "", "9999999999999"])
def test_an_invalid_number_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", "kaizala_default")
    monkeypatch.setenv(f"AIRFLOW__KAIZALA__{name.upper()}", value)
    with pytest.raises(
        KaizalaInputError,
        match=rf"\[kaizala\] {name} must be a whole number from 1 to {MOST[name]}, not '{value}'",
    ):
        read_settings()
    assert not build_app().state.receiver.settings.connections, (
        "Airflow starts, and the receiver refuses everybody"
    )
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://localhost:8080"),
        ({"API__BASE_URL": "https://airflow.example/team"}, "https://airflow.example/team"),
        ({"API__BASE_URL": "/team"}, "http://localhost:8080/team"),
        ({"CORE__EXECUTION_API_SERVER_URL": "http://api:8080/execution/"}, "http://api:8080"),
        ({"CORE__EXECUTION_API_SERVER_URL": "http://api:8080/team/execution"}, "http://api:8080/team"),
        (
            {
                "KAIZALA__RECEIVER_URL": "http://receiver:1/",
                "CORE__EXECUTION_API_SERVER_URL": "http://api:8080/execution/",
            },
            "http://receiver:1",
        ),
    ],
)
def test_where_workers_and_triggerers_find_the_receiver(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], url: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"AIRFLOW__{name}", value)
    assert receiver_url() == url
