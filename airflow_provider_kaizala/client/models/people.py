"""People, as replies describe them."""

from __future__ import annotations

from typing import Any

from airflow_provider_kaizala.client.models.wire import Wire
from airflow_provider_kaizala.client.value import Value


class Person(Value):
    """A person, as far as Kaizala identifies them: of an anonymous respondent nothing is known."""

    mobile_number: str | None = None
    name: str | None = None
    id: str | None = None

    @classmethod
    def read(cls, body: Any) -> Person:
        """Read an assignee, a subscriber or a user profile."""
        wire = Wire(body)
        return cls(wire.text("mobileNumber"), wire.text("name"), wire.text("id"))
