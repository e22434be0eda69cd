"""The provider's metadata as one dict. Airflow imports this module whenever it starts, so it imports next to nothing itself."""

from __future__ import annotations

from typing import Any

from airflow_provider_kaizala import __version__
from airflow_provider_kaizala.hooks.fields import HIDDEN_FIELDS, PLACEHOLDERS, RELABELING, conn_fields

_PACKAGE = "airflow_provider_kaizala"
_HOOK = f"{_PACKAGE}.hooks.kaizala.KaizalaHook"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, as ``airflow/provider_info.schema.json`` describes it."""
    modules = {
        "operators": [
            "message",
            "action",
            "media",
            "ask",
            "decision",
            "hitl",
            "hitl_approval",
            "reminder",
            "reaction",
            "response",
            "card",
            "group",
            "member",
            "webhook",
            "api",
        ],
        "sensors": ["response", "reaction", "action", "message", "member"],
        "hooks": ["kaizala"],
        "triggers": ["wait", "hitl", "events"],
    }
    uris = [{"schemes": ["kaizala"], "handler": f"{_PACKAGE}.push.assets.sanitize_uri"}]
    return {
        "package-name": "airflow-provider-kaizala",
        "name": "Kaizala",
        "description": "Post to Microsoft Kaizala groups, wait for people's answers, and continue with them.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Kaizala",
                "external-doc-url": "https://learn.microsoft.com/kaizala/",
                "logo": "/kaizala-ui/static/icon.svg",  # Airflow's API server serves it
                "tags": ["service"],
            }
        ],
        **{
            room: [
                {
                    "integration-name": "Kaizala",
                    "python-modules": [f"{_PACKAGE}.{room}.{each}" for each in names],
                }
            ]
            for room, names in modules.items()
        },
        "connection-types": [
            {
                "connection-type": "kaizala",
                "hook-class-name": _HOOK,
                "hook-name": "Kaizala",
                "ui-field-behaviour": {
                    "hidden-fields": [*HIDDEN_FIELDS],
                    "relabeling": dict(RELABELING),
                    "placeholders": dict(PLACEHOLDERS),
                },
                "conn-fields": conn_fields(),
            }
        ],
        "extra-links": [f"{_PACKAGE}.tasks.links.{each}" for each in ("KaizalaGroupLink", "KaizalaPostLink")],
        "notifications": [f"{_PACKAGE}.notifications.kaizala.KaizalaNotifier"],
        "task-decorators": [
            {"name": name, "class-name": f"{_PACKAGE}.decorators.question.{name}_task"}
            for name in ("kaizala_approval", "kaizala_ask")
        ],
        "asset-uris": uris,
        "dataset-uris": uris,  # the name that Airflow 2 knows
        # Airflow 3.2 and newer; before, [database] external_db_managers names it
        "db-managers": [f"{_PACKAGE}.push.db.KaizalaDBManager"],
        "cli": [f"{_PACKAGE}.cli.commands.get_cli_commands"],
        "config": _config(),
    }


def _config() -> dict[str, Any]:
    """Return the section ``[kaizala]`` of ``airflow.cfg``."""
    return {
        "kaizala": {
            "description": "How deferred Kaizala tasks share a connector's calls, and which webhooks Airflow receives.",
            "options": {
                "budget_url": {
                    "description": (
                        "URL of a Redis that counts the calls of all workers and triggerers, so that ``calls_per_minute`` of a\n"
                        "connection holds for all of them together; with CeleryExecutor its broker will do. Needs package ``redis``.\n"
                        "By default, and while Redis cannot be reached, each process counts alone.\n"
                    ),
                    "version_added": "0.1.0",
                    "type": "string",
                    "sensitive": True,
                    "example": "redis://:password@redis:6379/1",
                    "default": "",
                },
                "triggerers": {
                    "description": (
                        "Number of triggerer processes of this Airflow. Each of them uses an equal part of the calls that waits may\n"
                        "make, unless ``budget_url`` lets them share.\n"
                    ),
                    "version_added": "0.1.0",
                    "type": "integer",
                    "example": "2",
                    "default": "1",
                },
                "share_of_waits": {
                    "description": (
                        "Share of a connector's calls per minute (``calls_per_minute`` of its connection) that waits in triggerers\n"
                        "may make, between 0.01 and 1. The rest is left for tasks that post. If the share is too small for all\n"
                        "waits, each of them polls less often than its ``poke_interval`` says.\n"
                    ),
                    "version_added": "0.1.0",
                    "type": "float",
                    "example": "0.5",
                    "default": "0.7",
                },
                "webhook_connections": {
                    "description": (
                        "Connections whose webhooks Airflow's API server receives, separated by commas. By default none: the receiver\n"
                        "answers everybody with 404.\n"
                    ),
                    "version_added": "0.1.0",
                    "type": "string",
                    "example": "kaizala_default",
                    "default": "",
                },
                "events_per_second": {
                    "description": (
                        "Verified events that each API server process takes from one webhook per second. Further ones are answered\n"
                        "with 429, and Kaizala delivers them again later.\n"
                    ),
                    "version_added": "0.1.0",
                    "type": "integer",
                    "example": "100",
                    "default": "500",
                },
                "keep_days": {
                    "description": "Days for which received events are kept.",
                    "version_added": "0.1.0",
                    "type": "integer",
                    "example": "7",
                    "default": "30",
                },
                "keep_events": {
                    "description": "Number of received events that are kept, of all connections together; the oldest are deleted first.",
                    "version_added": "0.1.0",
                    "type": "integer",
                    "example": "100000",
                    "default": "1000000",
                },
                "receiver_url": {
                    "description": (
                        "Address of Airflow's API server as workers and triggerers reach it, to read received events. By default that\n"
                        "of ``[core] execution_api_server_url``, else ``[api] base_url``.\n"
                    ),
                    "version_added": "0.1.0",
                    "type": "string",
                    "example": "http://airflow-api-server:8080",
                    "default": "",
                },
                "push_poll_interval": {
                    "description": (
                        "Seconds between two polls of a triggerer for waits that received events wake, if that is longer than their\n"
                        "``poke_interval``. It applies to a group and a kind of event as long as such events are received.\n"
                    ),
                    "version_added": "0.1.0",
                    "type": "integer",
                    "example": "600",
                    "default": "300",
                },
            },
        }
    }
