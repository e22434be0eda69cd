"""Many runs that each ask, wait and decide; what may be killed meanwhile; and what must be true afterwards."""

from __future__ import annotations

import heapq
import random
import re
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

import requests

from demo.people import RAVI, Person
from demo.stack import GROUP, wait_for
from tests.own_redis import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.distributed.stack import Distributed

DAG = "decides"
BRANCHES = {"Ship": "ship", "Hold": "hold"}
#: seconds after which people answer, at least and at most
ANSWER_AFTER = 2.0, 30.0
#: seconds that a run may take on average, kills included
SECONDS_PER_RUN, SECONDS_FOR_ALL = 15, 400
_ORDER = re.compile(r"Order (\d+): ship it\?")
_CALL = re.compile(r"^(\S+ \S+),(\d+) \S+ kaizala\.access .*\s\w+ /v1/\S+ (\d+|cut off) [\d.]+ ms$")


def answer_of(order: int) -> str:
    """Return what people answer about an order."""
    return "Hold" if order % 3 == 0 else "Ship"


class People(threading.Thread):
    """Ravi, who answers each question some seconds after it was asked, and knows when he did."""

    def __init__(self, server: str) -> None:
        super().__init__(daemon=True)
        self._ravi = Person(server, RAVI)
        self._ended = threading.Event()
        self.answered: dict[int, float] = {}

    def run(self) -> None:
        """Answer until stopped; while no server answers, try again."""
        chance, after = random.Random(7), 0
        seen: set[str] = set()
        due: list[tuple[float, int, str]] = []
        while not self._ended.wait(0.5):
            try:
                page = self._ravi.feed(GROUP, after)
                for order, action_id in questions(page["items"]):
                    if action_id not in seen:
                        seen.add(action_id)
                        heapq.heappush(due, (time.time() + chance.uniform(*ANSWER_AFTER), order, action_id))
                after = page["after"]
                while due and due[0][0] <= time.time():
                    _, order, action_id = due[0]
                    self._ravi.vote(action_id, answer_of(order))
                    self.answered[order] = time.time()
                    heapq.heappop(due)
            except requests.RequestException:
                continue

    def stop(self) -> None:
        """Answer nothing more."""
        self._ended.set()
        self.join()

    def questions(self) -> list[tuple[int, str]]:
        """Return all that was asked: number of the order, and action id."""
        items: list[dict[str, Any]] = []
        page: dict[str, Any] = {"after": 0, "hasMore": True}
        while page["hasMore"]:
            page = self._ravi.feed(GROUP, page["after"])
            items += page["items"]
        return list(questions(items))


def questions(items: Iterable[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """Yield the number of the order and the action id of each of our questions."""
    for item in items:
        if found := _ORDER.fullmatch(item.get("title") or ""):
            yield int(found[1]), item["actionId"]


@dataclass
class Outcome:
    """What came of a scenario.

    :param problems: a sentence each; none if all is as it must be
    :param figures: for the table, by name
    """

    problems: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)


def play(
    stack: Distributed, runs: int, victims: Sequence[str], outcome: Outcome, tell: Callable[[str], None]
) -> None:
    """Start so many runs, let people answer, kill components one after the other meanwhile, and look at what came of it."""
    people = People(stack.kaizala)
    people.start()
    wait_for(DAG, lambda: stack.api("GET", f"/dags/{DAG}") is not None, 120, stack.processes.check)
    stack.api("PATCH", f"/dags/{DAG}", {"is_paused": False})
    used, began = stack.cpu_seconds(), time.time()
    for order in range(runs):
        stack.api("POST", f"/dags/{DAG}/dagRuns", {"logical_date": None, "conf": {"order": order}})
    tell(f"{runs} runs are triggered")
    for number, victim in enumerate(victims, 1):
        _wait_until_done(stack, runs, runs * number // (len(victims) + 1), began)
        stack.processes.kill(victim)
        tell(f"{victim} is killed")
    _wait_until_done(stack, runs, runs, began)
    took = time.time() - began
    people.stop()
    tell(f"all have ended after {took:.0f} s")
    outcome.problems += _check_results(stack, runs, people, outcome.figures)
    outcome.problems += _check_calls(stack, outcome.figures)
    outcome.problems += _check_secrets(stack)
    outcome.figures["seconds per run"] = took / runs
    if not victims:
        _measure_cpu(used, stack.cpu_seconds(), runs, outcome.figures)


def _wait_until_done(stack: Distributed, runs: int, wanted: int, began: float) -> None:
    def done() -> bool:
        ended = (f"/dags/{DAG}/dagRuns?state={state}&limit=1" for state in ("success", "failed"))
        return sum(stack.api("GET", path)["total_entries"] for path in ended) >= wanted

    left = SECONDS_FOR_ALL + SECONDS_PER_RUN * runs - (time.time() - began)
    wait_for(f"{wanted} of {runs} runs", done, left, stack.processes.check)


def _all(stack: Distributed, path: str, key: str) -> Iterator[dict[str, Any]]:
    pages = (stack.api("GET", f"{path}?limit=100&offset={offset}")[key] for offset in count(0, 100))
    for page in takewhile(bool, pages):
        yield from page


def _check_results(stack: Distributed, runs: int, people: People, figures: dict[str, float]) -> list[str]:
    """Check that each run asked once, and went where its own answer says."""
    asked = people.questions()
    ids, problems = dict(asked), []
    times = Counter(order for order, _ in asked)
    instances = _all(stack, f"/dags/{DAG}/dagRuns/~/taskInstances", "task_instances")
    tasks = {(each["dag_run_id"], each["task_id"]): each for each in instances}
    delays, finished = [], set()
    for run in _all(stack, f"/dags/{DAG}/dagRuns", "dag_runs"):
        order, run_id = run["conf"]["order"], run["dag_run_id"]
        wanted = answer_of(order)
        result = stack.xcom(DAG, run_id, "ask") or {}
        found = {name: tasks[run_id, name]["state"] for name in BRANCHES.values()}
        right = {branch: "success" if option == wanted else "skipped" for option, branch in BRANCHES.items()}
        if run["state"] != "success" or found != right or result.get("winner") != wanted:
            problems.append(
                f"order {order}: run {run['state']}, {found}, winner {result.get('winner')!r} instead of {wanted!r}"
            )
        if result.get("action_id") != ids.get(order):
            problems.append(f"order {order}: its answer belongs to another question")
        finished.add(result.get("action_id"))
        if run["end_date"] and order in people.answered:
            ended = datetime.fromisoformat(run["end_date"]).astimezone(UTC).timestamp()
            delays.append(ended - people.answered[order])
    if len(times) != runs:
        problems.append(f"{len(times)} orders were asked about, not {runs}")
    problems += [f"order {order} was asked {times[order]} times" for order in times if times[order] > 1]
    left_open = [action_id for _, action_id in asked if action_id not in finished]
    if left_open:
        problems.append(f"{len(left_open)} questions are left open")
    figures |= {
        "runs": runs,
        "right results": runs
        - len({problem.split(":")[0] for problem in problems if problem.startswith("order")}),
        "duplicates": len(asked) - len(times),
        "left open": len(left_open),
        "tasks tried again": sum(
            each["try_number"] > 1 for (_, name), each in tasks.items() if name == "ask"
        ),
    }
    if len(delays) > 1:
        figures["s from answer to end, median"] = statistics.median(delays)
        figures["s from answer to end, 95 %"] = statistics.quantiles(delays, n=20)[-1]
    return problems


def _check_calls(stack: Distributed, figures: dict[str, float]) -> list[str]:
    """Check that no minute had more calls than the connector may make, and that Kaizala refused none."""
    minutes: Counter[str] = Counter()
    refused = calls = 0
    for line in stack.kaizala_log():
        if found := _CALL.match(line):
            calls += 1
            refused += found[3] == "429"
            minutes[found[1][:-3]] += 1
    figures |= {
        "calls": calls,
        "most calls in a minute": max(minutes.values(), default=0),
        "refused (429)": refused,
    }
    problems = []
    if not calls:
        problems.append("the servers' logs show no calls")
    if max(minutes.values(), default=0) > stack.limit:
        problems.append(f"{max(minutes.values())} calls in a minute; {stack.limit} are allowed")
    if refused:
        problems.append(f"Kaizala refused {refused} calls with 429")
    return problems


def _check_secrets(stack: Distributed) -> list[str]:
    """Check that the password of Redis is in no log."""
    forms = [PASSWORD.encode(), PASSWORD.replace("/", "%2F").encode()]
    logs = [path for path in stack.folder.rglob("*.log") if any(form in path.read_bytes() for form in forms)]
    return [f"{path.relative_to(stack.folder)} shows the password of Redis" for path in logs]


def _measure_cpu(
    before: dict[str, float], after: dict[str, float], runs: int, figures: dict[str, float]
) -> None:
    used: Counter[str] = Counter()
    for name, seconds in after.items():
        kind = re.sub(r"-\d$", "", name)
        if kind not in ("redis", "nginx", "kaizala-server"):
            used[kind] += seconds - before[name]  # type: ignore[assignment]
    figures["CPU s per run"] = sum(used.values()) / runs
    figures["CPU s per wait, triggerers"] = used["triggerer"] / runs
    figures["CPU s per run, workers"] = used["worker"] / runs
