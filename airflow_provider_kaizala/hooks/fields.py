"""The connection's extras: one table for the forms of all Airflow versions and for the check of unknown extras.

Plain data without imports, so that the API server shows the form without loading the hook.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Field(NamedTuple):
    """An extra.

    :param schema: JSON Schema of its value; ``format: password`` for a secret
    """

    name: str
    label: str
    description: str
    schema: dict[str, Any]


FIELDS = (
    Field(
        "refresh_token",
        "Refresh token (user)",
        "A user's refresh token, valid for all groups of that user, for 365 days.",
        {"type": ["string", "null"], "format": "password"},
    ),
    Field(
        "group_refresh_tokens",
        "Refresh tokens (groups)",
        'Group id to the refresh token of that group, as JSON: {"<group id>": "<token>"}. '
        "Preferred to the user's token for that group.",
        {"type": ["object", "null"]},
    ),
    Field(
        "default_group", "Default group id", "For tasks that name no group_id.", {"type": ["string", "null"]}
    ),
    Field(
        "timeout",
        "Timeout (s)",
        "Seconds to connect, and to wait between two pieces of a reply. A whole call with its retries may take ten times as long.",
        {"type": ["number", "null"], "default": 60, "minimum": 1},
    ),
    Field(
        "calls_per_minute",
        "Calls per minute",
        "Limit of each process; Kaizala allows 100 per connector. 0 for no limit.",
        {"type": ["integer", "null"], "default": 100, "minimum": 0},
    ),
    Field(
        "callback_token",
        "Callback token",
        "The token that Kaizala sends with each webhook event, in the header kz-callback-token.",
        {"type": ["string", "null"], "format": "password"},
    ),
    Field(
        "webhook_secret",
        "Webhook secret",
        "A long random text of your own, from which the token of each webhook is derived that calls Airflow itself.",
        {"type": ["string", "null"], "format": "password"},
    ),
    Field(
        "proxies",
        "Proxies",
        'As requests takes them, as JSON: {"https": "http://proxy:3128"}. By default those of the environment.',
        {"type": ["object", "null"]},
    ),
    Field(
        "verify",
        "Verify TLS",
        "true, false, or a path to a file or folder of CA certificates. With true, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, "
        "SSL_CERT_FILE and SSL_CERT_DIR are respected.",
        {"type": ["string", "null"], "default": "true"},
    ),
    Field(
        "allow_http",
        "Allow plain http",
        "Allow plain http to hosts other than this machine. The credentials are then readable on the network.",
        {"type": ["boolean", "null"], "default": False},
    ),
    Field(
        "allowed_hosts",
        "Allowed hosts",
        "Further hosts that may receive the credentials when Kaizala redirects to them, separated by commas.",
        {"type": ["string", "null"]},
    ),
)

HIDDEN_FIELDS = ("schema",)
RELABELING = {"host": "API root", "login": "Connector id", "password": "Connector secret"}
PLACEHOLDERS = {
    # Airflow 3.3's UI sends port 0 for a stored connection without a port, and the API then refuses to test it
    "port": "443 (Test needs a port)",
    "host": "https://api.kaiza.la",
    "login": "id of the connector (application)",
    "password": "secret of the connector",
}


def conn_fields() -> dict[str, Any]:
    """Return the form for Airflow 3.2 and newer."""
    return {
        field.name: {"label": field.label, "description": field.description, "schema": field.schema}
        for field in FIELDS
    }
