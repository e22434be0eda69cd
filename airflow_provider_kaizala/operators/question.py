"""What all operators that ask and wait have in common: one question, its reminders, and its end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Audience
from airflow_provider_kaizala.client.tell import tell
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.operators.base import KaizalaPostOperator, PostArguments
from airflow_provider_kaizala.tasks import farewell
from airflow_provider_kaizala.tasks.arguments import is_literal
from airflow_provider_kaizala.tasks.state import TaskState
from airflow_provider_kaizala.tasks.wait_for_people import Until, WaitMixin, literal_rule
from airflow_provider_kaizala.waiting.decision import require_offered
from airflow_provider_kaizala.waiting.people import Eligible, rule_error
from airflow_provider_kaizala.waiting.rules import People, read_rule
from airflow_provider_kaizala.waiting.subjects import Responses
from airflow_provider_kaizala.waiting.wait import Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.waiting.results import ResultDict
    from airflow_provider_kaizala.waiting.rules import Rule

#: seconds that a reply to the group may take, with its repeats
TELLING = 60.0
#: the same while a worker is told to stop: Airflow kills it after 5 s
LAST_WORDS = 4.0
_when_cleared = checks.one_of("resume", "ask_again")


class Asked(Value):
    """The question, as its task remembers it.

    :param at: ISO 8601 time of the post
    :param reminded: number of the last reminder that was sent
    """

    group_id: str
    reference_id: str
    action_id: str
    at: str
    reminded: int = 0


class QuestionArguments(PostArguments, total=False):
    """Arguments of all operators that ask and wait."""

    until: Until | None
    remind_every: float | timedelta | None
    poke_interval: float | timedelta
    when_cleared: str
    tell_group: bool


class KaizalaQuestionOperator(WaitMixin, KaizalaPostOperator):
    """Base of all that ask and wait: asks once, however often the task is tried, and reminds."""

    #: when the wait is over if neither ``until`` nor ``voters`` says so
    default_until: ClassVar[Until] = "all"
    #: the arguments that say when the wait is over
    rule_arguments: ClassVar[Sequence[str]] = ("until", "voters")
    arguments: ClassVar[Mapping[str, Check]] = {"voters": checks.optional(checks.phones)}
    required_if_given: ClassVar[Sequence[str]] = ("until", "voters")
    template_fields: Sequence[str] = ("until",)
    voters: Sequence[str] | None = None

    def __init__(
        self,
        *,
        until: Until | None = None,
        remind_every: float | timedelta | None = None,
        poke_interval: float | timedelta = 60,
        when_cleared: str = "resume",
        tell_group: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        rule = None if until is None else literal_rule(until)
        self.until = until if rule is None else rule.to_wire()
        self.remind_every = checks.optional(checks.seconds)("remind_every", remind_every)
        self.poke_interval = checks.seconds("poke_interval", poke_interval)
        self.when_cleared = _when_cleared("when_cleared", when_cleared)
        self.tell_group = checks.flag("tell_group", tell_group)
        self._asked: Asked | None = None
        self._stop: Callable[[], None] | None = None
        self._is_over = False
        self._is_taken_up = False

    def check_arguments(self) -> None:
        """Check the arguments that are known when the DAG is parsed."""
        super().check_arguments()
        if all(is_literal(getattr(self, name)) for name in self.rule_arguments):
            self.check_rule(self.rule())

    def rule(self) -> Rule:
        """Return when the wait is over.

        :raises KaizalaInputError: if that is not a rule
        """
        until, voters = self.resolved("until"), self.checked("voters")
        if until is None:
            return People(voters) if voters else read_rule(self.default_until)
        rule = read_rule(until)
        return rule.asked(voters) if voters else rule

    def check_rule(self, rule: Rule) -> None:
        """Refuse a rule that this question can never meet, as far as its arguments are known.

        :raises KaizalaInputError: says why
        """
        offered = self.offered()
        try:
            if offered is not None:
                require_offered(rule, offered)
            if self.voters is not None and is_literal(self.voters):
                rule.within(Eligible(dict.fromkeys(self.checked("voters")), described="voters"))
        except KaizalaInputError as error:
            raise KaizalaInputError(rule_error(error, self.rule_argument)) from None

    @property
    def rule_argument(self) -> str:
        """The argument that the rule comes from."""
        return "voters" if self.until is None and self.voters else "until"

    def offered(self) -> Sequence[str] | None:
        """Return the options that people can choose, None if they are not known yet."""
        return None

    # --- asking ----------------------------------------------------------------------------------------------------------

    def ask(self, context: Context) -> Asked:
        """Return the question, which this try or an earlier one has posted.

        :raises AirflowFailException: if Kaizala does not say what to wait for
        """
        state = TaskState(context)
        before = state.get_ever("posted")
        is_cleared = before is not None and state.get("posted") is None
        if is_cleared and self.when_cleared == "ask_again":
            self.tell(Asked(**before), farewell.ASKED_AGAIN, state)
        self._is_taken_up = is_cleared and self.when_cleared == "resume"
        outcome = self.post(context, across_clearing=self.when_cleared == "resume")
        if outcome["action_id"] is None:
            raise AirflowFailException(
                f"posted to group {outcome['group_id']} as {outcome['reference_id']}, but Kaizala returned no action id to wait for"
            )
        return Asked(**outcome)

    def begin(self, state: TaskState, asked: Asked, rule: Rule, end: datetime | None) -> Wait:
        """Return the wait for the answers: the one that an earlier try has left, or a new one."""
        kept = state.get("wait")
        if kept is not None:
            self._has_looked = True
            return Wait.from_wire(kept)
        subscribers = checks.optional(checks.phones)("subscribers", self.subscribers)
        return Wait(
            subject=Responses(asked.group_id, asked.action_id),
            rule=rule.asked(subscribers) if subscribers else rule,  # no one else of the hub group sees it
            deadline=end,
            interval=self.poke_interval,
            voters=self.checked("voters"),
        )

    # --- waiting ---------------------------------------------------------------------------------------------------------

    def look(self, wait: Wait, context: Context) -> tuple[Wait, bool, Any]:
        """Look once; see :meth:`WaitMixin.look`."""
        wait, over, value = super().look(wait, context)
        if not over:
            self.say_open_again(wait, context)
        return wait, over, value

    def say_open_again(self, wait: Wait, context: Context) -> None:
        """Tell the group that answers count, if the task was cleared and the first look has found the question open."""
        seen = self._last.progress if self._last is not None else None
        is_open = not (seen and seen.over) and (wait.closes_at is None or Wait.now() < wait.closes_at)
        if self._is_taken_up and is_open and self._asked is not None:
            self.tell(self._asked, farewell.OPEN_AGAIN, TaskState(context))
        self._is_taken_up = False

    def kept_wait(self, context: Context) -> Wait | None:
        """Return the wait for the answers; before Airflow 3.3 it is not kept."""
        state = TaskState(context)
        kept, posted = state.get("wait"), state.get_ever("posted")
        if kept is None or posted is None:
            return None
        self._asked = Asked(**posted)
        return Wait.from_wire(kept)

    def carried(self) -> dict[str, Any]:
        """Return what the deferred task, and its trigger, need beside the wait, plain."""
        if self._asked is None:
            return {}
        carried: dict[str, Any] = {"asked": asdict(self._asked)}
        if self.tell_group:
            reply = self._reply_to(self._asked)
            chosen = list(reply.subscribers) if reply.subscribers else None
            carried["farewell"] = {
                "group_id": self._asked.group_id,
                "text": farewell.STOPPED,
                "audience": {**asdict(reply), "subscribers": chosen},
            }
        return carried

    def take_up(self, carried: Mapping[str, Any], context: Context) -> None:
        """Take up what was carried."""
        self._asked = Asked(**carried["asked"])

    def finish(self, result: ResultDict, context: Context) -> Any:
        """Return the result, and the reference of the question."""
        self._is_over = True
        return {**result, "reference_id": self._asked.reference_id if self._asked else None}

    # --- ending ----------------------------------------------------------------------------------------------------------

    def execute(self, context: Context) -> Any:
        """Ask and wait; if that fails for good, tell the group."""
        with self._ending(context):
            return super().execute(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after a deferral; if that fails for good, tell the group."""
        with self._ending(context):
            return super().resume_execution(next_method, next_kwargs, context)

    @contextmanager
    def _ending(self, context: Context) -> Iterator[None]:
        self._stop = partial(self._stopped, context)
        try:
            yield
        except (Exception, AirflowTaskTimeout) as error:
            if not self._is_over and farewell.ends_question(error, context, TaskState(context)):
                late = isinstance(error, AirflowTaskTimeout)
                self.say_farewell(farewell.TIME_IS_UP if late else farewell.FAILED, context)
            self._is_over = True  # Airflow calls on_kill() after execution_timeout too
            raise
        self._is_over = True

    def out_of_time(self, wait: Wait | None, context: Context) -> Any:
        """End a wait whose time is up, as ``on_timeout`` says, and tell the group."""
        self.say_farewell(farewell.TIME_IS_UP, context)
        return super().out_of_time(wait, context)

    def on_kill(self) -> None:
        """Tell the group that the task was stopped, unless another try will continue with the question.

        Airflow calls this in the midst of whatever the task does, and kills the process 5 s later. So all happens in a thread, which
        can wait for a lock that the task holds.
        """
        if self._is_over or self._stop is None:
            return
        thread = Thread(target=self._stop, daemon=True)
        thread.start()
        thread.join(LAST_WORDS)

    def _stopped(self, context: Context) -> None:
        try:
            if farewell.kill_ends_question(context, TaskState(context)):
                self.say_farewell(farewell.STOPPED, context, LAST_WORDS)
        except Exception as error:  # noqa: BLE001
            self.log.warning("It is unknown whether another try continues with the question: %s", error)

    def say_farewell(self, text: str, context: Context, seconds: float = TELLING) -> None:
        """Tell the group that nobody waits any more, if the task has asked."""
        self._is_over = True
        state = TaskState(context)
        kept = state.get_ever("posted") if self.when_cleared == "resume" else state.get("posted")
        asked = self._asked or (Asked(**kept) if kept else None)
        if asked is not None:
            self.tell(asked, text, state, seconds)

    def tell(self, asked: Asked, text: str, state: TaskState, seconds: float = TELLING) -> None:
        """Reply to the question, once, if ``tell_group`` is set. Nothing that goes wrong here fails the task.

        :param seconds: how long this may take, with its repeats
        """
        said = [asked.reference_id, text]
        if not self.tell_group or state.get("replied") == said:
            return
        try:
            state.set("replied", said)
            hook = KaizalaHook(self.kaizala_conn_id)
            try:
                with hook.within(seconds):
                    hook.read(tell(asked.group_id, text, self._reply_to(asked)))
            finally:
                hook.close()
        except Exception as error:  # noqa: BLE001  it is decided; nothing here may undo that
            self.log.warning("The reply to the group may not have been posted: %s", error)
        else:
            self.log.info("Replied to the group: %s", text)

    def _reply_to(self, asked: Asked) -> Audience:
        """Return the audience of a reply: those who were asked."""
        return Audience(**{**self.given(Audience), "reply_to_reference_id": asked.reference_id})

    # --- reminding -------------------------------------------------------------------------------------------------------

    def _slot(self, now: datetime) -> int:
        """Return the number of the reminder interval that *now* is in; 0 before the first reminder."""
        if self._asked is None or not self.remind_every:
            return 0
        return int((now - datetime.fromisoformat(self._asked.at)).total_seconds() // self.remind_every)

    def next_waking(self, wait: Wait) -> datetime | None:
        """Return when to remind next; None for never, and if no look would follow before the wait ends."""
        if self._asked is None or not self.remind_every:
            return None
        slot = max(self._asked.reminded, self._slot(Wait.now()) - 1) + 1
        moment = datetime.fromisoformat(self._asked.at) + timedelta(seconds=slot * self.remind_every)
        ends_at = wait.ends_at
        return moment if ends_at is None or moment + timedelta(seconds=wait.interval) < ends_at else None

    def wake(self, wait: Wait, context: Context) -> None:
        """Send the reminder of this interval, once: it is noted before it is sent, and a lost one is not sent again."""
        if self._asked is None:
            return
        state = TaskState(context)
        slot = self._slot(Wait.now())
        done = max(self._asked.reminded, int(state.get("reminded") or 0))
        self._asked = replace(self._asked, reminded=max(done, slot))
        if slot <= done:
            return
        state.set("reminded", slot)
        audience = replace(self._reply_to(self._asked), reply_to_reference_id=None)
        try:
            with self.hook.within(wait.seconds_left()):
                self.hook.run(calls.send_reminder(self._asked.group_id, self._asked.action_id, audience))
        except KaizalaError as error:
            self.log.warning("Reminder %d may not have been sent: %s", slot, error)
        else:
            self.log.info("Sent reminder %d to group %s", slot, self._asked.group_id)
