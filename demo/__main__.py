"""``make demo``: a DAG posts to a group, three people answer, and the DAG continues with their answers.

With ``HUMAN=1`` you are Meera: the DAG waits until you have answered on the page. With ``KEEP=1`` three people answer first; then a
second run waits for you, and everything keeps running so that you can look around.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from demo.people import ASHA, MEERA, PIN, RAVI, Person
from demo.stack import GROUP, Stack

if TYPE_CHECKING:
    from collections.abc import Collection

DAGS = Path(__file__).resolve().parent.parent / "dags_examples"
DAG_ID = "store_opening"
ANSWERS: dict[str, tuple[Any, ...]] = {
    ASHA: ("Yes", 3, "No"),
    RAVI: ("Yes", 3, "Paper bags"),
    MEERA: ("Yes", 3, "No"),
}
NAMES = {ASHA: "Asha", RAVI: "Ravi", MEERA: "Meera"}
ICONS = {"success": "✔", "failed": "✘", "upstream_failed": "✘", "deferred": "…", "running": "▶"}
COLORS = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "red",
    "deferred": "yellow",
    "running": "cyan",
}
WAITS = {"wait_for_answers": "survey", "wait_for_job": "job"}
NOT_YET = (None, "none", "scheduled", "queued", "running")
SECONDS = 170


class Conversation:
    """Prints what is posted, and answers each survey and job once as the people, some seconds after it was posted.

    People answer only once the DAG waits, so that the demo shows the wait on a fast machine too.

    :param you: phone number of the person who answers by hand
    """

    def __init__(self, stack: Stack, console: Console, you: str | None = None) -> None:
        self.console = console
        self.people = {number: Person(stack.kaizala, number) for number in ANSWERS if number != you}
        self.after = 0
        while self._read():  # skip what earlier runs have posted
            pass
        self.texts: list[str] = []
        self._todo: list[tuple[float, str, str, str]] = []

    def look(self, waiting: Collection[str]) -> None:
        """Print what is new, and give the answers that are due.

        :param waiting: the kinds of action that the DAG waits for: ``"survey"``, ``"job"``
        """
        for item in self._read():
            self._show(item)
        now = time.monotonic()
        for due in [each for each in self._todo if each[0] <= now and each[1] in waiting]:
            self._todo.remove(due)
            self._act(*due[1:])

    def _read(self) -> list[dict[str, Any]]:
        page = self.people[ASHA].feed(GROUP, self.after)
        self.after = page["after"]
        items: list[dict[str, Any]] = page["items"]
        return items

    def _show(self, item: dict[str, Any]) -> None:
        title, text = item.get("title") or item.get("question"), item.get("text")
        content = " — ".join(part for part in (title, text) if part)
        if item["kind"] == "text":
            self.texts.append(text or "")
        self._print("airflow ▸", f"[{item['kind']}] {content}", "bold blue")
        action, now = item.get("actionId"), time.monotonic()
        if item["kind"] == "survey":
            self._todo += [
                (now + 2 + 2 * at, "survey", number, action) for at, number in enumerate(self.people)
            ]
        if item["kind"] == "job":
            self._todo += [
                (now + 3 + 3 * at, "job", number, action)
                for at, number in enumerate((RAVI, MEERA))
                if number in self.people
            ]

    def _act(self, what: str, number: str, action_id: str) -> None:
        name = NAMES[number]
        if what == "survey":
            self.people[number].answer(action_id, *ANSWERS[number])
            self._print(f"{name:>7} ▸", ", ".join(str(answer) for answer in ANSWERS[number]), "magenta")
        else:
            self.people[number].complete(action_id)
            self._print(f"{name:>7} ▸", "done ✔", "magenta")

    def _print(self, who: str, what: str, style: str) -> None:
        self.console.print(Text(f"  {who} ", style=style) + Text(what))


def follow(stack: Stack, console: Console, you: str | None = None, seconds: float = SECONDS) -> bool:
    """Run the DAG, print what happens, and return whether it ended as expected.

    :param you: phone number of the person who answers by hand; the run then takes as long as the DAG waits
    :param seconds: how long the run may take otherwise
    """
    conversation = Conversation(stack, console, you)
    run_id = stack.trigger(DAG_ID)
    console.print(f"run [bold]{run_id}[/bold] of {DAG_ID}")
    if you:
        invite(stack, console, you)
    states: dict[str, str] = {}
    until = float("inf") if you else time.monotonic() + seconds
    while time.monotonic() < until:
        stack.processes.check()
        conversation.look([kind for task, kind in WAITS.items() if states.get(task) not in NOT_YET])
        for task, state in stack.task_states(DAG_ID, run_id).items():
            if states.get(task) != state and state not in ("none", "scheduled", "queued"):
                icon, color = ICONS.get(state, "·"), COLORS.get(state, "dim")
                console.print(Text(f"{'':38}{icon} {task} {state}", style=color))
            states[task] = state
        run = stack.run_state(DAG_ID, run_id)
        if run in ("success", "failed"):
            conversation.look(())
            verdict = ("We open", "We stay closed") if you else "We open: 3 of us"
            reported = any(text.startswith(verdict) and "Paper bags" in text for text in conversation.texts)
            if run == "success" and not reported:
                console.print(
                    "[red]the run succeeded, but the report to the group lacks people's answers[/red]"
                )
            return run == "success" and reported
        time.sleep(0.5)
    console.print(f"[red]the run did not end within {seconds:g} s[/red]")
    return False


def invite(stack: Stack, console: Console, you: str) -> None:
    """Print where to answer, and as which person."""
    console.print(f"\nYou are [bold]{NAMES[you]}[/bold]. The DAG waits until you have answered:")
    console.print(f"  1. open     {stack.kaizala}/groups/{GROUP}")
    console.print(f"  2. sign in  phone number {you}, PIN {PIN}")
    console.print("  3. answer the survey, and mark the job as done\n")


def main() -> int:
    """Run the demo; return 0 if it succeeded."""
    arguments = argparse.ArgumentParser(prog="make demo", description=__doc__)
    arguments.add_argument("--keep", action="store_true", help="keep everything running afterwards")
    arguments.add_argument("--human", action="store_true", help="wait until you have answered on the page")
    given = arguments.parse_args()
    keep, you = given.keep, MEERA if given.human else None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    with tempfile.TemporaryDirectory(prefix="kaizala-demo-", ignore_cleanup_errors=True) as folder:
        try:
            began = time.monotonic()
            console.print(
                "starting kaizala-server, and Airflow's api-server, scheduler, dag-processor, triggerer …"
            )
            with Stack(Path(folder), DAGS) as stack:
                console.print(f"ready after {time.monotonic() - began:.0f} s")
                try:
                    good = follow(stack, console, you)
                except RuntimeError as error:
                    console.print(Text(str(error), style="red"))
                    good = False
                if not good:
                    console.print(f"logs of the components: {stack.logs}" if keep else "", end="")
                console.print(
                    "demo: success" if good else "demo: failed", style="bold green" if good else "bold red"
                )
                if keep:
                    look_around(stack, console)
                return 0 if good else 1
        except KeyboardInterrupt:
            console.print("demo: stopped")
            return 130
        except RuntimeError as error:
            console.print(Text(str(error), style="red"))
            console.print("demo: failed")
            return 1


def look_around(stack: Stack, console: Console) -> None:
    """Print all addresses, run the DAG once more for the reader to answer, and wait for Ctrl-C."""
    console.print(f"\nAirflow:             {stack.airflow}/dags/{DAG_ID}")
    console.print(
        f"the page for people: {stack.kaizala}  (Asha {ASHA}, Ravi {RAVI}, Meera {MEERA}; PIN {PIN})"
    )
    console.print(f"logs:                {stack.logs}")
    console.print("Press Ctrl-C to stop everything.\n")
    follow(stack, console, MEERA)
    console.print("Your run has ended. Everything keeps running; press Ctrl-C to stop it.")
    while True:
        time.sleep(1)
        stack.processes.check()


if __name__ == "__main__":
    sys.exit(main())
