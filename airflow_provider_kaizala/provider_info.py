"""What Airflow discovers about this package: one dict. Imported at every start of Airflow, so it loads next to nothing."""

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
            "reminder",
            "reaction",
            "response",
            "card",
            "group",
            "member",
            "webhook",
            "api",
            "ask",
            "decision",
            "hitl",
        ],
        "sensors": ["response", "reaction", "action", "member"],
        "hooks": ["kaizala"],
        "triggers": ["wait", "hitl"],
    }
    return {
        "package-name": "airflow-provider-kaizala",
        "name": "Kaizala",
        "description": "Post to Microsoft Kaizala groups, wait for people's answers, go on with them.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Kaizala",
                "external-doc-url": "https://learn.microsoft.com/kaizala/",
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
        "notifications": [f"{_PACKAGE}.notifications.kaizala.KaizalaNotifier"],
        "config": _config(),
    }


def _config() -> dict[str, Any]:
    """Return the section ``[kaizala]`` of ``airflow.cfg``."""
    return {
        "kaizala": {
            "description": "How the waits of deferred Kaizala tasks share a connector's calls.",
            "options": {
                "triggerers": {
                    "description": (
                        "Number of triggerer processes of this Airflow. Each polls for the waits it holds, and they know nothing\n"
                        "of each other, so each takes this part of the calls that waits may make.\n"
                    ),
                    "version_added": "0.1.0",
                    "type": "integer",
                    "example": "2",
                    "default": "1",
                },
                "share_of_waits": {
                    "description": (
                        "Share of a connector's calls per minute (``calls_per_minute`` of its connection) that waits in triggerers\n"
                        "may make, between 0.01 and 1. The rest is left to tasks that post. Where it is too little for all waits,\n"
                        "the time between two looks stretches.\n"
                    ),
                    "version_added": "0.1.0",
                    "type": "float",
                    "example": "0.5",
                    "default": "0.7",
                },
            },
        }
    }
