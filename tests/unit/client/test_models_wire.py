"""The wire's casing and units."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.models.wire import UnreadableReplyError, Wire, iso, read_time

AT = datetime(2018, 3, 23, 10, 26, 22, tzinfo=UTC)
SECONDS = int(AT.timestamp())


class TestTimes:
    @pytest.mark.parametrize(
        "value",
        [SECONDS, float(SECONDS), SECONDS * 1000, str(SECONDS), str(SECONDS * 1000), "2018-03-23T10:26:22Z", "2018-03-23T10:26:22",
         "2018-03-23T15:56:22+05:30", " 2018-03-23 10:26:22.000Z "],
    )  # fmt: skip
    def test_every_form(self, value):
        assert read_time(value) == AT
        assert read_time(value).utcoffset() == timedelta(0)

    @pytest.mark.parametrize(
        "value",
        [None, "", "soon", True, False, [], {}, float("nan"), float("inf"), 10**400, "1e999", "9999999999999999999", "nan",
         "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"],
    )  # fmt: skip
    def test_none(self, value):
        assert read_time(value) is None

    @given(st.datetimes(datetime(2011, 1, 1), datetime(2068, 1, 1)))  # noqa: DTZ001
    def test_digits_are_never_taken_for_a_date(self, moment):
        moment = moment.replace(tzinfo=UTC, microsecond=0)
        for value in (int(moment.timestamp()), int(moment.timestamp()) * 1000):
            assert read_time(value) == read_time(str(value)) == moment

    def test_a_run_of_digits_that_is_a_date_too(self):
        assert read_time("1512101211200").year == 2017

    def test_the_boundary_between_seconds_and_milliseconds(self):
        assert read_time(10**11 - 1).year == 5138
        assert read_time(10**11) == datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)

    def test_net_s_smallest_time_is_one(self):
        assert read_time("0001-01-01T00:00:00Z") == datetime(1, 1, 1, tzinfo=UTC)

    def test_out(self):
        assert (
            iso(datetime(2018, 3, 23, 15, 56, 22, tzinfo=timezone(timedelta(hours=5, minutes=30))))
            == "2018-03-23T10:26:22Z"
        )


class TestFields:
    def test_names_in_any_case_the_first_that_says_something(self):
        wire = Wire({"GroupID": "g", "NAME": None, "groupname": "N"})
        assert wire.text("groupId") == "g"
        assert wire.text("name", "groupName") == "N"
        assert wire.text("nothing") is None

    @pytest.mark.parametrize(
        ("value", "read"), [("x", "x"), ("", None), (5, "5"), (True, None), (["x"], None), ({}, None)]
    )
    def test_text(self, value, read):
        assert Wire({"a": value}).text("a") == read

    def test_need(self):
        with pytest.raises(UnreadableReplyError, match="the reply contains no actionId"):
            Wire({"actionId": ""}).need("actionId", "id")

    @pytest.mark.parametrize(
        ("value", "read"),
        [
            (3, 3),
            ("3", 3),
            (3.0, 3),
            (True, None),
            ("x", None),
            (None, None),
            (float("inf"), None),
            ([], None),
        ],
    )
    def test_integer(self, value, read):
        assert Wire({"a": value}).integer("a") == read

    @pytest.mark.parametrize(
        ("value", "read"),
        [
            (True, True),
            ("true", True),
            ("True", True),
            (False, False),
            ("FALSE", False),
            (1, None),
            ("", None),
            (None, None),
        ],
    )
    def test_flag(self, value, read):
        assert Wire({"a": value}).flag("a") is read

    def test_items(self):
        assert Wire({"a": [1, 2]}).items("A", str) == ("1", "2")
        assert Wire({"a": None}).items("a", str) == ()
        for body in ({}, {"a": None}):
            with pytest.raises(UnreadableReplyError, match="no list a"):
                Wire(body).items("a", str, required=True)
        for odd in ("text", {"b": 1}, 5, b"x"):
            with pytest.raises(UnreadableReplyError):
                Wire({"a": odd}).items("a", str)

    def test_inner_is_empty_if_it_is_none(self):
        for body in ({}, {"a": None}, {"a": "text"}, {"a": [1]}):
            assert Wire(body).inner("a").get("b") is None
        assert Wire({"A": {"B": 1}}).inner("a").get("b") == 1

    @pytest.mark.parametrize("value", [None, [], "x", 5])
    def test_what_is_no_object(self, value):
        with pytest.raises(UnreadableReplyError, match="not a JSON object"):
            Wire(value)
