"""A survey's form: its fields become answers, and answers fill its fields again.

The field of question 3 is ``q3``; a place has ``q3.latitude``, ``q3.longitude`` and ``q3.name``; files of an earlier answer that
stay are named in ``q3.kept``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_kaizala.server.domain.action_bodies import Place
from airflow_provider_kaizala.server.domain.answers import MAX_TEXT, Answer, Phone, Stored
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.domain.media import files_of
from airflow_provider_kaizala.server.domain.responses import stored_answers
from airflow_provider_kaizala.server.domain.times import from_iso
from airflow_provider_kaizala.server.page.forms import Form
from airflow_provider_kaizala.server.page.numbers import read_number
from airflow_provider_kaizala.server.page.problems import Problem
from airflow_provider_kaizala.server.page.render import moment_of
from airflow_provider_kaizala.server.page.visitor import Visitor

FILE_QUESTIONS = ("Image", "AttachmentList")
OPTION_QUESTIONS = ("SingleOption", "MultiOption")

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Earlier:
    """An answer that is being changed.

    :param stored: its answers as they are stored
    :param fields: what its form showed
    """

    stored: list[Any]
    fields: Fields


def earlier_answer(op: Operation, item: dict[str, Any], response_id: str, zone: ZoneInfo) -> Earlier:
    """Return the caller's answer that a form changes; raises :class:`Problem` if it is not theirs, or not the latest."""
    mine = item["myAnswer"]
    if mine is None or mine["responseId"] != canonical(response_id):
        raise Problem(400, "form_changed")
    stored = stored_answers(op, mine["responseId"])
    questions, answers = item["questions"], mine["answers"]
    return Earlier(stored, filled(questions, answers, zone, kept_files(op, answers, questions)))


def read_answers(
    questions: Sequence[dict[str, Any]],
    form: Form,
    visitor: Visitor,
    uploaded: Mapping[str, Sequence[str]],
    earlier: Earlier | None = None,
) -> list[Answer]:
    """Return the positional answers of a form. What was not touched stays as it is stored, to the last digit.

    :param uploaded: media resources by field
    :raises Problem: 400 with the question that is answered wrongly
    """
    given: list[dict[str, list[str]]] = [{} for _ in questions]
    for name, values in form.values.items():
        if name[:1] == "q" and name[1:2].isdigit():
            number = name[1:].partition(".")[0]
            if not (number.isdecimal() and len(number) < 6 and int(number) < len(questions)):
                raise Problem(400, "form_changed")
            given[int(number)][name] = values
    answers: list[Answer] = []
    for position, (question, fields) in enumerate(zip(questions, given, strict=True)):
        name = f"q{position}"
        before = None if earlier is None else Stored(earlier.stored[position])
        if question["isInvisible"]:
            if fields:
                raise Problem(400, "form_changed")
            answers.append(before)
        elif earlier and not uploaded.get(name) and _same(fields, earlier.fields, name):
            answers.append(before)
        else:
            kept = () if earlier is None else earlier.fields.get(f"{name}.kept", ())
            answers.append(_answer(question, name, fields, visitor, [*uploaded.get(name, ())], kept))
    return answers


def _same(given: Fields, before: Fields, name: str) -> bool:
    names = {one for one in (*given, *before) if one == name or one.startswith(f"{name}.")}
    return all(_filled(given, one) == _filled(before, one) for one in names)


def _filled(fields: Fields, name: str) -> list[str]:
    return [_lines(value) for value in fields.get(name, ()) if value]


def _answer(
    question: dict[str, Any],
    name: str,
    fields: Fields,
    visitor: Visitor,
    uploaded: list[str],
    kept: Sequence[str],
) -> Answer:
    values = list(fields.get(name, ()))
    title = question["title"]
    match question["type"]:
        case "SingleOption" | "MultiOption":
            return chosen(question["options"], [value for value in values if value]) or None
        case "Image" | "AttachmentList":
            stays = list(fields.get(f"{name}.kept", ()))
            # Uploads are named by the server alone: nobody answers with somebody else's file by typing its name.
            if not set(stays) <= set(kept):
                raise Problem(400, "form_changed")
            return [*stays, *uploaded] or None
        case "Location":
            return _place(fields, name, title)
    text = values[0] if values else ""
    given = text.strip()
    if not given:
        return None
    match question["type"]:
        case "Numeric":
            try:
                return read_number(given, visitor.words.locale)
            except ValueError:
                raise Problem(400, "number", title=title, given=given[:40]) from None
        case "DateTime":
            return _moment(given, title, visitor.zone)
        case "PhoneNumber":
            if not 3 <= sum(letter.isdigit() for letter in given) <= 15 or len(given) > 30:
                raise Problem(400, "phone_answer", title=title)
            return Phone(given)
    if len(text) > MAX_TEXT:
        raise Problem(400, "too_long", most=MAX_TEXT, given=len(text))
    return text


def chosen(options: Sequence[dict[str, Any]], values: Sequence[str]) -> list[str]:
    """Return the titles that a form's values mean: browsers write line ends in their own way."""
    titles = {_lines(option["title"]): str(option["title"]) for option in options}
    if not {_lines(value) for value in values} <= titles.keys():
        raise Problem(400, "choice")
    return [titles[_lines(value)] for value in values]


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _moment(text: str, title: str, zone: ZoneInfo) -> int:
    """Read a local time; the form's field has no zone, so it is the reader's.

    Where clocks are put forward, a time that they skip is as much later; where they are put back, it is the first of the two.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return from_iso(moment.astimezone(dt.UTC).isoformat(), title)
    except (ValueError, OverflowError):
        raise Problem(400, "moment", title=title, given=text[:40]) from None


def _place(fields: Fields, name: str, title: str) -> Place | None:
    latitude, longitude, said = (
        next(iter(fields.get(f"{name}.{part}", ())), "").strip() for part in ("latitude", "longitude", "name")
    )
    if not latitude and not longitude:
        if said:
            raise Problem(400, "place", title=title)
        return None
    try:
        place: Place = {"latitude": _degrees(latitude, 90), "longitude": _degrees(longitude, 180)}
    except ValueError:
        raise Problem(400, "place", title=title) from None
    return {**place, "name": said[:200]} if said else place


def _degrees(text: str, most: int) -> float:
    degrees = float(text.replace(",", "."))
    if not abs(degrees) <= most:
        raise ValueError(text)
    return degrees


def filled(
    questions: Sequence[dict[str, Any]],
    answers: Sequence[Any],
    zone: ZoneInfo,
    files: Mapping[str, list[dict[str, str]]],
) -> dict[str, list[str]]:
    """Return the fields of a form as an answer, shown as the feed shows it, fills them.

    :param files: of the same answer, from :func:`kept_files`
    """
    fields = {f"{name}.kept": [one["resource"] for one in some] for name, some in files.items()}
    for position, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        name = f"q{position}"
        if answer is None or question["type"] in FILE_QUESTIONS or question["isInvisible"]:
            continue
        match question["type"]:
            case "SingleOption" | "MultiOption":
                fields[name] = [str(one) for one in answer]
            case "Numeric":
                fields[name] = [str(int(answer) if float(answer).is_integer() else answer)]
            case "DateTime":
                fields[name] = [moment_of(answer).astimezone(zone).strftime("%Y-%m-%dT%H:%M").zfill(16)]
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
    op: Operation, answers: Sequence[Any], questions: Sequence[dict[str, Any]]
) -> dict[str, list[dict[str, str]]]:
    """Return the files of the caller's own answer by field: ``{"q3": [{"resource", "name", "url"}]}``."""
    found: dict[str, list[dict[str, str]]] = {}
    for position, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        if question["type"] not in FILE_QUESTIONS or question["isInvisible"] or not answer:
            continue
        ids = {one["mediaUrl"].id: one for one in answer}
        by_resource: dict[str, dict[str, str]] = {}
        for row in files_of(op, list(ids)):
            url = ids[row.id]["mediaUrl"]
            first = by_resource.setdefault(
                row.resource_id, {"resource": row.resource_id, "name": row.name, "url": url}
            )
            if first["url"] != url:
                first["name"] += f", {row.name}"
        found[f"q{position}"] = list(by_resource.values())
    return found
