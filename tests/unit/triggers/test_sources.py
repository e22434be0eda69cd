from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_kaizala.client.errors import KaizalaNotFoundError
from airflow_provider_kaizala.triggers.sources import ticks
from airflow_provider_kaizala.waiting.people import respondents
from airflow_provider_kaizala.waiting.subjects import NewActions, NewMembers, Reactions, Responses

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
SENT = datetime(2026, 3, 1, 7, tzinfo=UTC)
SENT_TEXT = "2026-03-01T07:00:00Z"


def on(group, action_id="act-1", kind="Poll"):
    return Responses(group, action_id, kind, SENT)


def who(details):
    return [person.mobile_number for person in respondents(details)]


# --- actions -----------------------------------------------------------------------------------------------------------------


def test_a_type_that_cannot_be_listed_is_read_by_itself(stage, kaizala, group, no_sweeps):
    kaizala.survey(kind="MyCompany.Check", sent_at=SENT_TEXT)
    kaizala.survey(action_id="act-2", kind="MyCompany.Check", sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(
            on(group, kind="MyCompany.Check"), on(group, "act-2", "MyCompany.Check")
        ) as told:
            await asyncio.sleep(25)
            kaizala.survey(RAVI, kind="MyCompany.Check", sent_at=SENT_TEXT)
            await asyncio.sleep(10)
            return told

    first, second = stage.play(scene)
    assert who(first[-1]) == [RAVI]
    assert who(second[-1]) == []
    assert len(stage.lists) == 1, "it is not asked again for what it does not have"
    assert stage.details == ["act-1", "act-2"] * 4


def test_an_action_that_is_not_in_the_list_is_read_by_itself(stage, kaizala, group, no_sweeps):
    kaizala.poll({}, sent_at=SENT_TEXT)
    kaizala.poll({}, action_id="hidden")

    async def scene():
        async with stage.waits(on(group), on(group, "hidden")) as told:
            await asyncio.sleep(15)
            kaizala.poll({RAVI: "Yes"}, action_id="hidden")
            await asyncio.sleep(10)
            return told

    told = stage.play(scene)
    assert told[0] == []
    assert who(told[1][-1]) == [RAVI]
    assert stage.details == ["hidden"] * 3


def test_a_list_without_counts_tells_nothing(stage, kaizala, group, no_sweeps):
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT, responseCount=None)

    async def scene():
        async with stage.waits(on(group)):
            await asyncio.sleep(25)

    stage.play(scene)
    assert (len(stage.lists), len(stage.details)) == (3, 3)


def test_the_list_begins_with_the_earliest_action(stage, kaizala, group, no_sweeps):
    kaizala.poll({RAVI: "Yes"}, sent_at="2026-02-01T07:00:00Z")
    kaizala.poll({}, action_id="act-2", sent_at=SENT_TEXT)
    early = Responses(group, "act-1", "Poll", SENT - timedelta(days=28))

    async def scene():
        async with stage.waits(on(group, "act-2")):
            await asyncio.sleep(5)
            async with stage.waits(early) as (told,):
                await asyncio.sleep(10)
                return told

    (news,) = stage.play(scene)
    assert who(news) == [RAVI]
    froms = [request.query["fromDate"] for _, request in stage.calls if request.path.endswith("/actions")]
    assert froms == [str(int(SENT.timestamp())), str(int((SENT - timedelta(days=28)).timestamp()))]


def test_a_list_of_many_pages_is_read_to_its_end(stage, kaizala, group, no_sweeps, monkeypatch):
    monkeypatch.setattr("airflow_provider_kaizala.triggers.sources.PAGE", 3)
    for at in range(8):
        kaizala.poll(
            {RAVI: "Yes"} if at == 7 else {}, action_id=f"a{at}", sent_at=f"2026-03-01T07:00:{at:02}Z"
        )

    async def scene():
        async with stage.waits(*(on(group, f"a{at}") for at in range(8))) as told:
            await asyncio.sleep(5)
            return told

    assert [len(each) for each in stage.play(scene)] == [0] * 7 + [1]
    assert stage.details == ["a7"]
    assert len(stage.lists) == 4


def test_a_detail_that_could_not_be_read_is_read_at_the_next_look(stage, kaizala, group, no_sweeps):
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
    failures = [True]

    def answer(request):
        if failures and "/actions/" in request.path:
            return kaizala.error(500, "Internal")
        return kaizala.default(request)

    kaizala.otherwise = answer

    async def scene():
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(5)
            failures.clear()
            await asyncio.sleep(20)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]], "and then it is known"


def test_a_known_action_whose_details_failed_once_is_read_again(stage, kaizala, group, no_sweeps):
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
    failures = []

    def answer(request):
        if failures and "/actions/" in request.path:
            return failures.pop()
        return kaizala.default(request)

    kaizala.otherwise = answer

    async def scene():
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(5)
            failures.extend([kaizala.error(500, "Internal")] * 5)  # the client tries five times
            kaizala.poll({RAVI: "Yes", MEERA: "No"}, sent_at=SENT_TEXT)
            await asyncio.sleep(20)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI], [RAVI, MEERA]]
    assert failures == []


def test_a_job_that_is_listed_as_completed_is_read(stage, kaizala, group, no_sweeps):
    """The count of its responses stays the same."""
    kaizala.job([RAVI], sent_at=SENT_TEXT, responseCount=1, isCompleted=False)

    async def scene():
        async with stage.waits(on(group, kind="Job")) as (told,):
            await asyncio.sleep(5)
            kaizala.job([RAVI], done=[RAVI], sent_at=SENT_TEXT, responseCount=1, isCompleted=True)
            await asyncio.sleep(10)
            return told

    assert [who(news) for news in stage.play(scene)] == [[], [RAVI]]


def test_a_count_that_goes_back_is_news(stage, kaizala, group, no_sweeps):
    """Somebody takes an answer back."""
    kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(5)
            kaizala.poll({}, sent_at=SENT_TEXT)
            await asyncio.sleep(10)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI], []]


# --- looking again at what is known --------------------------------------------------------------------------------------------


def test_an_edited_answer_is_found_though_the_count_stands(stage, kaizala, group):
    kaizala.poll({RAVI: "No"}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(on(group)) as (told,):
            await asyncio.sleep(5)
            kaizala.poll({RAVI: "Yes"}, sent_at=SENT_TEXT)
            await asyncio.sleep(10)
            return told

    told = stage.play(scene)
    assert told[0].responses[0].answers == {"Tea?": "No"}
    assert told[-1].responses[0].answers == {"Tea?": "Yes"}


@pytest.mark.parametrize("count", [0, 1])
def test_a_job_that_is_done_is_found_though_the_count_stands(stage, kaizala, group, count):
    kaizala.job([RAVI], sent_at=SENT_TEXT, responseCount=count)

    async def scene():
        async with stage.waits(on(group, kind="Job")) as (told,):
            await asyncio.sleep(5)
            kaizala.job([RAVI], done=[RAVI], sent_at=SENT_TEXT, responseCount=count)
            await asyncio.sleep(10)
            return told

    assert who(stage.play(scene)[-1]) == [RAVI]


def test_reading_again_takes_a_tenth_of_the_budget_and_each_in_turn(stage, kaizala, group, connect):
    """100 calls a minute, 70 for waits, 7 for looking again: 20 polls within three minutes, and no more than that."""
    connect(extra={"calls_per_minute": 100})
    names = [f"a{at}" for at in range(20)]
    for name in names:
        kaizala.poll({RAVI: "No"}, action_id=name, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(*(on(group, name) for name in names), interval=30):
            await asyncio.sleep(600)

    stage.play(scene)
    again = stage.details[20:]
    assert 60 <= len(again) <= 70
    assert set(again[:20]) == set(names)
    assert set(again[20:40]) == set(names)


def test_polls_of_one_pace_share_that_tenth(stage, kaizala, group, connect):
    """Else the one that always comes first would always have it."""
    others = [f"{digit * 8}-0000-4000-8000-000000000000@1" for digit in "234"]
    connect(extra={"calls_per_minute": 100, "group_refresh_tokens": dict.fromkeys([group, *others], "t")})
    kaizala.poll({RAVI: "No"}, sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(*(on(each) for each in [group, *others]), interval=60):
            await asyncio.sleep(605)

    stage.play(scene)
    looks = {
        each: sum(1 for _, request in stage.calls if f"{each}/actions/act-1" in request.url)
        for each in others
    }
    assert set(looks.values()) == {11}, "one at first, then one for each look"


def test_nothing_is_looked_at_again_while_others_wait_for_their_turn(stage, kaizala, group, connect):
    connect(extra={"calls_per_minute": 10})
    for at in range(40):
        kaizala.poll({RAVI: "No"}, action_id=f"a{at}", sent_at=SENT_TEXT)

    async def scene():
        async with stage.waits(*(on(group, f"a{at}") for at in range(40)), interval=10):
            await asyncio.sleep(400)

    stage.play(scene)
    assert len(set(stage.details[:40])) == 40


# --- reactions ---------------------------------------------------------------------------------------------------------------


def test_one_list_of_changed_reactions_serves_all_waits(stage, kaizala, group):
    subjects = [Reactions(group, f"ref-{at}") for at in range(10)]

    async def scene():
        async with stage.waits(*subjects, Reactions(group, "ref-1", "Comment")) as told:
            await asyncio.sleep(5)
            kaizala.reacts(RAVI, "ref-1")
            kaizala.reacts(RAVI, "ref-elsewhere")
            await asyncio.sleep(10)
            kaizala.reacts(MEERA, "ref-1", comment="fine")
            await asyncio.sleep(20)
            return told

    *likes, comments = stage.play(scene)
    assert [len(each) for each in likes] == [1, 3] + [1] * 8, "once at first, then only what has changed"
    assert [who(news) for news in likes[1]] == [[], [RAVI], [RAVI]]
    assert comments[-1].responses[0].answers == {"Comment": "fine"}
    assert comments[-1].responses[0].responder.mobile_number == MEERA
    summaries = [request.query for _, request in stage.calls if request.path.endswith("/summary")]
    cursors = [int(query["cursor"]) for query in summaries]
    assert cursors == sorted(cursors)
    assert cursors[-1] == kaizala.cursor, "what was read is not read again"


def test_a_page_of_changes_is_kept_though_the_next_one_fails(stage, kaizala, group):
    failing = []

    def answer(request):
        cursor = request.query.get("cursor", "0")
        if failing and request.path.endswith("/summary") and int(cursor) == kaizala.cursor:
            return kaizala.error(500, "Internal")
        return kaizala.default(request)

    kaizala.otherwise = answer

    async def scene():
        async with stage.waits(Reactions(group, "ref-1")) as (told,):
            await asyncio.sleep(5)
            failing.append(True)
            kaizala.reacts(RAVI, "ref-1")
            await asyncio.sleep(10)
            failing.clear()
            await asyncio.sleep(10)
            return told

    assert [who(news) for news in stage.play(scene)] == [[], [RAVI]]


def test_a_reaction_that_could_not_be_read_is_read_at_the_next_look(stage, kaizala, group):
    failures = [True]

    def answer(request):
        if failures and request.path.endswith("/reaction/ref-1"):
            return kaizala.error(500, "Internal")
        return kaizala.default(request)

    kaizala.otherwise = answer
    kaizala.reacts(RAVI)

    async def scene():
        async with stage.waits(Reactions(group, "ref-1")) as (told,):
            await asyncio.sleep(5)
            failures.clear()
            await asyncio.sleep(10)
            return told

    assert [who(news) for news in stage.play(scene)] == [[RAVI]]


def test_a_known_reaction_whose_details_failed_once_is_read_again(stage, kaizala, group):
    failures = []

    def answer(request):
        if failures and request.path.endswith("/reaction/ref-1"):
            return failures.pop()
        return kaizala.default(request)

    kaizala.otherwise = answer

    async def scene():
        async with stage.waits(Reactions(group, "ref-1")) as (told,):
            await asyncio.sleep(5)
            failures.extend([kaizala.error(500, "Internal")] * 5)  # the client tries five times
            kaizala.reacts(RAVI)
            await asyncio.sleep(10)
            assert len(told) == 1
            await asyncio.sleep(10)
            return told

    assert [who(news) for news in stage.play(scene)] == [[], [RAVI]]
    assert failures == []


def test_changed_reactions_outlive_an_unforeseen_error(stage, kaizala, group, logs):
    failures = []

    def answer(request):
        if failures and request.path.endswith("/reaction/ref-1"):
            raise failures.pop()
        return kaizala.default(request)

    kaizala.otherwise = answer

    async def scene():
        async with stage.waits(Reactions(group, "ref-1"), Reactions(group, "ref-2")) as told:
            await asyncio.sleep(5)
            failures.append(ZeroDivisionError("oh"))
            kaizala.reacts(RAVI, "ref-1")
            kaizala.reacts(RAVI, "ref-2")
            await asyncio.sleep(20)
            return told

    for told in stage.play(scene):
        assert who(told[-1]) == [RAVI]
    assert "ZeroDivisionError: oh" in logs.text


# --- new actions and members -------------------------------------------------------------------------------------------------------


def test_one_list_of_new_actions_serves_waits_that_began_at_different_times(stage, kaizala, group):
    early, late = SENT, SENT + timedelta(hours=1, microseconds=5)

    async def scene():
        async with stage.waits(NewActions(group, "Poll", early), NewActions(group, "Poll", late)) as told:
            await asyncio.sleep(5)
            kaizala.poll({}, sent_at="2026-03-01T07:30:00Z")
            kaizala.poll({}, action_id="act-2", sent_at="2026-03-01T08:00:00Z")
            await asyncio.sleep(10)
            return told

    first, second = stage.play(scene)
    assert [each.response_id for each in first[-1].responses] == ["act-1", "act-2"]
    assert [each.response_id for each in second[-1].responses] == ["act-2"]
    assert first[-1].responses[0].answers["referenceId"] == "ref-of-act-1"
    assert len(stage.lists) == 2, "one list for both"


def test_one_list_of_members_serves_waits_that_know_different_people(stage, kaizala, group):
    async def scene():
        async with stage.waits(
            NewMembers(group, (ASHA, RAVI)), NewMembers(group, (ASHA, RAVI, MEERA))
        ) as told:
            await asyncio.sleep(5)
            kaizala.members.append("+910000000004")
            await asyncio.sleep(10)
            return told

    first, second = stage.play(scene)
    assert [who(news) for news in first] == [[MEERA], [MEERA, "+910000000004"]]
    assert [who(news) for news in second] == [[], ["+910000000004"]]
    assert len(stage.moments("/members")) == 2


def test_a_group_that_is_gone_ends_all_its_waits(stage, kaizala, group):
    kaizala.otherwise = lambda request: kaizala.error(404, "NotFound", "no such group")

    async def scene():
        async with stage.waits(NewMembers(group, ()), NewMembers(group, (ASHA,))) as told:
            await asyncio.sleep(5)
            return told

    assert [type(error) for (error,) in stage.play(scene)] == [KaizalaNotFoundError] * 2


def test_ticks_count_from_year_one():
    assert ticks(datetime(1970, 1, 1, tzinfo=UTC)) == 621_355_968_000_000_000
