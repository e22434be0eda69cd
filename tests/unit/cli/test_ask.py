"""``ask``: what is posted, when it is decided, and what the group is told if it is not."""

from __future__ import annotations

import errno
import io
import json
import re

import pytest

from airflow_provider_kaizala.cli import live, output
from airflow_provider_kaizala.client.errors import (
    KaizalaGrantError,
    KaizalaInputError,
    KaizalaUnreachableError,
)
from airflow_provider_kaizala.waiting.wait import Wait


@pytest.fixture
def vote(kaizala, monkeypatch):
    """Let people vote at the n-th pause: ``vote({number: "Yes"}, {})``; time passes by a minute with each."""
    rounds = []
    clock = [Wait.now()]

    def put(*votes, **poll):
        default = kaizala.default

        def answer(request):
            if request.method == "POST" and request.path.endswith("/actions"):
                kaizala.poll(action_id="act-1", title="Tea?", **poll)
                return 200, {"referenceId": "ref-1", "actionId": "act-1"}
            return default(request)

        kaizala.otherwise = answer
        rounds.extend(votes)

    def pause(seconds):
        if not rounds:
            raise AssertionError("it waits for more than was put")
        from datetime import timedelta

        clock[0] += timedelta(minutes=1)
        found = rounds.pop(0)
        if callable(found):
            found()
        else:
            kaizala.poll(found, action_id="act-1", title="Tea?")

    monkeypatch.setattr("airflow_provider_kaizala.cli.ask.pause", pause)
    monkeypatch.setattr(Wait, "now", staticmethod(lambda: clock[0]))
    return put


def questions(kaizala):
    return [post for post in kaizala.posts if post.path.endswith("/actions")]


def told(kaizala):
    return [post.json for post in kaizala.posts if post.path.endswith("/messages")]


ASK = ("ask", "Tea?", "Yes", "No")


def test_it_is_decided_when_all_have_voted(command, kaizala, vote, people):
    _, ravi, meera = people
    vote({ravi: "Yes"}, {ravi: "Yes", meera: "Yes"})
    code, out, err = command(*ASK)
    assert code == 0
    (post,) = questions(kaizala)
    assert post.json["actionType"] == "Poll"
    assert post.json["actionBody"] == {
        "question": "Tea?",
        "choices": [{"title": "Yes"}, {"title": "No"}],
        "expiryInHours": 1,
    }
    assert out.splitlines() == ["OPTION  VOTES  PEOPLE", "Yes     2      Name of 2, Name of 3", "No      0"]
    assert err.splitlines() == [
        "0 of 2 answered; missing: Name of 2, Name of 3",
        "1 of 2 answered (Name of 2); missing: Name of 3",
        "2 of 2 answered (Name of 2, Name of 3)",
        "decided: 2 of 2 answered (Name of 2, Name of 3)",
    ]
    assert told(kaizala) == []


def test_the_result_as_json_is_what_a_task_returns(command, vote, people):
    vote({people[1]: "Yes"})
    code, out, _ = command(*ASK, "--until", "any", "--output", "json")
    result = json.loads(out)
    assert code == 0
    assert (result["winner"], result["tally"], result["action_id"], result["reference_id"]) == (
        "Yes", {"Yes": 1, "No": 0}, "act-1", "ref-1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "votes", "code"),
    [
        (("--until", "2"), {1: "Yes", 2: "No"}, 0),
        (("--until", "+910000000002,+910000000003"), {1: "Yes", 2: "No"}, 0),
        (("--until", '{"kind": "at_least", "count": 2}'), {1: "Yes", 2: "No"}, 0),
        (("--quorum", "yes", "2"), {1: "Yes", 2: "Yes"}, 0),
        (("--voter", "+910000000003"), {2: "No"}, 0),
        (("--voter", "+910000000002", "--voter", "+910000000003", "--quorum", "Yes", "2"), {2: "No"}, 4),
    ],
)
def test_rules(command, vote, people, words, votes, code):
    vote({people[at]: choice for at, choice in votes.items()})
    found, _, err = command(*ASK, *words)
    assert found == code
    assert ("decided: " in err.splitlines()[-1]) is (code == 0)


def test_a_rule_that_can_no_longer_be_met_ends_it_undecided(command, kaizala, vote, people):
    vote({people[1]: "No"})
    voters = [word for number in people[1:] for word in ("--voter", number)]
    code, out, err = command(*ASK, *voters, "--quorum", "Yes", "2")
    assert code == 4
    assert "not decided, the rule can no longer be met: 0 of 2 for 'Yes', 1 for something else" in err
    assert out.splitlines()[2].split() == ["No", "1", "Name", "of", "2"]
    assert told(kaizala) == []


def test_a_quorum_without_voters_waits_until_time_is_up(command, vote, people):
    votes = dict.fromkeys(people, "No")
    vote(votes, votes)
    code, _, err = command(*ASK, "--quorum", "Yes", "2", "--timeout", "90s")
    assert code == 4
    assert "not decided, time is up: 0 of 2 for 'Yes', 3 for something else" in err


def test_time_is_up(command, kaizala, vote, people):
    vote({people[1]: "Yes"}, {people[1]: "Yes"})
    code, out, err = command(*ASK, "--timeout", "90s")
    assert code == 4
    assert "not decided, time is up: 1 of 2 answered (Name of 2); missing: Name of 3" in err
    assert "the group was told that nobody waits any longer" in err
    assert told(kaizala) == [
        {"message": "Time is up. Answers no longer count.", "replyToReferenceId": "ref-1"}
    ]
    assert out.splitlines()[1].split() == ["Yes", "1", "Name", "of", "2"]


def test_the_group_is_not_told_if_the_poll_stays_open(command, kaizala, vote):
    vote({}, {})
    code, _, err = command(*ASK, "--timeout", "90s", "--no-tell-group")
    assert code == 4
    assert "told" not in err
    assert told(kaizala) == []


def interrupt():
    raise KeyboardInterrupt


def test_ctrl_c_tells_the_group(command, kaizala, vote):
    vote({}, interrupt)
    code, out, err = command(*ASK)
    assert (code, out) == (130, "")
    assert err.splitlines()[-2:] == ["the group was told that nobody waits any longer", "error: interrupted"]
    assert [each["message"] for each in told(kaizala)] == ["This was stopped. Answers no longer count."]


def test_ctrl_c_during_the_post_says_that_it_may_have_been_posted(command, kaizala):
    kaizala.otherwise = lambda request: interrupt() if request.method == "POST" else kaizala.default(request)
    code, out, err = command(*ASK)
    assert (code, out) == (130, "")
    assert err.splitlines() == [
        "the poll may have been posted; look into the group before you ask again",
        "error: interrupted",
    ]


def test_a_post_without_an_action_id_tells_the_group_that_nobody_waits(command, kaizala):
    default = kaizala.default
    kaizala.otherwise = lambda request: (
        (200, {"referenceId": "ref-1"}) if request.path.endswith("/actions") else default(request)
    )
    code, _, err = command(*ASK)
    assert code == 1
    assert "error: posted as ref-1, but Kaizala returned no action id to wait for" in err
    assert [each["replyToReferenceId"] for each in told(kaizala)] == ["ref-1"]


def test_a_group_that_cannot_be_told_is_a_warning(command, kaizala, vote):
    def interrupt_and_refuse():
        kaizala.script = [kaizala.error(403)] * 2
        raise KeyboardInterrupt

    vote(interrupt_and_refuse)
    code, _, err = command(*ASK)
    assert code == 130
    assert "warning: the group could not be told that nobody waits any longer: sendMessage failed" in err


def test_a_reader_that_has_ended_ends_it_without_an_error_and_tells_the_group(command, kaizala, vote):
    def close():
        raise BrokenPipeError

    vote(close)
    code, out, _ = command(*ASK)
    assert (code, out) == (141, "")
    assert len(told(kaizala)) == 1


def test_a_poll_whose_result_cannot_be_written_is_reported_as_sent(command, vote, people, monkeypatch):
    def full(text):
        raise OSError(errno.ENOSPC, "No space left on device")

    _, ravi, meera = people
    vote({ravi: "Yes", meera: "Yes"})
    monkeypatch.setattr(output, "say", full)
    code, _, err = command(*ASK)
    assert code == 5
    assert err.endswith(
        "error: the poll was sent (reference id ref-1), but the output cannot be written: No space left on device; do not send it again\n"
    )


def test_kaizala_may_be_away_for_a_while(command, kaizala, vote, people):
    def go_away():
        kaizala.script = [ConnectionRefusedError("away")] * 4

    vote(go_away, lambda: None, {people[1]: "Yes", people[2]: "No"})
    code, _, err = command(*ASK)
    assert code == 0
    assert len([line for line in err.splitlines() if line.startswith("warning: ")]) == 1


def test_a_poll_that_is_deleted_ends_it(command, kaizala, vote):
    vote(kaizala.actions.clear)
    code, _, err = command(*ASK)
    assert code == 1
    assert "error: getAction failed" in err


@pytest.mark.parametrize("error", [KaizalaInputError("wrong"), KaizalaGrantError("no token")], ids=repr)
def test_no_error_after_the_post_has_the_exit_code_of_a_command_that_posted_nothing(
    command, kaizala, vote, error
):
    def fail():
        raise error

    vote(fail)
    code, _, err = command(*ASK)
    assert (code, err.splitlines()[-1]) == (1, f"error: {error}")
    assert len(told(kaizala)) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ask", "Tea?", "Yes"), "options"),
        (("ask", "", "Yes", "No"), "question"),
        ((*ASK, "--until", "never"), "error: --until: 'never' is not a rule"),
        ((*ASK, "--until", "{"), "--until: '{' is not JSON"),
        ((*ASK, "--until", "0"), "error: --until: count"),
        ((*ASK, "--until", "any", "--quorum", "Yes", "1"), "give either --until or --quorum, not both"),
        (
            (*ASK, "--quorum", "Perhaps", "1"),
            "error: --quorum: option 'Perhaps' is not offered; the options are 'Yes', 'No'",
        ),
        ((*ASK, "--quorum", "Yes", "many"), "error: --quorum: count"),
        (
            (*ASK, "--quorum", "Yes", "2", "--quorum", "No", "1"),
            "error: --quorum can be given once, not as 'Yes' 2, 'No' 1;",
        ),
        ((*ASK, "--voter", "12"), "--voter"),
        ((*ASK, "--timeout", "soon"), "--timeout: 'soon' is not a time"),
        ((*ASK, "--interval", "0s"), "--interval: '0s' is not a time"),
        (
            (*ASK, "--until", "9"),
            "error: --until: cannot wait for 9 people; number of members of the group: 3",
        ),
        (
            (*ASK, "--voter", "+919999999999"),
            "error: --voter: +919999999999 cannot answer: not among the members of the group",
        ),
        ((*ASK, "--until", "+919999999999"), "error: --until: +919999999999 cannot answer"),
    ],
)
def test_what_can_never_be_decided_is_not_asked(command, kaizala, vote, words, says):
    vote()
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert questions(kaizala) == []


def test_a_post_of_unknown_outcome_is_not_repeated(command, kaizala):
    kaizala.otherwise = lambda request: (502, {}) if request.method == "POST" else kaizala.default(request)
    code, _, err = command(*ASK)
    assert code == 5
    assert "It may have been carried out" in err
    assert len(questions(kaizala)) == 1


# --- on a terminal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_shows_bars_that_fit(kaizala, vote, monkeypatch, columns, people):
    from rich.console import Console

    from airflow_provider_kaizala.waiting.rules import Quorum
    from airflow_provider_kaizala.waiting.subjects import Responses

    vote()
    screen = Console(file=io.StringIO(), width=columns, force_terminal=True)
    monkeypatch.setattr(live, "console", lambda err: screen)
    monkeypatch.setattr(live, "is_terminal", lambda stream: True)
    options = ("Yes, and \x1b[31mat once", "No")
    kaizala.poll(
        {people[1]: options[0]}, options=options, title="Shall we open the store at half past eight?"
    )
    from airflow_provider_kaizala.hooks.kaizala import KaizalaHook

    details = KaizalaHook().get_action("act-1")
    wait = Wait(Responses("g", "act-1"), Quorum(options[0], 2), Wait.now(), 5)
    progress = live.Progress(details.title, wait)
    for change in (
        lambda: None,
        lambda: progress.show_trouble("no connection"),
        lambda: progress.show(wait.update(details)),
        lambda: progress.show_trouble("no connection"),
    ):
        change()
        screen.print(progress.render())
    text = re.sub("\x1b\\[[0-9;]*m", "", screen.file.getvalue())
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= columns
    assert "waiting for the first answer" in text
    assert "no connection; trying again" in " ".join(text.split())
    assert re.search(r"decided +\S+ 1/2", text)
    assert "0:00 left" in text
    assert output.is_terminal is not live.is_terminal


def test_what_cannot_be_read_is_said_once_where_there_is_no_terminal(vote, capsys):
    from airflow_provider_kaizala.waiting.rules import AnyAnswer
    from airflow_provider_kaizala.waiting.subjects import Responses

    with live.Progress("Tea?", Wait(Responses("g", "a"), AnyAnswer(), None, 5)) as progress:
        for _ in range(3):
            progress.show_trouble(str(KaizalaUnreachableError("away")))
    assert capsys.readouterr().err == "warning: away; trying again\n"


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_terminal_that_cannot_draw_bars_gets_lines(kaizala, monkeypatch, capsys, people, term):
    from rich.console import Console

    from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
    from airflow_provider_kaizala.waiting.rules import Quorum
    from airflow_provider_kaizala.waiting.subjects import Responses

    screen = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": term})
    monkeypatch.setattr(live, "console", lambda err: screen)
    monkeypatch.setattr(live, "is_terminal", lambda stream: True)
    kaizala.poll({people[1]: "Yes"})
    wait = Wait(Responses("g", "act-1"), Quorum("Yes", 2), None, 5)
    with live.Progress("Tea?", wait) as progress:
        progress.show(wait.update(KaizalaHook().get_action("act-1")))
    lines = "1 of 2 for 'Yes', 0 for something else\n"
    assert capsys.readouterr().err == (lines if term == "dumb" else "")
    assert (screen.file.getvalue() == "") is (term == "dumb")
