"""A daily survey becomes a table and a chart."""

from __future__ import annotations

import struct
import urllib.request
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.airflow.examples.playing import NOBODY, TIME_IS_UP, reminders, texts

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer
    from tests.airflow.examples.playing import Play

pytestmark = pytest.mark.airflow


def pixels(file: Any) -> bytes:
    """Return what a picture shows."""
    with Image.open(file) as picture:
        return picture.convert("RGBA").tobytes()


def png_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a PNG that an image library can read."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    image = Image.open(BytesIO(content))
    image.load()
    assert image.size == struct.unpack(">II", content[16:24])
    assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 4, "nothing is drawn"
    return image.size


def test_a_checklist_becomes_a_table_and_a_chart(
    tmp_path: Path,
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    play: Play,
) -> None:
    kaizala_people.ravi.answers(["Yes", "Yes", "Partly", "Yes", 4, "Milk"])
    kaizala_people.meera.answers(["No", "Yes", "Partly", "Yes", 3.5, None], after_polls=2)
    states, values = play("store_checklist", charts=str(tmp_path))
    assert set(states.values()) == {"success"}
    survey, table, image = kaizala_server.feed()
    assert survey["kind"] == "survey"
    head, blank, *rows = table["text"].splitlines()
    assert head == f"{survey['title']}. Everyone has answered."
    assert blank == ""
    assert [[cell.strip() for cell in row.split("|")] for row in rows] == [
        ["Name", "Shop floor clean", "Cold room at 4 °C or below", "Prices on all shelves", "Emergency exits free",
         "People on shift", "Missing"],
        ["Ravi", "Yes", "Yes", "Partly", "Yes", "4", "Milk"],
        ["Meera", "No", "Yes", "Partly", "Yes", "3.5", "–"],
    ]  # fmt: skip
    assert table["replyToReferenceId"] == survey["referenceId"]
    assert (image["kind"], image["mediaType"], image["text"]) == ("media", "Image", survey["title"])
    with urllib.request.urlopen(image["media"][0]["mediaUrl"], timeout=10) as reply:
        assert reply.headers["content-type"] == "image/png"
        content = reply.read()
    assert png_size(content) == (1080, 990)
    drawn = Path(values["chart"].removeprefix("file://"))
    # The server keeps no notes about who has drawn it.
    assert pixels(BytesIO(content)) == pixels(drawn)
    assert list(values["ask"]["tally"]) == [
        "Shop floor clean",
        "Cold room at 4 °C or below",
        "Prices on all shelves",
        "Emergency exits free",
    ]


def test_a_checklist_that_not_all_answer(
    tmp_path: Path,
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    play: Play,
) -> None:
    kaizala_people.ravi.answers(["Yes", "No", "No", "Yes", 4, "Milk"])
    states, _ = play("store_checklist", charts=str(tmp_path), timeouts={"ask": NOBODY})
    assert set(states.values()) == {"success"}
    late, told = texts(kaizala_server)
    assert late == TIME_IS_UP
    assert "No answer from: Meera." in told
    kinds = [item["kind"] for item in kaizala_server.feed()]
    assert [kind for kind in kinds if kind != "reminder"] == ["survey", "text", "text", "media"]
    assert reminders(kaizala_server) in (1, 2)
