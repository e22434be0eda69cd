"""People who answer by script: "Ravi answers Yes, after the task has looked twice".

A script waits in the background for a post that it can act on: of the right kind (a vote needs a poll or a meeting) and, if a title
is given, with this title. Each script of a person takes a different post: two votes are for two polls. ``then`` acts on the same
post again::

    kaizala_people.ravi.votes("No").then("Yes", after_polls=2)     # changes his mind
    kaizala_people.meera.answers({"Is it open?": "Yes", "How many?": 3}, title="Opening check")
    kaizala_people.asha.completes(after_polls=1)

In ``after_polls``, a poll is one reading of the post by the task that waits: of the action itself, or of a list that contains it.

Answers may be text, numbers, a ``date`` or ``datetime`` with a timezone, a :class:`~airflow_provider_kaizala.testing.answers.Place`, the
``Path`` of a file, or a list of these. What a person cannot do, such as choosing an option that the poll does not have, fails the
test at once. A script that never acted fails it at its end, unless it is written with ``optional=True``.
"""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from airflow_provider_kaizala.testing.answers import check_answer, plain_answer
from airflow_provider_kaizala.testing.wire import Call, KaizalaServerError

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.server import KaizalaServer

_POSTING = ("postAction", "sendMessage")
_READING = ("getAction", "listActions", "getReactions", "getReactionSummary", "getGroupReactionSummary")
_WAIT = 3
#: seconds after which a test that goes on, since Airflow has failed only its task, is interrupted again
_INTERRUPT_AGAIN = 2.0
#: what a verb acts on; None for everything people post
_KINDS: dict[str, tuple[str, ...] | None] = {
    "votes": ("poll", "letsMeet"),
    "answers": ("survey", "package"),
    "completes": ("job",),
    "likes": None,
    "comments": None,
}
_SENT_BY_THE_SYSTEM = ("reminder", "memberAdded", "memberRemoved")
Item = Mapping[str, Any]


@dataclass
class _Act:
    value: Any
    after_polls: int


@dataclass
class _Course:
    """The progress of a script with one post."""

    item: Item
    done: int = 0
    polls_before: int = 0
    response_id: str | None = None


@dataclass
class Script:
    """What a person does once there is a post to act on."""

    person: Person
    verb: str
    title: str | None
    group_id: str | None
    times: int | None
    optional: bool
    _acts: list[_Act]
    _courses: list[_Course] = field(default_factory=list)
    failed: bool = False

    def then(self, value: Any = True, *, after_polls: int = 0) -> Script:
        """Act on the same post once more: vote again, edit an answer. Its polls are counted from the previous act on."""
        self.person.check(self.verb, value)
        with self.person.crew.lock:
            self._acts.append(_Act(value, after_polls))
        self.person.crew.wake()
        return self

    @property
    def is_done(self) -> bool:
        """Whether the script has finished with as many posts as ``times`` says, or has failed."""
        if self.failed:
            return True
        finished = [course for course in self._courses if course.done == len(self._acts)]
        return self.times is not None and len(finished) >= self.times

    @property
    def has_acted(self) -> bool:
        """Whether the person has done anything of it."""
        return any(course.done for course in self._courses)

    def __str__(self) -> str:
        whom = f" {self.title!r}" if self.title else ""
        what = "" if self.verb in ("likes", "completes") else f" {self._acts[0].value!r}"
        stands = "nothing like it was posted" if not self._courses else "the polls have not come"
        return f"{self.person.name} {self.verb}{what}{f' on{whom}' if whom else ''}: {stands}"

    # --- in the background -------------------------------------------------------------------------------------------------

    def take(self, items: Sequence[Item], taken: set[str]) -> None:
        """Take posts that match and that no other script of this person has taken."""
        for item in items:
            if self.times is not None and len(self._courses) >= self.times:
                return
            if item["referenceId"] not in taken and self._fits(item):
                taken.add(item["referenceId"])
                self._courses.append(_Course(item))

    def _fits(self, item: Item) -> bool:
        kinds = _KINDS[self.verb]
        if item["kind"] in _SENT_BY_THE_SYSTEM or (kinds is not None and item["kind"] not in kinds):
            return False
        if self.verb == "completes" and item["myAnswer"] is None:
            return False  # assigned to others
        if self.title is not None and self.title not in (item["title"], item["text"]):
            return False
        return self.group_id in (None, item["groupId"])

    def go_on(self, reads: Sequence[Mapping[str, Any]]) -> None:
        """Do what is due after these readings."""
        for course in self._courses:
            while course.done < len(self._acts):
                act = self._acts[course.done]
                polls = sum(1 for entry in reads if _is_poll(entry, course.item))
                if polls < course.polls_before + act.after_polls:
                    break
                self._act(course, act.value)
                course.done += 1
                course.polls_before = polls

    def _act(self, course: _Course, value: Any) -> None:
        item, post = course.item, self.person.post
        match self.verb:
            case "votes":
                post(f"/actions/{item['actionId']}/votes", {"choice": value})
            case "answers":
                answers = [plain_answer(each, self.person.crew.server) for each in _in_order(item, value)]
                body = {"answers": answers, "responseId": course.response_id}
                course.response_id = post(f"/actions/{item['actionId']}/responses", body)["responseId"]
            case "completes":
                post(f"/actions/{item['actionId']}/completion", {"isCompleted": bool(value)})
            case "likes":
                post(f"/references/{item['referenceId']}/likes", {})
            case _:
                post(f"/references/{item['referenceId']}/comments", {"text": value})


def _in_order(item: Item, answers: Any) -> list[Any]:
    """Return answers by position; if they are given by question, those left out are None."""
    if not isinstance(answers, Mapping):
        return list(answers)
    titles = [question["title"] for question in item["questions"]]
    if unknown := [title for title in answers if title not in titles]:
        raise KaizalaServerError(
            f"{item['title']!r} does not ask {unknown[0]!r}, but {', '.join(titles)}", 400
        )
    return [answers.get(title) for title in titles]


def _is_poll(entry: Mapping[str, Any], item: Item) -> bool:
    match entry["operation"]:
        case "getAction":
            return bool(item["actionId"]) and entry["action"] == item["actionId"]
        case "getReactions" | "getReactionSummary":
            return f"/{item['referenceId']}" in entry["path"]
        case operation:
            if entry["group"] != item["groupId"] or entry["at"] < item["sentAt"]:
                return False
            query = {name.lower(): value for name, value in entry["query"].items()}
            if operation == "getGroupReactionSummary":
                return True
            if "actiontype" in query:
                return bool(query["actiontype"].lower() == str(item.get("actionType", "")).lower())
            return str(item.get("packageId", "")).startswith(query.get("id", "?"))


class When(TypedDict, total=False):
    """When a script acts, and on what.

    - ``after_polls``: after the waiting task has read the post this many times; immediately by default
    - ``title``: only on a post with this title; by default on the first post of the right kind
    - ``group_id``: only in this group
    - ``times``: on this many posts, 1 by default; None for no limit
    - ``optional``: whether it is fine if the script never acts
    """

    after_polls: int
    title: str | None
    group_id: str | None
    times: int | None
    optional: bool


def _check(verb: str, when: When) -> None:
    """Refuse unknown and wrong arguments: with a misspelled ``after_polls`` the script would silently act at once."""
    if unknown := sorted(set(when) - set(When.__annotations__)):
        raise TypeError(f"{verb}() takes no {unknown[0]!r}, but {', '.join(When.__annotations__)}")
    polls, times = when.get("after_polls", 0), when.get("times", 1)
    if type(polls) is not int or polls < 0:
        raise ValueError(f"{verb}(): after_polls must be a whole number from 0 on, not {polls!r}")
    if times is not None and (type(times) is not int or times < 1):
        raise ValueError(f"{verb}(): times must be a whole number above 0, or None, not {times!r}")


class Person:
    """A person of the seed, who acts in the background as scripted."""

    def __init__(self, crew: People, mobile_number: str, name: str) -> None:
        self.crew = crew
        self.mobile_number = mobile_number
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name} {self.mobile_number}>"

    def votes(self, choice: str | int, **when: Unpack[When]) -> Script:
        """Vote in a poll, or answer a meeting; for *when*, see :class:`When`."""
        return self._follow("votes", choice, when)

    def answers(self, answers: Mapping[str, Any] | Sequence[Any], **when: Unpack[When]) -> Script:
        """Answer a survey or a custom action, with a dict by question or a list in order."""
        return self._follow("answers", answers, when)

    def completes(self, **when: Unpack[When]) -> Script:
        """Complete a job that is assigned to this person; ``.then(False)`` undoes it."""
        return self._follow("completes", True, when)

    def likes(self, **when: Unpack[When]) -> Script:
        """Like a post; *title* may also be the whole text of a message."""
        return self._follow("likes", True, when)

    def comments(self, text: str, **when: Unpack[When]) -> Script:
        """Comment on a post; *title* may also be the whole text of a message."""
        return self._follow("comments", text, when)

    def _follow(self, verb: str, value: Any, when: When) -> Script:
        _check(verb, when)
        self.check(verb, value)
        act = _Act(value, when.get("after_polls", 0))
        where, times, optional = when.get("group_id"), when.get("times", 1), when.get("optional", False)
        return self.crew.follow(Script(self, verb, when.get("title"), where, times, optional, [act]))

    @staticmethod
    def check(verb: str, value: Any) -> None:
        """Refuse a value that this verb never takes."""
        if verb == "answers":
            if isinstance(value, str) or not isinstance(value, Mapping | Sequence):
                raise TypeError(f"answers() takes a dict by question or a list in their order, not {value!r}")
            for each in value.values() if isinstance(value, Mapping) else value:
                check_answer(each)
        elif verb == "votes" and (isinstance(value, bool) or not isinstance(value, str | int)):
            raise TypeError(f"votes() takes the text or the number of an option, not {value!r}")

    def says(self, text: str, *, group_id: str | None = None) -> None:
        """Post a message now."""
        self.post(f"/groups/{group_id or self.crew.server.default_group()}/messages", {"text": text})

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Act now, with a path of the ``/people/`` API, and return the JSON of the reply."""
        return self.crew.server.call("POST", f"/people/{self.mobile_number}{path}", dict(body))


class People:
    """The people of a server: ``people.ravi``, or ``people["Ravi"]``, or ``people["+910000000002"]``."""

    def __init__(self, server: KaizalaServer) -> None:
        self.server = server
        self.lock = threading.Lock()
        self.failures: list[str] = []
        #: called in the background, over and over, once a script has failed
        self.interrupt: Callable[[], None] = lambda: None
        self._scripts: list[Script] = []
        self._thread: threading.Thread | None = None
        self._watching: Call | None = None
        self._is_awake = False
        self._closed = threading.Event()
        self._after: dict[tuple[str, str], int] = {}
        self._items: dict[str, list[Item]] = {}
        self._reads: list[Mapping[str, Any]] = []
        self._since = 0

    # --- who there is ------------------------------------------------------------------------------------------------------

    def __getitem__(self, who: str) -> Person:
        """Return a person by phone number, or by name, ignoring case, with ``_`` for characters that a Python name cannot have."""
        everybody = self.server.people()
        found = [one for one in everybody if who == one["mobileNumber"]]
        found = found or [one for one in everybody if _plain(who) == _plain(one["name"])]
        if len(found) == 1:
            return Person(self, found[0]["mobileNumber"], found[0]["name"])
        if found:
            numbers = ", ".join(one["mobileNumber"] for one in found)
            raise KeyError(f"several people are called {who!r}: {numbers}")
        raise KeyError(f"no one is called {who!r}; there are {', '.join(one['name'] for one in everybody)}")

    def __getattr__(self, name: str) -> Person:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    # --- what they do ------------------------------------------------------------------------------------------------------

    def follow(self, script: Script) -> Script:
        """Start a script."""
        with self.lock:
            self._scripts.append(script)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="kaizala-people", daemon=True)
                self._thread.start()
        self.wake()
        return script

    def done(self, timeout: float = 10.0) -> None:
        """Wait until all scripts have finished, except those without a limit.

        :raises AssertionError: if one has failed, or has not finished in time; it names the person
        """
        until = time.monotonic() + timeout
        while open_ := [
            script for script in self._scripts if script.times is not None and not script.is_done
        ]:
            if self.failures:
                break
            if time.monotonic() > until:
                raise AssertionError(f"not done within {timeout:g} s: " + "; ".join(map(str, open_)))
            time.sleep(0.01)
        self.raise_failures()

    def close(self, *, allow_unused: bool = False) -> None:
        """Stop all scripts.

        :param allow_unused: whether scripts that never acted are fine, as those with ``optional=True`` always are
        :raises AssertionError: if a script has failed, or has not acted
        """
        self._closed.set()
        self.wake()
        if self._thread is not None:
            self._thread.join()
            if not self.failures:
                self._watched(self._look_again)  # what was posted in the last moment counts
        self.raise_failures()
        unused = [
            script for script in self._scripts if not (script.has_acted or script.optional or script.failed)
        ]
        if unused and not allow_unused:
            raise AssertionError(
                f"{'; '.join(map(str, unused))}. Remove the script, correct its title or after_polls, or write optional=True"
            )

    def raise_failures(self) -> None:
        """Raise what went wrong in the background since the last time.

        :raises AssertionError: if something did
        """
        failures, self.failures = self.failures, []
        if failures:
            raise AssertionError("; ".join(failures))

    # --- in the background -------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Make the background thread read again at once."""
        with self.lock:
            self._is_awake = True
            if self._watching is not None:
                self._watching.break_off()

    def _run(self) -> None:
        while not self._closed.is_set():
            if self.failures:
                self.interrupt()
                self._closed.wait(_INTERRUPT_AGAIN)
            else:
                self._watched(self._turn)

    def _turn(self) -> None:
        self._look_again()
        self._since = self._wait(self._since)

    def _look_again(self) -> None:
        with self.lock:
            self._is_awake = False
            scripts = [script for script in self._scripts if not script.is_done]
        self._look(scripts)
        for script in scripts:
            self._go_on(script)

    def _watched(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, http.client.HTTPException, KaizalaServerError) as error:
            if not self._closed.is_set():
                self.failures.append(f"the people lost the server: {error or type(error).__name__}")
        except Exception as error:  # noqa: BLE001 - it would be lost in this thread, and the test would wait in vain
            self.failures.append(f"the people stopped: {type(error).__name__}: {error}")

    def _look(self, scripts: Sequence[Script]) -> None:
        """Read what is new to the people who have scripts, and give each script the posts that match."""
        for mobile in dict.fromkeys(script.person.mobile_number for script in scripts):
            items = self._items.setdefault(mobile, [])
            for group in self.server.call("GET", f"/people/{mobile}/groups")["groups"]:
                key = (mobile, group["groupId"])
                more = group["lastSeq"] > self._after.get(key, 0)
                while more:
                    path = f"/people/{mobile}/groups/{group['groupId']}/feed"
                    page = self.server.call("GET", path, after=self._after.get(key, 0), count=200)
                    items += page["items"]
                    self._after[key], more = page["after"], page["hasMore"]
        taken: dict[tuple[str, str], set[str]] = {}
        for script in self._scripts:
            mine = taken.setdefault((script.person.mobile_number, script.verb), set())
            mine |= {course.item["referenceId"] for course in script._courses}
        for script in scripts:
            mobile = script.person.mobile_number
            script.take(self._items[mobile], taken[mobile, script.verb])

    def _go_on(self, script: Script) -> None:
        try:
            script.go_on(self._reads)
        except (OSError, http.client.HTTPException):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must fail with it, and the others go on
            refused = isinstance(error, KaizalaServerError)
            reason = str(error) if refused else f"{type(error).__name__}: {error}"
            script.failed = True
            self.failures.append(f"{script.person.name} {script.verb}: {reason}")

    def _wait(self, since: int) -> int:
        """Wait for the next post or reading; return the number of the last entry in the journal."""
        call = Call(self.server.url)
        with self.lock:
            if self._is_awake:
                return since
            call.connect()
            self._watching = call
        query = {"since": since, "wait": _WAIT, "operation": ",".join((*_POSTING, *_READING))}
        try:
            page = call.send("GET", "/_test/journal", query=query)
        except (OSError, http.client.HTTPException):
            if not self._is_awake:
                raise
            return since
        finally:
            with self.lock:
                self._watching = None
        good = (entry for entry in page["entries"] if entry["status"] == 200)
        self._reads += [entry for entry in good if entry["operation"] in _READING]
        return int(page["last"])


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name.lower()).strip("_")
