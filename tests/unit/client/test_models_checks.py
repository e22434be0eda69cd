"""Bad input: each wrong argument gets one error that names it and the remedy, before anything is sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import (
    Announcement,
    Audience,
    Job,
    Media,
    Meeting,
    Message,
    Package,
    Poll,
    Property,
    Question,
    Survey,
    WebhookChange,
    checks,
    forms,
)

ASHA = "+910000000001"
ONE = (Question("Site?"),)
LONG = "x" * 4001
BAD = [
    ("text", lambda: Message(LONG), "text has 4001 characters.*at most 4000: shorten or split"),
    ("text", lambda: Announcement(LONG), "text has 4001"),
    ("text", lambda: Message("a\0b"), "text: character 2 is NUL, which Kaizala does not accept; remove it"),
    ("question", lambda: Poll(LONG, ("a", "b")), "question has 4001 characters.*at most 4000: shorten or split"),
    ("options", lambda: Poll("q", ("a", LONG)), "options: option 2 has 4001 characters"),
    ("questions", lambda: Survey("t", [{"title": LONG, "type": "Text"}]), "question title has 4001 characters"),
    ("title", lambda: Survey(LONG, ONE), "title has 4001 characters"),
    ("title", lambda: Job(LONG, (ASHA,)), "title has 4001 characters"),
    ("title", lambda: Meeting(LONG, "2030-01-01"), "title has 4001 characters"),
    ("title", lambda: Announcement("t", LONG), "title has 4001 characters"),
    ("title", lambda: Package("p", LONG), "title has 4001 characters"),
    ("question", lambda: Poll("\0?", ("a", "b")), "question: character 1 is NUL"),
    ("options", lambda: Poll("q", ("a", "b\0")), "options: option 2: character 2 is NUL"),
    ("text", lambda: Message(""), "text is empty"),
    ("text", lambda: Message(" \n\t"), "text is empty"),
    ("text", lambda: Message(None), "text must be a string, not None"),
    ("text", lambda: Message(7), "text must be a string, not 7"),
    ("caption", lambda: Media("Image", "m", LONG), "caption has 4001"),
    ("agenda", lambda: Meeting("t", "2030-01-01", agenda=LONG), "agenda has 4001"),
    ("description", lambda: Survey("t", ONE, description=LONG), "description has 4001"),
    ("title", lambda: Survey(" ", ONE), "title is empty"),
    ("title", lambda: Job("", (ASHA,)), "title is empty"),
    ("title", lambda: Announcement("t", ""), "title is empty"),
    ("question", lambda: Poll("", ("a", "b")), "question is empty"),
    ("options", lambda: Poll("q", ("a",)), "options must hold at least 2 options"),
    ("options", lambda: Poll("q", ()), "options must hold at least 2 options to choose from, not 0"),
    ("options", lambda: Poll("q", ("a", "b", "a")), "options: two options are 'a'"),
    ("options", lambda: Poll("q", ("a", "b", " a ")), "options: two options are ' a '"),
    ("options", lambda: Poll("q", ("a", "")), "options: option 2 is empty"),
    ("options", lambda: Poll("q", ("a", None)), "options: option 2 must be a string, not None"),
    ("options", lambda: Poll("q", [1, 2]), "options: option 1 must be a string, not 1"),
    ("options", lambda: Poll("q", {"a", "b"}), "options must be a list of options .*: a set has no order"),
    ("options", lambda: Poll("q", frozenset("ab")), "options must be a list of options .*: a set has no order"),
    ("options", lambda: Question("Site?", "SingleOption", ("A", 2)), "'Site\\?', options: option 2 must be a string, not 2"),
    ("options", lambda: Question("Site?", "SingleOption", {"A", "B"}), "'Site\\?', options must be .*: a set has no order"),
    ("questions", lambda: Survey("t", {Question("a"), Question("b")}), "questions must be a list of questions, .*: a set has no order"),
    ("questions", lambda: Survey("t", [{"title": "a", "type": "SingleOption", "options": {"A", "B"}}]), "a set has no order"),
    ("properties", lambda: Package("p", properties={Property("a", "Text", "1")}), "properties .*: a set has no order"),
    ("options", lambda: Poll("q", "ab"), "options must be a list of options"),
    ("options", lambda: Poll("q", {"a": 1, "b": 2}), "options must be a list of options"),
    ("options", lambda: Question("Site?", "SingleOption"), "question 'Site\\?': a SingleOption question needs options"),
    ("options", lambda: Question("Site?", "MultiOption", ()), "a MultiOption question needs options"),
    ("options", lambda: Question("Site?", "SingleOption", ("A",)), "'Site\\?', options must hold at least 2 options"),
    ("options", lambda: Question("Site?", "SingleOption", ("A", "A")), "'Site\\?', options: two options are 'A'"),
    ("options", lambda: Question("Site?", "SingleOption", "AB"), "options must be a list of options"),
    ("options", lambda: Question("Site?", "Text", ("A", "B")), "has no options; make it SingleOption"),
    ("type", lambda: Question("Site?", "Dropdown"), "type must be one of SingleOption.*not 'Dropdown'"),
    ("type", lambda: Question("Site?", None), "type must be one of .*not None"),
    ("questions", lambda: Survey("t", ()), "questions is empty; a survey needs at least one question"),
    ("questions", lambda: Survey("t", None), "questions must be a list of questions"),
    ("questions", lambda: Survey("t", "Site?"), "questions must be a list of questions"),
    ("questions", lambda: Survey("t", ["Site?"]), "questions: each question must be a dict with title, type"),
    ("questions", lambda: Survey("t", (*ONE, *ONE)), "questions: two questions are 'Site\\?'"),
    ("questions", lambda: Survey("t", [{"title": "a", "type": "Text"}, Question(" a")]), "questions: two questions"),
    ("questions", lambda: Package("p", questions=(*ONE, *ONE)), "questions: two questions are"),
    ("questions", lambda: Survey("t", [{"title": "a"}]), "question .* has no type"),
    ("questions", lambda: Survey("t", [{"type": "Text"}]), "question .* has no title"),
    ("questions", lambda: Survey("t", [{"title": "a", "type": "Text", "choices": []}]), "unknown choices in a question; allowed are title"),
    ("questions", lambda: Survey("t", [{"title": 5, "type": "Text"}]), "question title must be a string, not 5"),
    ("questions", lambda: Survey("t", [{"title": "a", "type": "SingleOption", "options": "AB"}]), "options must be a list of texts"),
    ("assigned_to", lambda: Job("t", ()), "assigned_to is empty; give at least one phone number"),
    ("assigned_to", lambda: Job("t", []), "assigned_to is empty"),
    ("assigned_to", lambda: Job("t", None), "assigned_to must be a list of phone numbers"),
    ("assigned_to", lambda: Job("t", ASHA), "assigned_to must be a list of phone numbers"),
    ("package_id", lambda: Package(""), "package_id is empty"),
    ("properties", lambda: Package("p", properties={"a": None}), "property 'a' must be text or a number, not None"),
    ("properties", lambda: Package("p", properties={"a": True}), "must be text or a number, not True"),
    ("properties", lambda: Package("p", properties=[{"name": "a", "value": 1}] * 2), "two properties are 'a'"),
    ("properties", lambda: Property("a", "Boolean", "x"), "property 'a', type must be one of Text.*not 'Boolean'"),
    ("kind", lambda: Media("Gif", "m"), "kind must be one of Image, Audio, Document, Video, Album"),
    ("media_resource", lambda: Media("Image", ""), "media_resource is empty"),
    ("duration", lambda: Meeting("t", "2030-01-01", 0), "duration must be a whole number of minutes above 0"),
    ("duration", lambda: Meeting("t", "2030-01-01", "²"), "duration must be a whole number of minutes above 0"),
    ("duration", lambda: Meeting("t", "2030-01-01", True), "duration must be a whole number of minutes above 0"),
    ("duration", lambda: Meeting("t", "2030-01-01", timedelta(0)), "duration must be a whole number of minutes above 0"),
    ("place", lambda: Meeting("t", "2030-01-01", place={"latitude": 91, "longitude": 0}), "place: latitude must be within"),
    ("place", lambda: Meeting("t", "2030-01-01", place={"latitude": "nan", "longitude": 0}), "place: latitude must be within"),
    ("place", lambda: Meeting("t", "2030-01-01", place={"latitude": "N17", "longitude": 0}), "place: .* must be degrees"),
    ("place", lambda: Meeting("t", "2030-01-01", place={"latitude": 1}), "place .* has no longitude"),
    ("sender_only", lambda: Poll("q", ("a", "b"), sender_only="maybe"), "sender_only must be True or False"),
    ("anonymous", lambda: Survey("t", ONE, anonymous=1), "anonymous must be True or False, not 1"),
    ("subscribers", lambda: Audience(()), "subscribers is empty"),
    ("subscribers", lambda: Audience((ASHA,), True), "either subscribers or send_to_all_subscribers"),
]  # fmt: skip


class TestBadInput:
    @pytest.mark.parametrize(
        ("name", "make", "says"), BAD, ids=[f"{at}-{name}" for at, (name, *_) in enumerate(BAD)]
    )
    def test_bad_input_is_refused_by_the_name_of_the_argument(self, name, make, says):
        with pytest.raises(KaizalaInputError, match=says):
            make()

    @pytest.mark.parametrize("number", ["910000000001", "+91 0000000001", "+12345", "+1234567890123456", "+91-000000", "",
                                        "+٩١٠٠٠٠٠٠٠٠٠١", "00910000000001", 910000000001, None, "+910000000001\n+91"])  # fmt: skip
    @pytest.mark.parametrize("make", [lambda n: Job("t", (ASHA, n)), lambda n: Audience((n,))])
    def test_what_is_not_a_phone_number_is_refused(self, number, make):
        with pytest.raises(KaizalaInputError, match=r"(assigned_to|subscribers): .* E.164 .* such as '\+91"):
            make(number)

    @pytest.mark.parametrize("number", ["+000000", "+999999999999999", " +910000000001 "])
    def test_only_the_format_of_phone_numbers_is_checked(self, number):
        assert Job("t", (number,)).assigned_to == (number.strip(),)

    def test_the_text_limit_counts_characters_and_not_bytes(self):
        for character in "x🎉ש":
            assert len(Message(character * 4000).text) == 4000

    def test_long_values_are_shortened_in_errors(self):
        with pytest.raises(KaizalaInputError) as caught:
            Poll("q", "x" * 10_000)
        assert len(str(caught.value)) < 200


class TestGroupIds:
    @pytest.mark.parametrize(
        "group",
        [
            "11111111-1111-4111-8111-111111111111@1",
            "df91cb37-0000-4ccd-a8c2-b2a3ba5eac62",
            " DF91CB37-0000-4CCD-A8C2-B2A3BA5EAC62@12 ",
        ],
    )
    def test_group_ids_as_kaizala_issues_them_are_accepted(self, group):
        assert checks.group_id("group_id", group) == group.strip()

    @pytest.mark.parametrize("group", ["Store 12", 12, "../x", "a?b", "a#b", "%2e", "x" * 201])
    def test_what_is_not_a_group_id_is_refused(self, group):
        with pytest.raises(KaizalaInputError, match=r"group_id: .* is not a valid group id; give the GUID"):
            checks.group_id("group_id", group)


class TestWhatATemplateLeaves:
    @pytest.mark.parametrize(
        ("value", "told"),
        [
            ("None", "'None'"),
            (" none\n", "' none.n'"),
            ("null", "'null'"),
            ("", "empty"),
            (" \n", "empty"),
            (None, "None"),
        ],
    )
    @pytest.mark.parametrize("check", [checks.group_id, checks.identifier])
    def test_what_a_template_renders_for_a_missing_value_is_refused_as_an_id(self, check, value, told):
        with pytest.raises(KaizalaInputError, match=rf"^an_id is {told}\. If a template was to render it"):
            check("an_id", value)

    @pytest.mark.parametrize(
        "refused",
        [
            lambda: Audience(reply_to_reference_id="None"),
            lambda: WebhookChange(object_id=" "),
            lambda: calls.post_reaction("g", "None"),
            lambda: calls.list_webhooks("null"),
        ],
    )
    def test_every_id_argument_is_checked_for_it(self, refused):
        with pytest.raises(
            KaizalaInputError, match=r"is ('None'|'null'|empty)\. If a template was to render it"
        ):
            refused()

    @pytest.mark.parametrize("nothing", ["None", " null", ""])
    def test_no_path_contains_it(self, nothing):
        with pytest.raises(KaizalaInputError, match=r"actionId is .* If a template was to render it"):
            calls.get_action("g", nothing)

    def test_a_title_may_be_the_word_none(self):
        assert Poll("None", ("None", "null")).options == ("None", "null")
        assert checks.identifier("action_id", "None-of-these") == "None-of-these"

    @pytest.mark.parametrize("text", ["['+910000000001']", " ('+91',)\n", '{"a": 1}', "[]"])
    @pytest.mark.parametrize(
        "check", [checks.phones, checks.options, forms.questions, forms.properties, forms.location]
    )
    def test_a_list_that_a_template_turned_into_text_is_refused_with_a_hint(self, check, text):
        with pytest.raises(KaizalaInputError) as refused:
            check("approvers", text)
        assert str(refused.value).startswith("approvers")
        assert str(refused.value).endswith(
            "; a template has turned it into text: pass dag.param('name') or the upstream task's output itself, or set "
            "render_template_as_native_obj=True on the DAG"
        )

    @pytest.mark.parametrize("text", ["+910000000001", "[", "[a)", ""])
    def test_other_text_gets_no_such_hint(self, text):
        with pytest.raises(KaizalaInputError) as refused:
            checks.phones("approvers", text)
        assert "template" not in str(refused.value)


class TestIdentifiers:
    @pytest.mark.parametrize("given", ["a-1", " a-1", "a-1\n", "\ta-1 "])
    def test_whitespace_around_an_id_is_removed(self, given):
        assert checks.identifier("action_id", given) == "a-1"

    @pytest.mark.parametrize("given", ["a 1", "a\n1", "a\x011", "a\u20281", "a\u00a01", "a\u200b1"])
    def test_whitespace_and_control_characters_inside_an_id_are_refused(self, given):
        with pytest.raises(
            KaizalaInputError, match=r"action_id: .* is not a valid id; give the id as Kaizala issued it"
        ):
            checks.identifier("action_id", given)

    @pytest.mark.parametrize("dots", [".", "..", " .. "])
    def test_dots_alone_would_address_another_path(self, dots):
        with pytest.raises(KaizalaInputError, match=r"actionId: .* is not a valid id"):
            calls.get_action("g", dots)


class TestNumbers:
    @pytest.mark.parametrize(("given", "number"), [(3, 3), ("3", 3), (" 12\n", 12), (0, 0)])
    def test_whole_numbers_may_be_given_as_digits(self, given, number):
        assert checks.whole_number(0)("count", given) == number

    @pytest.mark.parametrize(
        "given", [0, -1, True, 1.0, 1.5, "1.0", "-1", "", "one", "²", "9" * 5000, None, [1]]
    )
    def test_anything_but_a_whole_number_of_at_least_1_is_refused(self, given):
        with pytest.raises(KaizalaInputError, match=r"^count must be a whole number of at least 1, not "):
            checks.whole_number(1)("count", given)

    @pytest.mark.parametrize(("given", "length"), [(1, 1.0), (0.5, 0.5), (timedelta(minutes=2), 120.0)])
    def test_seconds_may_be_given_as_a_timedelta(self, given, length):
        assert checks.seconds("timeout", given) == length

    @pytest.mark.parametrize(
        "given", [0, -1, True, "60", None, float("nan"), float("inf"), 1e200, timedelta(0)]
    )
    def test_what_is_not_a_length_of_time_is_refused(self, given):
        with pytest.raises(
            KaizalaInputError, match=r"^timeout must be a number of seconds above 0 or a timedelta, not "
        ):
            checks.seconds("timeout", given)

    @pytest.mark.parametrize("given", ["Vote", " vote ", "VOTE"])
    def test_a_word_may_be_given_in_any_case(self, given):
        assert checks.one_of("Tell", "Vote")("mode", given) == "Vote"

    @pytest.mark.parametrize("given", ["Votes", "", None, 1, ["Vote"]])
    def test_a_word_that_is_not_listed_is_refused(self, given):
        with pytest.raises(KaizalaInputError, match=r"^mode must be one of Tell, Vote, not "):
            checks.one_of("Tell", "Vote")("mode", given)


@pytest.mark.parametrize(
    ("value", "read"), [(True, True), ("true", True), (" FALSE ", False), (False, False)]
)
def test_flags_may_be_given_as_a_template_renders_them(value, read):
    assert checks.flag("f", value) is read


@pytest.mark.parametrize(
    ("value", "read"), [(45, 45), ("45", 45), (timedelta(minutes=45), 45), (timedelta(seconds=1), 1)]
)
def test_minutes_may_be_given_as_digits_or_a_timedelta(value, read):
    assert checks.minutes("m", value) == read
