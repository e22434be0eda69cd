"""What is sent: documented names out, and every wrong argument told by name."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client import models
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import (
    Action,
    Announcement,
    Audience,
    Job,
    Location,
    Media,
    Meeting,
    Package,
    Poll,
    Property,
    Question,
    Survey,
    media_type,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ASHA, RAVI = "+910000000001", "+910000000002"
SURVEY_REST = {"isAnonymous": False, "isSenderOnly": False, "acceptMultipleResponses": False}
ONE = (Question("Site?"),)


def hours(**change):
    return Job("t", (ASHA,), **change).to_wire(NOW)["actionBody"].get("dueDate")


class TestOnTheWire:
    def test_survey(self):
        survey = Survey(
            "Daily",
            [
                {"title": "Site?", "type": "singleoption", "options": ["A", {"title": "B"}]},
                {"title": "Count", "type": "Numeric", "isInvisible": True},
                Question("Why?"),
            ],
            due=timedelta(hours=2),
            description="Each day",
            anonymous=True,
            sender_only="True",
            accept_multiple_responses=True,
        )
        assert survey.to_wire(NOW) == {
            "actionType": "Survey",
            "actionBody": {
                "title": "Daily",
                "questions": [
                    {"title": "Site?", "type": "SingleOption", "isInvisible": False,
                     "options": [{"title": "A"}, {"title": "B"}]},
                    {"title": "Count", "type": "Numeric", "isInvisible": True},
                    {"title": "Why?", "type": "Text", "isInvisible": False},
                ],
                "description": "Each day",
                "isAnonymous": True,
                "isSenderOnly": True,
                "acceptMultipleResponses": True,
                "dueDate": 2,
            },
        }  # fmt: skip

    def test_a_survey_with_defaults_sends_only_required_fields(self):
        body = Survey("Daily", ONE).to_wire(NOW)["actionBody"]
        assert body == {"title": "Daily", "questions": [ONE[0].to_wire()], **SURVEY_REST}

    def test_job(self):
        job = Job("Check pump", [RAVI, ASHA, RAVI], due=timedelta(hours=5))
        body = {"title": "Check pump", "assignedTo": [RAVI, ASHA], "dueDate": 5}
        assert job.to_wire(NOW) == {"actionType": "Job", "actionBody": body}

    def test_poll(self):
        poll = Poll("Lunch?", ["Yes", "No"], due=timedelta(days=30), sender_only=True)
        assert poll.to_wire(NOW) == {
            "actionType": "Poll",
            "actionBody": {
                "question": "Lunch?",
                "choices": [{"title": "Yes"}, {"title": "No"}],
                "expiryInHours": 720,
                "isSenderOnly": True,
            },
        }

    def test_meeting(self):
        meeting = Meeting("Review", "2026-03-02T09:30:00+05:30", timedelta(minutes=44, seconds=1),
                          {"latitude": "17.4", "longitude": 78, "name": "Hall"}, "All of it", True)  # fmt: skip
        assert meeting.to_wire(NOW) == {
            "actionType": "LetsMeet",
            "actionBody": {
                "title": "Review",
                "startingTime": "2026-03-02T04:00:00Z",
                "duration": 45,
                "place": {"latitude": 17.4, "longitude": 78.0, "name": "Hall"},
                "agenda": "All of it",
                "isSenderOnly": True,
            },
        }

    def test_an_announcement_is_sent_in_pascal_case_as_documented(self):
        notice = Announcement("Shift moved", "Notice", ("m1", "m2"))
        assert notice.to_wire(NOW) == {
            "actionType": "Announcement",
            "actionBody": {"Message": "Shift moved", "Title": "Notice", "MediaResources": ["m1", "m2"]},
        }
        assert Announcement("Shift moved").to_wire(NOW)["actionBody"] == {"Message": "Shift moved"}

    def test_media(self):
        assert Media("album", "opaque", "Site").to_wire(NOW) == {
            "actionType": "Album",
            "actionBody": {"mediaResource": "opaque", "caption": "Site"},
        }
        assert Media("Image", "opaque").to_wire(NOW)["actionBody"] == {"mediaResource": "opaque"}

    def test_a_package_is_sent_with_its_id_and_no_action_type(self):
        package = Package(
            "com.example.card.2", "Card", ONE, {"status": "Open", "count": 3, "share": 0.5},
            validity=timedelta(days=1), due=timedelta(hours=1),
        )  # fmt: skip
        assert package.to_wire(NOW) == {
            "id": "com.example.card.2",
            "actionBody": {
                "title": "Card",
                "questions": [ONE[0].to_wire()],
                "properties": [
                    {"name": "status", "type": "Text", "value": "Open"},
                    {"name": "count", "type": "Numeric", "value": "3"},
                    {"name": "share", "type": "Numeric", "value": "0.5"},
                ],
                "validity": 24,
                "dueDate": 1,
                **SURVEY_REST,
            },
        }
        assert Package("com.example.card").to_wire(NOW)["actionBody"] == {
            "questions": [],
            "properties": [],
            **SURVEY_REST,
        }

    def test_properties_may_be_given_as_dicts(self):
        package = Package(
            "p", properties=[{"name": "seen", "type": "datetime", "value": 1}, Property("a", "text", "b")]
        )
        assert [each["type"] for each in package.to_wire(NOW)["actionBody"]["properties"]] == [
            "DateTime",
            "Text",
        ]

    def test_audience(self):
        assert Audience().to_wire() == {}
        assert Audience([ASHA], reply_to_reference_id="r1").to_wire() == {
            "subscribers": [ASHA],
            "replyToReferenceId": "r1",
        }
        assert Audience(send_to_all_subscribers="true").to_wire() == {"sendToAllSubscribers": True}

    def test_the_base_cannot_be_posted(self):
        with pytest.raises(TypeError, match="Action cannot be posted"):
            Action().to_wire(NOW)


class TestDueTimes:
    @pytest.mark.parametrize(
        ("due", "expected"),
        [
            (None, None),
            (timedelta(seconds=1), 1),
            (timedelta(minutes=59), 1),
            (timedelta(minutes=60), 1),
            (timedelta(minutes=60, microseconds=1), 2),
            (timedelta(minutes=61), 2),
            (timedelta(days=10), 240),
            (NOW + timedelta(minutes=59), 1),
            (NOW + timedelta(minutes=61), 2),
            (datetime(2026, 3, 1, 14, 0), 2),  # noqa: DTZ001 - naive is UTC
            (datetime(2026, 3, 1, 19, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), 2),
            ("2026-03-01T14:00:00Z", 2),
            ("2026-03-01T14:00:00.001Z", 3),
            ("2026-03-01T14:00", 2),
            (" 2026-03-01 19:30:00+05:30 ", 2),
            ("2026-03-02", 12),
        ],
    )
    def test_due_times_are_sent_as_whole_hours_rounded_up(self, due, expected):
        assert hours(due=due) == expected

    def test_due_hours_count_from_the_moment_of_posting(self):
        job = Job("t", (ASHA,), due="2026-03-01T14:00:00Z")
        wire = [
            job.to_wire(NOW + timedelta(minutes=late))["actionBody"]["dueDate"] for late in (0, 59, 60, 119)
        ]
        assert wire == [2, 2, 1, 1]

    @pytest.mark.parametrize("due", [NOW, NOW - timedelta(seconds=1), "2026-03-01T11:59:59Z", "2025-01-01"])
    @pytest.mark.parametrize(
        ("make", "name"),
        [
            (lambda due: Job("t", (ASHA,), due=due), "due"),
            (lambda due: Survey("t", ONE, due=due), "due"),
            (lambda due: Poll("t", ("a", "b"), due=due), "due"),
            (lambda due: Package("p", validity=due), "validity"),
            (lambda due: Package("p", due=due), "due"),
            (lambda due: Meeting("t", due), "starts_at"),
        ],
    )
    def test_a_due_time_that_has_passed_is_refused_by_name(self, make, name, due):
        with pytest.raises(KaizalaInputError, match=f"{name}: .* has passed; give a time in the future"):
            make(due).to_wire(NOW)

    @pytest.mark.parametrize(
        "due", [timedelta(0), timedelta(seconds=-1), "tomorrow", "", 24, 1.5, "24", ["x"], NOW.date()]
    )
    def test_an_invalid_due_time_is_refused_at_once(self, due):
        with pytest.raises(KaizalaInputError, match=r"^due must be a datetime"):
            hours(due=due)

    def test_a_due_time_may_be_20_years_away(self):
        assert hours(due=timedelta(days=7320)) == 175_680
        assert hours(due=NOW + timedelta(days=7320)) == 175_680
        says = r"due: 7320 days, 0:00:01 from now is later than Kaizala accepts; give a time within 20 years \(7320 days\)"
        late = timedelta(days=7320, seconds=1)
        with pytest.raises(KaizalaInputError, match=says):
            Poll("t", ("a", "b"), due=late)
        with pytest.raises(KaizalaInputError, match=says):
            hours(due=NOW + late)
        with pytest.raises(KaizalaInputError, match=says.replace("due", "validity")):
            Package("p", validity=late)

    @pytest.mark.parametrize("start", [None, timedelta(hours=1), "soon", 5])
    def test_a_meeting_needs_a_start_time(self, start):
        with pytest.raises(KaizalaInputError, match=r"^starts_at must be a datetime"):
            Meeting("t", start)

    @given(st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)))
    def test_due_hours_are_never_early_and_never_an_hour_late(self, due):
        found = timedelta(hours=hours(due=due))
        assert due <= found < due + timedelta(hours=1)


class TestModels:
    def test_one_argument_can_be_checked_alone(self):
        assert Job.check("assigned_to", [ASHA]) == (ASHA,)
        with pytest.raises(KaizalaInputError, match="assigned_to is empty"):
            Job.check("assigned_to", [])
        assert Job.check("not_a_field", 5) == 5

    def test_every_check_belongs_to_a_field(self):
        kinds = [
            each
            for each in (getattr(models, name) for name in models.__all__)
            if isinstance(each, type) and issubclass(each, models.Sent)
        ]
        assert len(kinds) > 8
        for kind in kinds:
            assert set(kind.checks) <= {each.name for each in fields(kind)}, kind


class TestFileTypes:
    @pytest.mark.parametrize(
        ("name", "kind", "mime"),
        [("a.jpg", "Image", "image/jpeg"), ("A.B.JPEG", "Image", "image/jpeg"), ("ü.png", "Image", "image/png"),
         ("a.mp3", "Audio", "audio/mpeg"), ("a.pdf", "Document", "application/pdf"), ("a.MP4", "Video", "video/mp4"),
         ("a.xlsx", "Document", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")],
    )  # fmt: skip
    def test_kind_and_mime_type(self, name, kind, mime):
        assert media_type(name) == (kind, mime)

    @pytest.mark.parametrize("name", ["a.gif", "a.exe", "a.txt", "png", "a.", "", "a.png.zip"])
    def test_other_file_types_are_refused_with_a_list_of_accepted_ones(self, name):
        with pytest.raises(
            KaizalaInputError,
            match=r"file .*: Kaizala does not accept (\..+ files|files without an extension)\. It accepts Image: jpg",
        ):
            media_type(name)


# --- whatever the text ---------------------------------------------------------------------------------------------------

RTL, EMOJI = "مرحبا بالعالم \u202e\u200f", "👩‍👩‍👧 🎉\U0001f1ee\U0001f1f3"
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60),
    st.sampled_from([RTL, EMOJI, "'\"\\{}%", "\u2028\x01", "{{ ds }}"]),
)
TITLE = TEXT.filter(str.strip)
CHOICES = st.lists(TITLE, min_size=2, max_size=6, unique_by=str.strip)


@given(TITLE)
def test_texts_survive_json_unchanged(text):
    wire = json.loads(json.dumps(Announcement(text, text).to_wire(NOW)))
    assert wire["actionBody"] == {"Message": text, "Title": text}


@given(TITLE, CHOICES)
def test_options_keep_their_texts_and_order(question, choices):
    body = json.loads(json.dumps(Poll(question, choices).to_wire(NOW)))["actionBody"]
    assert body["question"] == question
    assert [each["title"] for each in body["choices"]] == choices


@given(TITLE, st.lists(st.tuples(TITLE, st.sampled_from(["SingleOption", "multioption", "TEXT", "Numeric"]), CHOICES),
                       min_size=1, max_size=5, unique_by=lambda row: row[0].strip()))  # fmt: skip
def test_questions_from_dicts_keep_titles_types_and_order(title, rows):
    given_ = [
        {"title": name, "type": kind} | ({"options": options} if "option" in kind.lower() else {})
        for name, kind, options in rows
    ]
    survey = Survey(title, given_)
    body = json.loads(json.dumps(survey.to_wire(NOW)))["actionBody"]
    assert [each["title"] for each in body["questions"]] == [name for name, *_ in rows]
    assert [each["type"].lower() for each in body["questions"]] == [kind.lower() for _, kind, _ in rows]
    for each, (_, _, options) in zip(body["questions"], rows, strict=True):
        assert [option["title"] for option in each.get("options", [])] in ([], options)
    assert Survey(title, survey.questions) == survey


def test_every_location_on_earth_is_accepted():
    assert Location(1.5, -2).to_wire() == {"latitude": 1.5, "longitude": -2}
    assert Meeting("t", "2030-01-01", place=Location(1, 2)).place == Location(1, 2)
