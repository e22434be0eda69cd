"""A survey's form: its fields become answers, and answers fill its fields again.

The field of question 3 is ``q3``; a place has ``q3.latitude``, ``q3.longitude`` and ``q3.name``; files of an earlier answer that
stay are named in ``q3.kept``.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from airflow_provider_kaizala.server.kaizala.context import Operation
from airflow_provider_kaizala.server.page.forms import Form
from airflow_provider_kaizala.server.page.problems import Problem
from airflow_provider_kaizala.server.store.tables import media_file

FILE_QUESTIONS = ("Image", "AttachmentList")
_MINUTES = "%Y-%m-%dT%H:%M"


def read_answers(questions: list[dict[str, Any]], form: Form, zone: ZoneInfo) -> list[object]:
    """Return the positional answers of a form; what was uploaded stands in ``form`` as media resources.

    :raises Problem: 400 with the question that is answered wrongly
    """
    known = {f"q{position}" for position in range(len(questions))}
    for name in form.values:
        if name[:1] == "q" and name[1:2].isdigit() and name.partition(".")[0] not in known:
            raise Problem(400, "form_changed")
    return [_answer(question, f"q{position}", form, zone) for position, question in enumerate(questions)]


def _answer(question: dict[str, Any], name: str, form: Form, zone: ZoneInfo) -> object:
    given = form.one(name).strip()
    title = question["title"]
    match question["type"]:
        case "MultiOption":
            return form.all(name)
        case "Image" | "AttachmentList":
            return [*form.all(f"{name}.kept"), *form.all(f"{name}.uploaded")]
        case "Location":
            return _place(form, name, title)
    if not given:
        return None
    match question["type"]:
        case "Numeric":
            return _number(given, title)
        case "DateTime":
            return _moment(given, title, zone)
        case "PhoneNumber":
            if not 3 <= sum(letter.isdigit() for letter in given) <= 15 or len(given) > 30:
                raise Problem(400, "phone_answer", title=title)
            return given
    return form.one(name)


def _number(text: str, title: str) -> float:
    plain = text.replace("\u202f", "").replace("\xa0", "").replace(" ", "")
    if "," in plain and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        number = float(plain)
    except ValueError:
        raise Problem(400, "number", title=title, given=text[:40]) from None
    if not math.isfinite(number) or abs(number) >= 1e15:
        raise Problem(400, "number", title=title, given=text[:40])
    return number


def _moment(text: str, title: str, zone: ZoneInfo) -> str:
    """Read a local time; the form's field has no zone, so it is the reader's."""
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(dt.UTC).isoformat()
    except (ValueError, OverflowError):
        raise Problem(400, "moment", title=title, given=text[:40]) from None


def _place(form: Form, name: str, title: str) -> object:
    latitude, longitude = form.one(f"{name}.latitude").strip(), form.one(f"{name}.longitude").strip()
    said = form.one(f"{name}.name").strip()
    if not latitude and not longitude:
        if said:
            raise Problem(400, "place", title=title)
        return None
    try:
        place: dict[str, object] = {
            "lt": float(latitude.replace(",", ".")),
            "lg": float(longitude.replace(",", ".")),
        }
    except ValueError:
        raise Problem(400, "place", title=title) from None
    if not (abs(float(str(place["lt"]))) <= 90 and abs(float(str(place["lg"]))) <= 180):
        raise Problem(400, "place", title=title)
    return {**place, "n": said[:200]} if said else place


def filled(questions: list[dict[str, Any]], answers: list[Any], zone: ZoneInfo) -> dict[str, list[str]]:
    """Return the fields of a form as an answer, shown as the feed shows it, fills them; files are left out."""
    fields: dict[str, list[str]] = {}
    for position, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        name = f"q{position}"
        if answer is None or question["type"] in FILE_QUESTIONS:
            continue
        match question["type"]:
            case "SingleOption" | "MultiOption":
                fields[name] = [str(one) for one in answer]
            case "Numeric":
                fields[name] = [str(int(answer) if float(answer).is_integer() else answer)]
            case "DateTime":
                moment = dt.datetime.fromtimestamp(answer / 1000, zone)
                fields[name] = [moment.strftime(_MINUTES)]
            case "Location":
                fields[f"{name}.latitude"] = [str(answer["lt"])]
                fields[f"{name}.longitude"] = [str(answer["lg"])]
                fields[f"{name}.name"] = [str(answer.get("n", ""))]
            case "PhoneNumber":
                fields[name] = [f"{answer['cc']}{answer['pn']}"]
            case _:
                fields[name] = [str(answer)]
    return fields


def kept_files(
    op: Operation, answers: list[Any], questions: list[dict[str, Any]]
) -> dict[str, list[dict[str, str]]]:
    """Return the files of the caller's own answer by field: ``{"q3": [{"resource", "name", "url"}]}``."""
    found: dict[str, list[dict[str, str]]] = {}
    f = media_file.c
    for position, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        if question["type"] not in FILE_QUESTIONS or not answer:
            continue
        ids = {one["mediaUrl"].split("/media/", 1)[1].split("/", 1)[0]: one for one in answer}
        rows = op.conn.execute(select(f.id, f.resource_id, f.name).where(f.id.in_(ids)))
        by_resource: dict[str, dict[str, str]] = {}
        for row in rows:
            first = by_resource.setdefault(
                row.resource_id,
                {"resource": row.resource_id, "name": row.name, "url": ids[row.id]["mediaUrl"]},
            )
            if first["url"] != ids[row.id]["mediaUrl"]:
                first["name"] += f", {row.name}"
        found[f"q{position}"] = list(by_resource.values())
    return found
