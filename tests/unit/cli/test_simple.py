"""``groups``, ``members`` and ``send``."""

from __future__ import annotations

import errno
import json

import pytest

from tests.unit.cli.conftest import G1, G2


def test_groups_are_listed_by_name(command, kaizala, group):
    kaizala.script = [
        (200, {"groupId": group, "groupName": "Store 12", "callerRole": "Admin", "userCount": 3}),
        (200, {"groups": [{"groupId": G1, "groupName": "Attic"}]}),
    ]
    code, out, err = command("groups")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["NAME", "ID", "TYPE", "ROLE", "MEMBERS"],
        ["Attic", G1, "Group"],
        ["Store", "12", group, "Group", "Admin", "3"],
    ]
    code, out, _ = command("groups", "--output", "json", "--all")
    assert [(each["name"], each["is_default"], each["token"]) for each in json.loads(out)] == [
        ("Store 12", True, "group")
    ]
    assert kaizala.requests[-1].query == {"showDetails": "true", "fetchAllGroups": "true"}


def test_members_and_subscribers(command, kaizala, group, people):
    code, out, _ = command("members", "-o", "json")
    assert code == 0
    assert [each["mobile_number"] for each in json.loads(out)] == list(people)
    kaizala.script = [(200, {"subscribers": [{"id": "s1", "mobileNumber": "+919999999999", "name": "Sam"}]})]
    code, out, _ = command("members", "--subscribers", "--group", group)
    assert out.splitlines()[1].split() == ["Sam", "+919999999999", "Subscriber", "s1"]


def test_a_message_goes_to_the_group_of_that_name(command, kaizala, groups):
    groups({G1: "Store 12", G2: "Store 13"})
    code, out, _ = command("send", "Hello", "-g", "store 13", "--reply-to", "ref-9", "-o", "json")
    assert code == 0
    (post,) = kaizala.posts
    assert post.path == f"/groups/{G2}/messages"
    assert post.json == {"message": "Hello", "replyToReferenceId": "ref-9"}
    assert json.loads(out) == {"group_id": G2, "reference_id": f"ref-{len(kaizala.requests)}", "failed": []}


def test_a_message_may_come_from_stdin(command, kaizala, typed):
    for words in (["-"], []):
        typed("first line", "", "last line")
        assert command("send", *words)[0] == 0
    assert [post.json["message"] for post in kaizala.posts] == ["first line\n\nlast line"] * 2


def test_a_message_that_kaizala_would_not_take_is_not_sent(command, kaizala, typed):
    for words, says in [
        (["send", ""], "text"),
        (["send", "x" * 4001], "at most 4000"),
        (["send", "x", "--subscriber", "12"], "subscribers"),
        (["send", "x", "--subscriber", "+911234567890", "--all-subscribers"], "not both"),
    ]:
        code, out, err = command(*words)
        assert (code, out) == (2, "")
        assert says in err
    assert kaizala.posts == []


def test_subscribers_that_a_message_did_not_reach_are_named(command, kaizala):
    failed = [{"subscriber": "+911234567890", "errorReason": "not a subscriber"}]
    kaizala.script = [(200, {"referenceId": "r", "failedResult": failed})]
    code, out, err = command(
        "send", "Hello", "--subscriber", "+911234567890", "--subscriber", "+911234567891"
    )
    assert code == 1
    assert kaizala.posts[0].json["subscribers"] == ["+911234567890", "+911234567891"]
    assert err == "error: it did not reach +911234567890: not a subscriber\n"
    assert out.splitlines()[1].split()[1] == "r"


def test_a_post_without_a_readable_reply_has_a_code_of_its_own(command, kaizala):
    kaizala.script = [(502, {})]
    code, out, err = command("send", "Hello")
    assert (code, out) == (5, "")
    assert "It may have been carried out" in err
    assert len(kaizala.posts) == 1


FULL_DISK = OSError(errno.ENOSPC, "No space left on device")


def fail(error):
    def write(*_):
        raise error

    return write


def test_a_message_whose_result_cannot_be_written_is_reported_as_sent(command, kaizala, monkeypatch):
    monkeypatch.setattr("airflow_provider_kaizala.cli.output.say", fail(FULL_DISK))
    code, _, err = command("send", "Hello")
    assert code == 5
    assert err == (
        f"error: the message was sent (reference id ref-{len(kaizala.requests)}), but the output cannot be written: "
        "No space left on device; do not send it again\n"
    )


def test_a_message_is_reported_as_sent_if_the_reader_has_ended(command, kaizala, monkeypatch):
    monkeypatch.setattr("airflow_provider_kaizala.cli.output.say", fail(BrokenPipeError()))
    code, _, err = command("send", "Hello")
    assert (code, err) == (141, f"the message was sent: reference id ref-{len(kaizala.requests)}\n")


@pytest.mark.parametrize("reply", [(200, {"referenceId": "r"}), (502, {})])
def test_the_exit_code_does_not_depend_on_whether_the_error_can_be_written(
    command, kaizala, monkeypatch, reply
):
    monkeypatch.setattr("airflow_provider_kaizala.cli.output._write", fail(FULL_DISK))
    kaizala.script = [reply]
    assert command("send", "Hello") == (5, "", "")


def test_a_message_is_not_sent_if_the_extra_verify_names_no_file(command, kaizala, connect):
    connect(extra={"verify": "/nowhere/ca.pem"})
    code, out, err = command("send", "Hello")
    assert (code, out, kaizala.requests) == (2, "", [])
    assert err == (
        "error: extra verify: the file or folder '/nowhere/ca.pem' does not exist here; "
        "give the path of CA certificates, or true or false\n"
    )
