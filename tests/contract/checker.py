"""Check requests of the client and replies of the server against the API description.

A request is looked up by method and path and checked whole: path, query and header parameters, the kind of body, its schema,
and that it names no field which is not described. So is every reply.
"""

from __future__ import annotations

import email.parser
import email.policy
import functools
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema

from airflow_provider_kaizala.client.multipart import Upload
from tests.contract.description import contract, operations

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.effects import Send

JSON, FORM, FILES = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"


def followed(found: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to its end."""
    while "$ref" in found:
        place: Any = contract()
        for name in found["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        found = place
    return found


@functools.cache
def described() -> dict[str, dict[str, Any]]:
    """Each operation by its operationId, with method, path and host."""
    return {
        name: {
            **operation,
            "method": method,
            "path": path,
            "parameters": [followed(each) for each in operation.get("parameters", ())],
            "host": operation.get("servers", contract()["servers"])[0]["url"],
        }
        for name, (method, path, operation) in operations().items()
    }


formats = jsonschema.FormatChecker()


@formats.checks("date-time", raises=(ValueError, AssertionError))
def is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@formats.checks("uri", raises=ValueError)
def is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).netloc)


def fits(value: object, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": contract()["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=formats).validate(value)


def undescribed(value: object, *schemas: dict[str, Any], at: str = "") -> list[str]:
    """Return the fields of *value* that none of the schemas names; an object without any names may hold all."""
    found: list[dict[str, Any]] = []
    for schema in map(followed, schemas):
        found += [schema]
        for how in ("allOf", "anyOf", "oneOf"):
            found += map(followed, schema.get(how, ()))
    if isinstance(value, list):
        items = [each["items"] for each in found if "items" in each]
        return [name for item in value for name in (undescribed(item, *items, at=f"{at}[]") if items else ())]
    if not isinstance(value, dict):
        return []
    known: dict[str, list[dict[str, Any]]] = {}
    others = [
        each["additionalProperties"] for each in found if isinstance(each.get("additionalProperties"), dict)
    ]
    for each in found:
        for name, schema in each.get("properties", {}).items():
            known.setdefault(name, []).append(schema)
    if not known and not others:
        return []
    lost = []
    for name, item in value.items():
        inner = known.get(name, others)
        lost += undescribed(item, *inner, at=f"{at}.{name}") if inner else [f"{at}.{name}"]
    return lost


BODIES = {
    "Survey": "SurveyBody",
    "Job": "JobBody",
    "Poll": "PollBody",
    "LetsMeet": "LetsMeetBody",
    "Announcement": "AnnouncementBody",
}


def find(send: Send) -> tuple[str, dict[str, str]]:
    """Return the operation a request is for, and its path parameters; what is spelled out wins over a parameter."""
    path = urlsplit(send.url).path
    path = path if path.startswith("/api/") else path.removeprefix("/v1")
    assert path != urlsplit(send.url).path or path.startswith("/api/"), f"{path} lies outside of /v1"
    given = [unquote(part, errors="strict") for part in path.split("/")]
    best: tuple[int, str, dict[str, str]] | None = None
    for name, operation in described().items():
        parts = operation["path"].split("/")
        if operation["method"] != send.method or len(parts) != len(given):
            continue
        pairs = list(zip(parts, given, strict=True))
        if all(part.startswith("{") or part == one for part, one in pairs):
            places = {part.strip("{}"): one for part, one in pairs if part.startswith("{")}
            if best is None or len(places) < best[0]:
                best = (len(places), name, places)
    assert best is not None, f"{send.method} {path} is not described"
    return best[1], best[2]


def check_request(send: Send, *, with_body: bool = True) -> str:
    """Check a request in every respect; return its operationId."""
    name, places = find(send)
    operation = described()[name]
    pairs = parse_qsl(
        urlsplit(send.url).query, keep_blank_values=True, strict_parsing=bool(urlsplit(send.url).query)
    )
    query = dict(pairs)
    assert len(query) == len(pairs), f"{name}: a parameter comes twice"
    headers = {key.lower(): value for key, value in send.headers.items()}
    assert ("accesstoken" in headers) == (operation.get("security") != []), f"{name}: access token"
    by_place = {"path": places, "query": query}
    for parameter in operation["parameters"]:
        where = parameter["in"]
        value = (
            headers.get(parameter["name"].lower())
            if where == "header"
            else by_place[where].pop(parameter["name"], None)
        )
        assert value is not None or not parameter.get("required"), f"{name}: {parameter['name']} is missing"
        if value is not None:
            fits(as_typed(value, followed(parameter["schema"])), parameter["schema"])
    assert query == {}, f"{name}: {query} is not described"
    if with_body:
        check_body(name, headers.get("content-type", ""), content_of(send))
    return name


def as_typed(value: str, schema: dict[str, Any]) -> object:
    return json.loads(value) if schema.get("type") in ("integer", "boolean") else value


def content_of(send: Send) -> bytes | None:
    return b"".join(send.content) if isinstance(send.content, Upload) else send.content


def check_body(name: str, content_type: str, content: bytes | None) -> None:
    body = described()[name].get("requestBody")
    if body is None or content is None:
        assert content is None, f"{name}: takes no body"
        assert not (body and body["required"]), f"{name}: needs a body"
        return
    kind = content_type.partition(";")[0]
    assert kind in body["content"], f"{name}: {kind} is not described"
    schema = body["content"][kind]["schema"]
    if kind == FILES:
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        whole = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + content)
        for part in whole.iter_parts():
            assert part.get_param("name", header="content-disposition") in schema["properties"]
            assert part.get_filename()
            assert part["Content-Type"]
        return
    value = dict(parse_qsl(content.decode(), strict_parsing=True)) if kind == FORM else json.loads(content)
    fits(value, schema)
    assert undescribed(value, schema) == []
    if name == "postAction":
        inner = {
            "$ref": f"#/components/schemas/{BODIES.get(value.get('actionType'), 'MediaBody' if 'actionType' in value else 'PackageBody')}"
        }
        fits(value["actionBody"], inner)
        assert undescribed(value["actionBody"], inner) == []


def check_reply(name: str, status: int, headers: dict[str, str], content: bytes) -> None:
    """Check a reply against what is described for its status."""
    found = described()[name]["responses"].get(str(status))
    assert found is not None, f"{name} answered {status}: {content[:500]!r}"
    found = followed(found)
    for header, about in found.get("headers", {}).items():
        assert header.lower() in headers or not about.get("required"), f"{name}: {header} is missing"
    if JSON in found.get("content", {}):
        assert headers["content-type"].startswith(JSON)
        fits(json.loads(content), found["content"][JSON]["schema"])
