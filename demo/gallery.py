"""``make gallery``: runs each example DAG with people who answer, and keeps its graph and its conversation for ``docs/examples.md``."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from demo import chromium
from demo.people import ASHA, MEERA, RAVI, Person
from demo.screenshots import keep
from demo.stack import GROUP, Stack, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, FloatRect, Locator

ROOT = Path(__file__).resolve().parent.parent
GALLERY = ROOT / "docs" / "gallery"
NAMES = {ASHA: "Asha", RAVI: "Ravi", MEERA: "Meera"}
ROSTER = f"phone,name,status\n{ASHA},Asha,active\n{RAVI},Ravi,active\n{MEERA},Meera,left\n+910000000004,Divya,active\n"
SECONDS = 240.0
#: pixels around a graph
MARGIN = 20
#: what Kaizala posts by itself
BY_KAIZALA = ("reminder", "memberAdded", "memberRemoved")


@dataclass
class Scene:
    """How an example is played.

    :param answers: person to what they answer, by the kind of what was posted: the option, the answers, or True for a job
    :param says: who starts the run by a message, and what it is
    :param conf: the params of the run; ``{folder}`` and ``{airflow}`` are filled in
    """

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    says: tuple[str, str] | None = None
    conf: dict[str, Any] = field(default_factory=dict)


CHECKED = ["Yes", "Yes", "Partly", "Yes", 3, ""]
SCENES = {
    "kaizala_webhooks": Scene(conf={"public_url": "{airflow}"}),
    "store_opening": Scene(
        answers={
            ASHA: {"survey": ["Yes", 3, "No"]},
            RAVI: {"survey": ["Yes", 3, "Paper bags"], "job": True},
            MEERA: {"survey": ["Yes", 3, "No"], "job": True},
        }
    ),
    "payment_approval": Scene(
        answers={RAVI: {"poll": "Approve"}, ASHA: {"poll": "Reject"}, MEERA: {"poll": "Approve"}}
    ),
    "store_checklist": Scene(
        answers={
            RAVI: {"survey": CHECKED},
            MEERA: {"survey": ["Yes", "No", "Partly", "Yes", 3, "Price labels"]},
        },
        conf={"charts": "{folder}"},
    ),
    "field_incident": Scene(answers={RAVI: {"job": True}}),
    "quality_gate": Scene(answers={MEERA: {"poll": "Hold"}, RAVI: {"poll": "Hold"}}),
    "shift_handover": Scene(
        answers={MEERA: {"poll": "I take over"}},
        says=(RAVI, "Handover: pump 7 leaks, the plumber comes at 9"),
    ),
    "roster_sync": Scene(conf={"roster": "{folder}/roster.csv"}),
}


class Play:
    """Plays a scene, and notes who says what."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.people = {number: Person(stack.kaizala, number) for number in NAMES}
        self.after = 0
        self.lines: list[dict[str, Any]] = []

    def run(self, dag_id: str, scene: Scene) -> str:
        """Run the DAG until it has ended; return the run id."""
        self._read()
        self.lines = []
        conf = {
            name: value.format(folder=self.folder, airflow=self.stack.airflow)
            for name, value in scene.conf.items()
        }
        run_id = (
            self._start_by_message(dag_id, *scene.says) if scene.says else self.stack.trigger(dag_id, conf)
        )
        ends = time.monotonic() + SECONDS
        while (state := self.stack.run_state(dag_id, run_id)) not in ("success", "failed"):
            if time.monotonic() > ends:
                raise RuntimeError(
                    f"{dag_id} has not ended within {SECONDS:g} s: {self.stack.task_states(dag_id, run_id)}"
                )
            self._answer(scene)
            time.sleep(1)
        self._answer(Scene())
        if state != "success":
            raise RuntimeError(f"{dag_id} has failed: {self.stack.task_states(dag_id, run_id)}")
        return run_id

    def _start_by_message(self, dag_id: str, number: str, text: str) -> str:
        path = f"/dags/{dag_id}"
        wait_for(dag_id, lambda: self.stack.api("GET", path) is not None, 60, self.stack.processes.check)
        self.stack.api("PATCH", path, {"is_paused": False})
        self.people[number].say(GROUP, text)
        runs: list[Any] = []

        def has_begun() -> bool:
            runs[:] = self.stack.api("GET", f"{path}/dagRuns")["dag_runs"]
            return bool(runs)

        wait_for(f"a run of {dag_id}", has_begun, 60, self.stack.processes.check)
        return str(runs[0]["dag_run_id"])

    def _read(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while page := self.people[ASHA].feed(GROUP, self.after):
            self.after = page["after"]
            items += page["items"]
            if not page["items"]:
                return items
        return items

    def _answer(self, scene: Scene) -> None:
        """Note what was posted, and let people answer it."""
        for item in self._read():
            self.lines.append(posted(item))
            for number, answers in scene.answers.items():
                if item["kind"] in answers:
                    time.sleep(2)  # a question is read before it is answered
                    self._act(self.people[number], item, answers[item["kind"]])
                    said = answers[item["kind"]]
                    shown = (
                        "done"
                        if said is True
                        else ", ".join(str(each) for each in said if each != "")
                        if isinstance(said, list)
                        else said
                    )
                    self.lines.append({"who": NAMES[number], "kind": "answer", "text": shown})

    @staticmethod
    def _act(person: Person, item: dict[str, Any], answer: Any) -> None:
        acts: dict[str, Callable[[], None]] = {
            "poll": lambda: person.vote(item["actionId"], answer),
            "survey": lambda: person.answer(item["actionId"], *answer),
            "job": lambda: person.complete(item["actionId"]),
        }
        acts[item["kind"]]()


def posted(item: dict[str, Any]) -> dict[str, Any]:
    """Return what was posted as a line of the conversation."""
    person = (
        item["sender"]["name"]
        if item["kind"] == "text" and item["sender"]["name"] in ("Ravi", "Meera")
        else None
    )
    who = "Kaizala" if item["kind"] in BY_KAIZALA else person or "Airflow"
    line = {"who": who, "kind": item["kind"], "title": item.get("title"), "text": item.get("text")}
    if item["kind"] == "poll":
        line["options"] = [choice["title"] for choice in item["choices"]]
    elif item["kind"] == "survey":
        line["options"] = [question["title"] for question in item["questions"] if not question["isInvisible"]]
    elif item["kind"] in BY_KAIZALA:
        line["text"] = (
            ", ".join(str(each["name"] or each["mobileNumber"]) for each in item.get("members") or ())
            or line["text"]
        )
    return {name: value for name, value in line.items() if value}


def photograph(browser: Browser, stack: Stack, dag_id: str, run_id: str) -> None:
    """Take a picture of the graph of a run."""
    context = browser.new_context(
        viewport={"width": 1500, "height": 900}, color_scheme="light", locale="en-GB", device_scale_factor=1
    )
    context.add_init_script(
        "localStorage.setItem('dagView', '\"graph\"'); localStorage.setItem('dag_view', '\"graph\"')"
    )
    page = context.new_page()
    page.goto(f"{stack.airflow}/dags/{dag_id}/runs/{run_id}")
    graph = page.locator(".react-flow")
    if not graph.is_visible():
        page.get_by_role("button", name="Graph").or_(page.get_by_label("Show Graph")).first.click()
    graph.wait_for()
    page.add_style_tag(content=".react-flow__panel { visibility: hidden }")
    page.wait_for_timeout(2500)  # it moves to its place
    keep(page.screenshot(clip=around(page.locator(".react-flow__node").all())), f"gallery/{dag_id}")
    context.close()


def around(found: list[Locator]) -> FloatRect:
    """Return the rectangle around all of these, with a margin."""
    boxes = [box for box in (each.bounding_box() for each in found) if box]
    left, top = (min(box[name] for box in boxes) - MARGIN for name in ("x", "y"))
    right = max(box["x"] + box["width"] for box in boxes) + MARGIN
    bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def play_all(browser: Browser, dag_ids: list[str], *, scheduled: bool) -> None:
    """Play examples one after the other, and keep what is said and a picture of each.

    :param scheduled: whether Airflow starts runs by itself
    """
    environment = {
        "AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS": "kaizala_default",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(scheduled),
    }
    with tempfile.TemporaryDirectory(prefix="kaizala-gallery-") as name:
        folder = Path(name)
        (folder / "roster.csv").write_text(ROSTER)
        with Stack(folder, ROOT / "dags_examples", environment) as stack:
            play = Play(stack, folder)
            # the first makes the webhook that wakes the waits of the others
            for dag_id in dict.fromkeys(["kaizala_webhooks", *dag_ids]):
                run_id = play.run(dag_id, SCENES[dag_id])
                if dag_id not in dag_ids:
                    continue
                kept = {"states": stack.task_states(dag_id, run_id), "conversation": play.lines}
                (GALLERY / f"{dag_id}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
                photograph(browser, stack, dag_id, run_id)
                print(f"{dag_id}: {len(play.lines)} lines")


def main() -> int:
    """Play all examples, or those that are named."""
    wanted = sys.argv[1:] or [*SCENES]
    path = chromium.find()
    if path is None:
        print(chromium.MISSING)
        return 1
    GALLERY.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, path)
        for scheduled in (False, True):
            # those with a timetable would begin a second run in an Airflow that starts runs by itself
            if dag_ids := [each for each in wanted if (SCENES[each].says is not None) == scheduled]:
                play_all(browser, dag_ids, scheduled=scheduled)
    return 0


if __name__ == "__main__":
    sys.exit(main())
