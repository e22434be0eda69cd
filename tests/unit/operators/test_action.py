"""What each of the operators refuses, when the DAG is parsed and when it runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.operators import (
    KaizalaSendActionOperator,
    KaizalaSendAnnouncementOperator,
    KaizalaSendJobOperator,
    KaizalaSendMeetingOperator,
    KaizalaSendMessageOperator,
    KaizalaSendPollOperator,
    KaizalaSendSurveyOperator,
)

TEXT = (KaizalaSendMessageOperator, {})
NOTICE = (KaizalaSendAnnouncementOperator, {"text": "Hello"})
POLL = (KaizalaSendPollOperator, {"question": "Tea?", "options": ["Yes", "No"]})
SURVEY = (KaizalaSendSurveyOperator, {"title": "Daily", "questions": [{"title": "Q", "type": "Text"}]})
JOB = (KaizalaSendJobOperator, {"title": "Check pump", "assigned_to": ["+910000000001"]})
MEETING = (KaizalaSendMeetingOperator, {"title": "Stand-up", "starts_at": "2099-01-01T09:00:00+00:00"})
CARD = (KaizalaSendActionOperator, {"package_id": "com.example.card"})


def question(**changes):
    return {"title": "Site?", "type": "SingleOption", "options": ["A", "B"], **changes}


#: operator, argument, what is given, what the error says
BAD = [
    (
        TEXT,
        "text",
        "x" * 4001,
        "text has 4001 characters, and Kaizala accepts at most 4000: shorten or split it",
    ),
    (TEXT, "text", "  \n ", "text is empty; give some text"),
    (TEXT, "text", 5, "text must be a string, not 5"),
    (NOTICE, "text", "x" * 4001, "text has 4001 characters"),
    (NOTICE, "title", " ", "title is empty"),
    (POLL, "question", " ", "question is empty"),
    (POLL, "options", ["Yes"], "options must hold at least 2 options to choose from, not 1"),
    (POLL, "options", ["Yes", "Yes "], "options: two options are 'Yes '; each must have a text of its own"),
    (POLL, "options", ["Yes", " "], "options: option 2 is empty"),
    (POLL, "options", "Yes, No", "options must be a list of options (texts), not 'Yes, No'"),
    (
        POLL,
        "due",
        "tomorrow",
        "due must be a datetime, an ISO 8601 string such as '2026-03-01T17:00:00+00:00', or a timedelta",
    ),
    (POLL, "due", timedelta(0), "or a timedelta above zero, not datetime.timedelta(0)"),
    (POLL, "due", 24, "or a timedelta above zero, not 24"),
    (SURVEY, "title", " ", "title is empty"),
    (SURVEY, "questions", [], "questions is empty; a survey needs at least one question"),
    (SURVEY, "questions", {"title": "Q"}, "questions must be a list of questions"),
    (
        SURVEY,
        "questions",
        ["How many?"],
        "questions: each question must be a dict with title, type, options, is_invisible",
    ),
    (SURVEY, "questions", [question(options=[])], "'Site?': a SingleOption question needs options to choose"),
    (SURVEY, "questions", [question(options=["A"])], "question 'Site?', options must hold at least 2"),
    (SURVEY, "questions", [question(options=["A", "A"])], "options: two options are 'A'"),
    (SURVEY, "questions", [question(type="Text")], "'Site?': a Text question has no options"),
    (SURVEY, "questions", [question(type="Choice")], "'Site?', type must be one of SingleOption, "),
    (SURVEY, "questions", [question(), question()], "questions: two questions are 'Site?'; each must"),
    (SURVEY, "questions", [{"type": "Text"}], "has no title"),
    (
        SURVEY,
        "questions",
        [question(hint="x")],
        "unknown hint in a question; allowed are title, type, options",
    ),
    (SURVEY, "due", -timedelta(hours=1), "due must be"),
    (SURVEY, "description", "x" * 4001, "description has 4001 characters"),
    (JOB, "title", " ", "title is empty"),
    (JOB, "assigned_to", [], "assigned_to is empty; give at least one phone number such as '+910000000001'"),
    (JOB, "assigned_to", ["+91 0000 000 001"], "assigned_to: '+91 0000 000 001' is not a phone number"),
    (JOB, "assigned_to", ["910000000001"], "assigned_to: '910000000001' is not a phone number"),
    (JOB, "assigned_to", "+910000000001", "assigned_to must be a list of phone numbers"),
    (JOB, "due", "2020-13-01", "due must be a datetime"),
    (MEETING, "title", " ", "title is empty"),
    (MEETING, "starts_at", "soon", "starts_at must be a datetime or an ISO 8601 string"),
    (MEETING, "starts_at", timedelta(hours=1), "starts_at must be a datetime or an ISO 8601 string"),
    (MEETING, "duration", -1, "duration must be a whole number of minutes above 0 or a timedelta, not -1"),
    (
        MEETING,
        "duration",
        "long",
        "duration must be a whole number of minutes above 0 or a timedelta, not 'long'",
    ),
    (MEETING, "place", {"latitude": 17.4}, "has no longitude"),
    (MEETING, "place", {"latitude": 97, "longitude": 1}, "place: latitude must be within ±90"),
    (MEETING, "place", {"latitude": "x", "longitude": 1}, "place: latitude and longitude must be degrees"),
    (MEETING, "agenda", "x" * 4001, "agenda has 4001 characters"),
    (CARD, "package_id", " ", "package_id is empty"),
    (CARD, "title", " ", "title is empty"),
    (CARD, "questions", [question(), question()], "questions: two questions are 'Site?'"),
    (CARD, "properties", {"a": ["x"]}, "properties: the value of property 'a' must be text or a number"),
    (CARD, "properties", [{"name": "a", "value": "1", "type": "X"}], "property 'a', type must be one of"),
    (CARD, "properties", [{"name": "a", "value": "1"}] * 2, "properties: two properties are 'a'"),
    (CARD, "properties", "a=1", "properties must be a list of properties"),
    (CARD, "validity", "never", "validity must be a datetime"),
    (CARD, "due", timedelta(0), "due must be"),
]
NO_TEMPLATES = [
    (POLL, "sender_only", "yes", "sender_only must be True or False, not 'yes'"),
    (SURVEY, "anonymous", 1, "anonymous must be True or False, not 1"),
    (SURVEY, "sender_only", None, "sender_only must be True or False"),
    (SURVEY, "accept_multiple_responses", "x", "accept_multiple_responses must be True or False"),
    (MEETING, "sender_only", "x", "sender_only must be True or False"),
    (CARD, "anonymous", "x", "anonymous must be True or False"),
]
bad_arguments = pytest.mark.parametrize(("case", "name", "value", "says"), BAD)


def make(case, name, value, task_id="post"):
    operator, given = case
    return operator(task_id=task_id, **{**given, name: value})


@pytest.mark.parametrize(("case", "name", "value", "says"), BAD + NO_TEMPLATES)
def test_a_literal_is_refused_when_the_dag_is_parsed(case, name, value, says):
    with pytest.raises(KaizalaInputError) as refused:
        make(case, name, value)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 400


@bad_arguments
def test_what_another_task_hands_on_is_refused_before_anything_is_sent(
    case, name, value, says, kaizala, run_task, dag
):
    with dag:
        up = KaizalaSendMessageOperator(task_id="up", text="Hi")
        operator = make(case, name, up.output)
    with pytest.raises(AirflowFailException) as refused:
        run_task(operator, {"up": value})
    assert str(refused.value).startswith("post: ")
    assert says in str(refused.value)
    assert kaizala.requests == []


@bad_arguments
def test_what_a_template_renders_is_refused_before_anything_is_sent(
    case, name, value, says, kaizala, run_task
):
    with DAG(
        "native",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        render_template_as_native_obj=True,
    ):
        operator = make(case, name, "{{ params.bad }}")
    with pytest.raises(AirflowFailException) as refused:
        run_task(operator, params={"bad": value})
    assert str(refused.value).startswith("post: ")
    assert says in str(refused.value)
    assert kaizala.requests == []


@bad_arguments
def test_every_argument_that_is_checked_late_is_templated(case, name, value, says):
    assert name in case[0].template_fields


def test_the_rest_is_checked_though_one_is_a_template():
    with pytest.raises(KaizalaInputError, match="two options are 'Yes'"):
        KaizalaSendPollOperator(task_id="t", question="{{ params.q }}", options=["Yes", "Yes"])
    with pytest.raises(KaizalaInputError, match="assigned_to is empty"):
        KaizalaSendJobOperator(task_id="t", title="{{ params.q }}", assigned_to=[])


def test_a_text_of_4000_characters_is_accepted(kaizala, run_task):
    run_task(KaizalaSendMessageOperator(task_id="t", text="ü" * 4000))
    assert len(kaizala.posts[0].json["message"]) == 4000


def test_templates_inside_lists_and_dicts_are_rendered(kaizala, run_task):
    run_task(
        KaizalaSendSurveyOperator(
            task_id="t",
            title="{{ params.site }}",
            questions=[
                {"title": "At {{ params.site }}?", "type": "SingleOption", "options": ["{{ 1 }}", "B"]}
            ],
            due="{{ params.due }}",
        ),
        params={"site": "Store 12", "due": (datetime.now(tz=UTC) + timedelta(hours=5)).isoformat()},
    )
    body = kaizala.posts[0].json["actionBody"]
    assert body["title"] == "Store 12"
    assert body["questions"][0]["title"] == "At Store 12?"
    assert body["questions"][0]["options"] == [{"title": "1"}, {"title": "B"}]
    assert body["dueDate"] == 5


def test_a_template_may_render_the_minutes_of_a_meeting(kaizala, run_task):
    operator = make(MEETING, "duration", "{{ params.minutes }}")
    run_task(operator, params={"minutes": 45})
    assert kaizala.posts[0].json["actionBody"]["duration"] == 45


@pytest.mark.parametrize(
    ("due", "hours"),
    [
        (timedelta(minutes=1), 1),
        (timedelta(hours=1), 1),
        (timedelta(hours=1, seconds=1), 2),
        (timedelta(days=7), 168),
    ],
)
def test_due_times_are_rounded_up_to_whole_hours(kaizala, run_task, due, hours):
    run_task(make(JOB, "due", due))
    assert kaizala.posts[0].json["actionBody"]["dueDate"] == hours


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
@pytest.mark.parametrize("form", [datetime.isoformat, lambda moment: moment], ids=["text", "datetime"])
def test_a_time_without_a_zone_is_in_the_timezone_of_the_dag(kaizala, run_task, zone, form):
    there = ZoneInfo(zone)
    due = datetime.now(tz=there) + timedelta(hours=9, minutes=30)
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=there)):
        job = make(JOB, "due", form(due.replace(tzinfo=None)), "job")
        meeting = make(MEETING, "starts_at", form(due.replace(tzinfo=None)), "meeting")
    run_task(job)
    run_task(meeting)
    assert kaizala.posts[0].json["actionBody"]["dueDate"] == 10
    starts = datetime.fromisoformat(kaizala.posts[1].json["actionBody"]["startingTime"])
    assert starts == due


def test_without_a_dag_a_time_without_a_zone_is_utc(kaizala, run_task):
    run_task(make(JOB, "due", datetime.now(tz=UTC).replace(tzinfo=None) + timedelta(hours=9, minutes=30)))
    assert kaizala.posts[0].json["actionBody"]["dueDate"] == 10


@pytest.mark.parametrize(
    ("case", "name"),
    [(POLL, "due"), (SURVEY, "due"), (JOB, "due"), (MEETING, "starts_at"), (CARD, "due")],
)
def test_a_time_that_has_passed_is_refused_when_the_task_runs(case, name, kaizala, run_task):
    """Not when the DAG is parsed: it was in the future when it was written."""
    operator = make(case, name, "2020-01-01T00:00:00+00:00")
    with pytest.raises(AirflowFailException, match=rf"post: {name}: 2020-01-01.*has passed; give a time in"):
        run_task(operator)
    assert kaizala.requests == []


def test_a_native_dag_leaves_texts_alone_that_look_like_numbers(kaizala, run_task):
    native = {"schedule": None, "render_template_as_native_obj": True}
    with DAG("native", start_date=datetime(2026, 1, 1, tzinfo=UTC), **native):
        job = KaizalaSendJobOperator(task_id="job", title="007", assigned_to=["+910000000001"])
        poll = KaizalaSendPollOperator(task_id="poll", question="(1, 2)", options=["1.50", "True", "None"])
    run_task(job)
    run_task(poll)
    assert kaizala.posts[0].json["actionBody"] == {"title": "007", "assignedTo": ["+910000000001"]}
    assert [choice["title"] for choice in kaizala.posts[1].json["actionBody"]["choices"]] == [
        "1.50",
        "True",
        "None",
    ]
    assert kaizala.posts[1].json["actionBody"]["question"] == "(1, 2)"
