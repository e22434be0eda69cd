"""People, as replies describe them."""

from __future__ import annotations

from airflow_provider_kaizala.client.models.wire import Received


class Person(Received):
    """A person, as far as Kaizala identifies them: of an anonymous respondent nothing is known."""

    mobile_number: str | None = None
    name: str | None = None
    id: str | None = None
