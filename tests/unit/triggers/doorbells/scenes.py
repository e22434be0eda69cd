"""Who is there, and what waits. Time is virtual, and the receiver is in memory: see the fixtures ``stage`` and ``receiver``."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

from airflow_provider_kaizala.waiting.people import respondents
from airflow_provider_kaizala.waiting.subjects import Responses

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
OTHER = "22222222-2222-4222-8222-222222222222@1"
SENT = datetime(2026, 3, 1, 7, tzinfo=UTC)
SENT_TEXT = "2026-03-01T07:00:00Z"


def on(group, action_id="act-1", kind="Poll"):
    return Responses(group, action_id, kind, SENT)


def who(details):
    return [person.mobile_number for person in respondents(details)]


def gaps(moments):
    return [round(later - earlier) for earlier, later in pairwise(moments)]
