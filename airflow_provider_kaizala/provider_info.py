"""What Airflow discovers about this package: one dict."""

from __future__ import annotations

from typing import Any

from airflow_provider_kaizala import __version__


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, as ``airflow/provider_info.schema.json`` describes it."""
    return {
        "package-name": "airflow-provider-kaizala",
        "name": "Kaizala",
        "description": "Post to Microsoft Kaizala groups, wait for people's answers, go on with them.",
        "versions": [__version__],
    }
