"""What calls refuse before anything is sent, and what they make of arguments."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import Audience, Location, Message, Property
from airflow_provider_kaizala.client.multipart import Part

G = "11111111-1111-4111-8111-111111111111@1"
ASHA = "+910000000001"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = datetime(2018, 3, 23, 10, 26, 22, 956_000, tzinfo=UTC)
MS = 1521800782956
HALF = "half a pair \ud83d"


BAD_CALLS = [
    (lambda: calls.list_subscribers(G, 0), "count must be a whole number of at least 1, not 0"),
    (lambda: calls.list_subscribers(G, "7.5"), "count must be a whole number of at least 1, not '7.5'"),
    (lambda: calls.list_actions(G, "Job", count=True), "count must be a whole number of at least 1, not True"),
    (lambda: calls.list_actions(G, "Job", "yesterday"), "since must be a datetime .*not 'yesterday'"),
    (lambda: calls.list_actions(G, "Job", timedelta(hours=1)), "since must be a datetime or an ISO 8601 string"),
    (lambda: calls.list_actions(G, " "), "action_type is empty"),
    (lambda: calls.update_member(G, "u1", "Owner"), "role must be one of Admin, Member"),
    (lambda: calls.add_subscribers(G, []), "subscribers is empty"),
    (lambda: calls.add_subscribers(G, ASHA), "subscribers must be a list of phone numbers"),
    (lambda: calls.add_sub_groups(G, []), "sub_groups is empty"),
    (lambda: calls.add_sub_groups(G, "g2"), "sub_groups must be a list of group ids"),
    (lambda: calls.add_sub_groups(G, ["g 2"]), "sub_groups: 'g 2' is not a valid group id"),
    (lambda: calls.create_sub_group(G, "N", "Hi", group_type="Hub"), "group_type must be one of .*not 'Hub'"),
    (lambda: calls.find_tenant_groups(""), "query is empty"),
    (lambda: calls.generate_pin("910000000001", "c"), "mobile_number: '910000000001' is not a phone number"),
    (lambda: calls.login_with_pin(ASHA, "c", "s", None), "pin must be a string, not NoneType"),
    (lambda: calls.login_with_pin(ASHA, "c", "s", b"4711"), "pin must be a string, not bytes"),
    (lambda: calls.update_action(G, "a1", []), "properties is empty"),
    (lambda: calls.update_action(G, "a1", [Property("n", "Text", "v")], audience=Audience(reply_to_reference_id="r")),
     "reply_to_reference_id: only a message or a new action can reply to another"),
    (lambda: calls.send_reminder(G, "a1", Audience(reply_to_reference_id="r")), "reply_to_reference_id: only"),
    (lambda: calls.post_response(G, "a1", "A"), "answers must be a list of answers, not 'A'"),
    (lambda: calls.post_response(G, "a1", {"A", "B"}), "answers must be a list of answers, not .*: a set has no order"),
    (lambda: calls.post_response(G, "a1", ["A", {1, 2}]), "answer 2: {1, 2} cannot be written as JSON"),
    (lambda: calls.post_response(G, "a1", [float("nan")]), "answer 1: nan cannot be written as JSON"),
    (lambda: calls.any_operation("sendMessage", {"groupId": G}, {"message": object}), "body: .* cannot be written as JSON"),
    (lambda: calls.flow_subscribe("ActionPackage", "JobResponse", "p", "https://a"),
     "object_type must be one of Group, Action, not"),
    (lambda: calls.flow_subscribe("Group", "Response", G, "https://a"), "event_type must be one of .*not 'Response'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD_CALLS)
def test_bad_arguments_are_refused_before_anything_is_sent(make, message):
    with pytest.raises(KaizalaInputError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [lambda: Message(HALF), lambda: calls.find_tenant_groups(HALF), lambda: calls.get_group(HALF), lambda: calls.create_bot(HALF),
     lambda: calls.oauth_token("c", "s", HALF), lambda: calls.list_actions(G, HALF), lambda: calls.delete_webhook(HALF),
     lambda: calls.any_operation("listActions", {"groupId": G, "actionType": "Job", "id": HALF})],
)  # fmt: skip
def test_half_a_surrogate_pair_is_refused_by_name(make):
    with pytest.raises(KaizalaInputError, match="character 13 is half of a surrogate pair"):
        make()


def test_answers_are_sent_in_the_form_that_kaizala_expects():
    given_ = [
        "A",
        2,
        1.5,
        ["X", "Y"],
        None,
        AT,
        Location(17.4, 78.0, "H"),
        Location(1, 2),
        {"cc": "+91", "pn": "1"},
    ]
    body = calls.post_response(G, "a1", given_).body(NOW)["actionBody"]["Answers"]
    assert body == ["A", 2, 1.5, ["X", "Y"], None, MS // 1000, {"lt": 17.4, "lg": 78.0, "n": "H"}, {"lt": 1, "lg": 2},
                    {"cc": "+91", "pn": "1"}]  # fmt: skip
    assert json.loads(json.dumps(body)) == body


@pytest.fixture
def in_india(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    "since", ["2026-03-01T12:00:00", "2026-03-01T17:30:00+05:30", NOW.replace(tzinfo=None), NOW]
)
@pytest.mark.usefixtures("in_india")
def test_a_time_without_a_zone_is_utc_whatever_the_local_zone(since):
    assert calls.list_actions(G, "Job", since).call(None).query["fromDate"] == str(int(NOW.timestamp()))


def test_a_file_name_that_is_not_utf8_is_refused_by_name():
    part = Part("a\udcff.png", "image/png", lambda: pytest.fail("opened"))
    with pytest.raises(KaizalaInputError, match="file_name: character 2 is half of a surrogate pair"):
        calls.upload_media(G, [part])
