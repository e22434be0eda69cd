"""``airflow-kaizala ask``: post a poll, and wait until it is decided."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.cli.account import Account, read_duration
from airflow_provider_kaizala.cli.exit_codes import DONE, UNDECIDED
from airflow_provider_kaizala.cli.live import Progress
from airflow_provider_kaizala.cli.output import note, pause, show, show_one, working
from airflow_provider_kaizala.cli.posted import saying_what_was_posted
from airflow_provider_kaizala.client.calls.posting import post_action
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaGrantError, KaizalaInputError
from airflow_provider_kaizala.client.models import ActionDetails, Audience, Poll, checks
from airflow_provider_kaizala.client.tell import tell
from airflow_provider_kaizala.waiting.decision import require_offered
from airflow_provider_kaizala.waiting.people import rule_error
from airflow_provider_kaizala.waiting.rules import People, Quorum, read_rule
from airflow_provider_kaizala.waiting.subjects import Responses
from airflow_provider_kaizala.waiting.wait import LAST_LOOK, Wait

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from airflow_provider_kaizala.client.models import Posted
    from airflow_provider_kaizala.waiting.rules import Rule
    from airflow_provider_kaizala.waiting.wait import Update

#: what the group reads, as a reply to the question, when nobody waits any longer
TIME_IS_UP = "Time is up. Answers no longer count."
STOPPED = "This was stopped. Answers no longer count."


def ask(args: argparse.Namespace) -> int:
    """Post a poll, show the votes, and print the result."""
    account = Account.of(args)
    timeout = read_duration("--timeout", args.timeout)
    interval = read_duration("--interval", args.interval).total_seconds()
    poll = Poll(args.question, args.options, timeout)
    audience = Audience(args.subscriber, args.all_subscribers)
    with _until_as_option(args):
        rule = _rule(args)
        require_offered(rule, poll.options)
    voters = checks.optional(checks.phones)("--voter", args.voter)
    group_id = account.group_id(args.group)
    if audience.subscribers:
        rule = rule.asked(audience.subscribers)  # no one else of the hub group sees it
    wait = Wait(Responses(group_id, "new", Poll.action_type), rule, None, interval, voters)
    with _until_as_option(args), working("reading who can answer"):
        # compared before it is posted: nobody is asked a question that can never be decided
        wait, _ = account.hook.read(wait.settle(_nothing(poll)))
    try:
        posted = account.hook.run(post_action(group_id, poll, audience))
    except KeyboardInterrupt:
        note("the poll may have been posted; look into the group before you ask again")
        raise
    farewell: str | None = STOPPED
    try:
        if posted.action_id is None:
            raise KaizalaError(
                f"posted as {posted.reference_id}, but Kaizala returned no action id to wait for"
            )
        subject = Responses(group_id, posted.action_id, Poll.action_type)
        wait = replace(wait, subject=subject, deadline=Wait.now() + timeout)
        with saying_what_was_posted("the poll", posted.reference_id):
            update = _follow(account, wait, poll.question)
            over = update is not None and update.progress is not None and update.progress.over
            farewell = None if over else TIME_IS_UP
            return _finish(args, update, posted)
    except (KaizalaInputError, KaizalaGrantError) as error:
        raise KaizalaError(str(error)) from error  # their exit code would say that nothing was posted
    finally:
        if farewell is not None and not args.no_tell_group:
            reply = replace(audience, reply_to_reference_id=posted.reference_id)
            _tell(account, group_id, farewell, reply)


@contextmanager
def _until_as_option(args: argparse.Namespace) -> Iterator[None]:
    """Let errors about the argument ``until`` of tasks name the option that was given."""
    try:
        yield
    except KaizalaInputError as error:
        option = "--quorum" if args.quorum else "--voter" if args.voter and args.until is None else "--until"
        raise KaizalaInputError(rule_error(error, option)) from None


def _rule(args: argparse.Namespace) -> Rule:
    """Return when the poll is decided."""
    if args.quorum and args.until:
        raise KaizalaInputError("give either --until or --quorum, not both")
    people = checks.optional(checks.phones)("--voter", args.voter)
    if args.quorum:
        if len(args.quorum) > 1:
            given = ", ".join(f"{option!r} {count}" for option, count in args.quorum)
            raise KaizalaInputError(
                f"--quorum can be given once, not as {given}; for several, give a rule as JSON to --until"
            )
        ((option, count),) = args.quorum
        return Quorum(option, count, people)
    if args.until is None:
        return People(people) if people else read_rule("all")
    rule = read_rule(_read_until(args.until))
    return rule.asked(people) if people else rule


def _read_until(text: str) -> Any:
    if text.lstrip().startswith(("{", "[")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise KaizalaInputError(f"--until: {text[:100]!r} is not JSON: {error}") from None
    if text.lstrip().startswith("+"):
        return [each.strip() for each in text.split(",")]
    return text


def _nothing(poll: Poll) -> ActionDetails:
    """Return the poll as it is before anybody has answered."""
    return ActionDetails(
        Poll.action_type,
        None,
        poll.question,
        None,
        None,
        0,
        assignees=(),
        responses=(),
        options={poll.question: tuple(poll.options)},
    )


def _follow(account: Account, wait: Wait, question: str) -> Update | None:
    """Look until it is decided or time is up; return the last look, None if none succeeded.

    :raises KaizalaError: for errors that waiting cannot fix
    """
    last: Update | None = None
    with Progress(question, wait) as progress:
        while True:
            left = wait.seconds_left()
            try:
                with account.hook.within(left or LAST_LOOK):
                    last = wait.update(account.hook.read(wait.subject.reading()), last)
            except KaizalaError as error:
                if not error.is_transient:
                    raise
                progress.show_trouble(str(error))
            else:
                progress.show(last)
                if last.progress is not None and last.progress.over:
                    return last
            if not left:
                return last
            pause(min(wait.interval, wait.seconds_left() or 0))


def _finish(args: argparse.Namespace, update: Update | None, posted: Posted) -> int:
    """Print the result; return the exit code."""
    if update is None or update.progress is None:
        note("time is up, and Kaizala could not be read")
        return UNDECIDED
    result = update.result
    if args.output in ("json", "yaml"):
        show_one({**result, "reference_id": posted.reference_id}, args.output, {})
    else:
        chosen_by = result["chosen_by"]
        rows = [
            {"option": option, "votes": count, "people": chosen_by.get(option, [])}
            for option, count in result["tally"].items()
        ]
        show(
            rows, args.output, {"option": "OPTION", "votes": "VOTES", "people": "PEOPLE"}, "nobody has voted"
        )
    if update.progress.met:
        note(f"decided: {update.text}")
        return DONE
    why = "the rule can no longer be met" if update.progress.hopeless else "time is up"
    note(f"not decided, {why}: {update.text}")
    return UNDECIDED


def _tell(account: Account, group_id: str, text: str, audience: Audience) -> None:
    """Tell the group that nobody waits any longer, as tasks do: Kaizala cannot close a poll."""
    with suppress(OSError):  # the program that reads the output, or the terminal, is gone
        try:
            with account.hook.within(LAST_LOOK), working("telling the group"):
                account.hook.read(tell(group_id, text, audience))
        except KaizalaError as error:
            note(f"warning: the group could not be told that nobody waits any longer: {error}")
        else:
            note("the group was told that nobody waits any longer")
