"""Reading the page's forms: fields and files, within bounds."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from airflow_provider_kaizala.server.config import MEBIBYTE
from airflow_provider_kaizala.server.page.parts import MAX_FIELDS, MAX_TEXTS, Parts, Upload, plain
from airflow_provider_kaizala.server.page.problems import Problem

#: read to its end, though not kept, so that the browser shows what is answered and not a broken connection
MAX_FORM = 1024 * MEBIBYTE
#: of somebody who is not signed in, and of a form without files; what is typed grows threefold on its way
MAX_PLAIN_FORM = 4 * MAX_TEXTS
#: fields that belong to one rendering of a form, not to what was filled in
FLEETING = ("csrf", "once", "from")


@dataclass(frozen=True)
class Form:
    """What was filled in.

    :param values: each field's values
    :param files: each field's files; empty ones, which browsers send for nothing chosen, are left out
    :param problem: why a file was not taken; the rest of the form is there
    """

    values: Mapping[str, list[str]] = field(default_factory=dict)
    files: Mapping[str, list[Upload]] = field(default_factory=dict)
    problem: Problem | None = None

    def one(self, name: str) -> str:
        """Return a field's value, empty if it is not there."""
        return (self.values.get(name) or [""])[0]

    def all(self, name: str) -> list[str]:
        """Return all values of a field."""
        return list(self.values.get(name, ()))

    def without(self, *names: str) -> Form:
        """Return the fields but for some."""
        return Form({name: values for name, values in self.values.items() if name not in names})

    def close(self) -> None:
        """Drop the files."""
        for uploads in self.files.values():
            for upload in uploads:
                upload.file.close()

    def digest(self) -> bytes:
        """Return what tells this content from another; reads the files."""
        told = hashlib.sha256()
        for name in sorted(self.values.keys() - set(FLEETING)):
            for value in self.values[name]:
                _tell(told, name.encode(), value.encode())
        for name, uploads in sorted(self.files.items()):
            for upload in uploads:
                upload.file.seek(0)
                its_own = hashlib.sha256()
                while chunk := upload.file.read(MEBIBYTE):
                    its_own.update(chunk)
                _tell(told, name.encode(), upload.name.encode(), its_own.digest())
        return told.digest()


def _tell(told: hashlib._Hash, *parts: bytes) -> None:
    for part in parts:
        told.update(len(part).to_bytes(8) + part)


async def read_form(request: Request, *, take_files: bool = False) -> Form:
    """Read a form.

    :param take_files: whether files are kept; else they are passed over
    :raises Problem: 400, 413, 415
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_parts(request, take_files)
    if kind != "application/x-www-form-urlencoded":
        raise Problem(415, "form")
    try:
        content = b"".join([chunk async for chunk in _bounded(request, MAX_PLAIN_FORM)])
        pairs = parse_qsl(
            content.decode("utf-8", "replace"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise Problem(413, "413") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(plain(name), []).append(plain(value))
    return Form(values)


async def _read_parts(request: Request, take_files: bool) -> Form:
    parts = Parts(request.headers["content-type"], take_files=take_files)
    try:
        # Whoever has no cookie of a session has no form with files either.
        async for chunk in _bounded(request, MAX_FORM if request.cookies else MAX_PLAIN_FORM):
            parts.feed(chunk)
        parts.finish()
    except BaseException:
        parts.close()
        raise
    return Form(parts.values, parts.files, parts.problem)


async def _bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise Problem(413, "413")
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise Problem(413, "413")
            yield chunk
    except ClientDisconnect:
        raise Problem(400, "form") from None
