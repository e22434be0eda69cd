"""What the page reads of stored events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.push.page.deliveries import LAST, READ_BODY, SPANS, Run, read_deliveries
from demo.airflow_ui import GROUP

if TYPE_CHECKING:
    from demo.airflow_ui import Rows

HOUR = SPANS["hour"]


def read(session: Any, conn_ids: frozenset[str] = frozenset({"kaizala_default"})) -> Any:
    return read_deliveries(session, conn_ids, HOUR, datetime.now(tz=UTC))


def test_events_are_counted_by_bar_and_type(rows: Rows, session: Any) -> None:
    for ago in (0, 0, 10):
        rows.event("TextMessageCreated", timedelta(minutes=ago))
    rows.event("JobResponse", timedelta(minutes=10))
    rows.event("JobResponse", timedelta(hours=2))
    now = datetime.now(tz=UTC) + timedelta(seconds=1)
    found = dict(read_deliveries(session, {"kaizala_default"}, SPANS["day"], now).bars)
    assert len(found) == 24
    total: dict[str, int] = {}
    for counts in found.values():
        for kind, count in counts.items():
            total[kind] = total.get(kind, 0) + count
    assert total == {"TextMessageCreated": 3, "JobResponse": 2}
    bars = dict(read(session).bars)
    for ago, counts in ((0, {"TextMessageCreated": 2}), (10, {"TextMessageCreated": 1, "JobResponse": 1})):
        received = datetime.now(tz=UTC) - timedelta(minutes=ago)
        near = [received.replace(second=0, microsecond=0) - timedelta(minutes=each) for each in (0, 1)]
        assert counts in [bars.get(each) for each in near], "the minute may have changed meanwhile"


def test_other_connections_are_not_read(rows: Rows, session: Any) -> None:
    rows.event("JobResponse", timedelta(minutes=1))
    found = read(session, frozenset({"another"}))
    assert (found.last, found.received) == ((), ())
    assert all(counts == {} for _, counts in found.bars)


def test_the_last_events_and_what_each_group_got(rows: Rows, session: Any) -> None:
    for number in range(LAST + 5):
        rows.event("TextMessageCreated", timedelta(minutes=60 - number), f"Person {number}")
    rows.event("MemberAdded", timedelta(0), None, "another")
    found = read(session)
    assert len(found.last) == LAST
    assert [(each.event_type, each.who, each.group_id) for each in found.last[:2]] == [
        ("MemberAdded", None, "another"),
        ("TextMessageCreated", f"Person {LAST + 4}", GROUP),
    ]
    assert {(each.group_id, each.count) for each in found.received} == {("another", 1), (GROUP, LAST + 5)}
    ours = next(each for each in found.received if each.group_id == GROUP)
    assert ours.last_at == found.last[1].at


def test_a_body_that_is_large_or_unreadable_only_hides_the_person(rows: Rows, session: Any) -> None:
    rows.event("TextMessageCreated", timedelta(minutes=1), "A" * READ_BODY)
    assert read(session).last[0].who is None


def test_an_event_that_rang_and_one_that_started_a_run(rows: Rows, session: Any) -> None:
    run = rows.run("on_photos", "asset_triggered__1")
    rows.event("TextMessageCreated", timedelta(minutes=9))
    rows.event("AttachmentCreated", timedelta(minutes=8))
    rows.ring("AttachmentCreated", timedelta(minutes=7), run)
    rows.event("AttachmentCreated", timedelta(minutes=6))
    rows.ring("AttachmentCreated", timedelta(minutes=5))
    rows.event("AttachmentCreated", timedelta(minutes=4))
    found = [(each.rang, each.runs) for each in reversed(read(session).last)]
    assert found == [
        (False, ()),  # nobody listens to messages
        (True, (Run("on_photos", "asset_triggered__1"),)),
        (True, ()),  # an asset event that no run has taken yet
        (False, ()),
    ]


def test_an_event_that_was_stored_after_a_later_one(rows: Rows, session: Any) -> None:
    run = rows.run("on_photos", "asset_triggered__1")
    rows.event("TextMessageCreated", timedelta(minutes=1))
    rows.event("AttachmentCreated", timedelta(minutes=9))
    rows.ring("AttachmentCreated", timedelta(minutes=8), run)
    assert read(session).last[0].runs == (Run("on_photos", "asset_triggered__1"),)


def test_events_that_were_merged_name_the_run_that_read_them(rows: Rows, session: Any) -> None:
    """At most one asset event is made per second, and Airflow may start no run for the first of them."""
    first, second = rows.run("on_photos", "asset_triggered__1"), rows.run("on_photos", "asset_triggered__2")
    for ago in (9, 8):
        rows.event("AttachmentCreated", timedelta(minutes=ago))
    rows.ring("AttachmentCreated", timedelta(minutes=7))
    rows.ring("AttachmentCreated", timedelta(minutes=6), first)
    rows.ring("AttachmentCreated", timedelta(minutes=5), second)
    found = [each.runs for each in read(session).last]
    assert found == [(Run("on_photos", "asset_triggered__1"),)] * 2
