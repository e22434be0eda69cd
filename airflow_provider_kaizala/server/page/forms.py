"""Reading the page's forms: fields and files, within bounds."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from starlette.requests import Request

from airflow_provider_kaizala.server.api.bodies import FORM, form_pairs, kind_of_body, pieces, read_bounded
from airflow_provider_kaizala.server.api.multipart import Bounds, Parts, Upload, plain
from airflow_provider_kaizala.server.config import MEBIBYTE
from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.page.problems import Problem

#: a phone's largest photos have half of the size of one file
BOUNDS = Bounds(file_size=20 * MEBIBYTE, files_size=120 * MEBIBYTE, files=20)
#: read to its end, though not kept, so that the browser shows what is answered and not a broken connection
MAX_FORM = 1024 * MEBIBYTE
#: of a form without files; what is typed grows threefold on its way
MAX_PLAIN_FORM = 4 * BOUNDS.texts_size
#: of somebody whose cookie is not good: their session may have ended while they filled in a form with a photo
MAX_ENDED_FORM = BOUNDS.file_size + MAX_PLAIN_FORM
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
    problem: ApiError | None = None

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


async def read_form(request: Request, *, take_files: bool = False, limit: int = MAX_PLAIN_FORM) -> Form:
    """Read a form.

    :param take_files: whether files are kept; else they are passed over
    :param limit: bytes of all of it
    :raises ApiError: 400, 413, 415
    """
    kind = kind_of_body(request)
    if kind == "multipart/form-data":
        bounds = BOUNDS if take_files else replace(BOUNDS, files=0)
        parts = await Parts(request.headers["content-type"], bounds).read(pieces(request, limit))
        return Form(parts.values, parts.files, parts.problem)
    if kind != FORM:
        raise Problem(415, "form")
    values: dict[str, list[str]] = {}
    raw = await read_bounded(request, MAX_PLAIN_FORM)
    for name, value in await asyncio.to_thread(form_pairs, raw):
        values.setdefault(plain(name), []).append(plain(value))
    return Form(values)
