"""Tell a group what happened in Airflow."""

from __future__ import annotations

from airflow_provider_kaizala.notifications.kaizala import KaizalaNotifier

__all__ = ["KaizalaNotifier"]
