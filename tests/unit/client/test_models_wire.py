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
    def test_every_form_of_a_time_is_read(self, value):
        assert read_time(value) == AT
        assert read_time(value).utcoffset() == timedelta(0)

    @pytest.mark.parametrize(
        "value",
        [None, "", "soon", True, False, [], {}, float("nan"), float("inf"), 10**400, "1e999", "9999999999999999999", "nan",
         "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"],
    )  # fmt: skip
    def test_what_is_not_a_time_is_read_as_none(self, value):
        assert read_time(value) is None

    @given(st.datetimes(datetime(2011, 1, 1), datetime(2068, 1, 1)))  # noqa: DTZ001
    def test_digits_are_never_read_as_a_date(self, moment):
        moment = moment.replace(tzinfo=UTC, microsecond=0)
        for value in (int(moment.timestamp()), int(moment.timestamp()) * 1000):
            assert read_time(value) == read_time(str(value)) == moment

    def test_digits_that_could_be_a_date_are_read_as_a_number(self):
        assert read_time("1512101211200").year == 2017

    def test_numbers_from_10_to_the_11_on_are_milliseconds(self):
        assert read_time(10**11 - 1).year == 5138
        assert read_time(10**11) == datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)

    def test_the_smallest_time_of_dotnet_is_read(self):
        assert read_time("0001-01-01T00:00:00Z") == datetime(1, 1, 1, tzinfo=UTC)

    def test_times_are_written_in_utc_with_z(self):
        assert (
            iso(datetime(2018, 3, 23, 15, 56, 22, tzinfo=timezone(timedelta(hours=5, minutes=30))))
            == "2018-03-23T10:26:22Z"
        )


class TestFields:
    def test_field_names_are_found_in_any_case_and_the_first_present_one_is_used(self):
        wire = Wire({"GroupID": "g", "NAME": None, "groupname": "N"})
        assert wire.text("groupId") == "g"
        assert wire.text("name", "groupName") == "N"
        assert wire.text("nothing") is None

    @pytest.mark.parametrize(
        ("value", "read"), [("x", "x"), ("", None), (5, "5"), (True, None), (["x"], None), ({}, None)]
    )
    def test_a_text_field_is_read_as_text(self, value, read):
        assert Wire({"a": value}).text("a") == read

    def test_a_missing_required_field_is_unreadable(self):
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
    def test_whole_numbers_are_read_from_numbers_and_text(self, value, read):
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
    def test_booleans_are_read_from_booleans_and_text(self, value, read):
        assert Wire({"a": value}).flag("a") is read

    def test_list_fields_are_read_item_by_item(self):
        assert Wire({"a": [1, 2]}).items("A", str) == ("1", "2")
        assert Wire({"a": None}).items("a", str) == ()
        for body in ({}, {"a": None}):
            with pytest.raises(UnreadableReplyError, match="no list a"):
                Wire(body).items("a", str, required=True)
        for odd in ("text", {"b": 1}, 5, b"x"):
            with pytest.raises(UnreadableReplyError):
                Wire({"a": odd}).items("a", str)

    def test_a_missing_object_is_read_as_empty(self):
        for body in ({}, {"a": None}, {"a": "text"}, {"a": [1]}):
            assert Wire(body).inner("a").get("b") is None
        assert Wire({"A": {"B": 1}}).inner("a").get("b") == 1

    @pytest.mark.parametrize("value", [None, [], "x", 5])
    def test_what_is_not_an_object_is_unreadable(self, value):
        with pytest.raises(UnreadableReplyError, match="not a JSON object"):
            Wire(value)
