"""Arguments for calls."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from airflow_provider_kaizala.client.models import Location, Question
from airflow_provider_kaizala.client.multipart import Part
from tests.contract.shop import PNG

WHEN = datetime(2030, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
PLACE = Location(17.4, 78.3, "Hyderabad")
KINDS = ("Text", "Image", "Numeric", "Date", "DateTime", "Location", "AttachmentList", "PhoneNumber")
QUESTIONS = [Question(kind, kind, is_invisible=True) for kind in KINDS] + [
    Question("One", "SingleOption", ("A", "B")), Question("Many", "MultiOption", ("X", "Y", "Z"))]  # fmt: skip


def png(name: str = "a.png") -> Part:
    return Part(name, "image/png", lambda: io.BytesIO(PNG))
