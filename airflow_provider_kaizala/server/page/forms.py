"""Reading the page's forms: fields and files, within bounds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from starlette.datastructures import UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from airflow_provider_kaizala.server.config import MEBIBYTE
from airflow_provider_kaizala.server.page.problems import Problem

#: a phone's largest photos have half of it
MAX_FILE = 20 * MEBIBYTE
MAX_FORM = 120 * MEBIBYTE
#: of somebody who has not signed in: texts only
MAX_STRANGERS_FORM = 1 * MEBIBYTE
MAX_FILES = 20
MAX_FIELDS = 1000


@dataclass(frozen=True)
class Form:
    """What was filled in.

    :param values: each field's values
    :param files: each field's files; empty ones, which browsers send for nothing chosen, are left out
    """

    values: Mapping[str, list[str]] = field(default_factory=dict)
    files: Mapping[str, list[UploadFile]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """Return a field's value, empty if it is not there."""
        return (self.values.get(name) or [""])[0]

    def all(self, name: str) -> list[str]:
        """Return all values of a field."""
        return list(self.values.get(name, ()))

    async def close(self) -> None:
        """Drop the files."""
        for uploads in self.files.values():
            for upload in uploads:
                await upload.close()


async def read_form(request: Request, *, known: bool) -> Form:
    """Read a form to its end, so that the browser shows what is answered and not a broken connection.

    :param known: whether somebody has signed in; else only texts are taken
    :raises Problem: 400 and 413
    """
    limit = MAX_FORM if known else MAX_STRANGERS_FORM
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    stream = _bounded(request, limit)
    try:
        if kind == "multipart/form-data":
            multipart = MultiPartParser(
                request.headers, stream, max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MEBIBYTE
            )
            data = await multipart.parse()
        elif kind == "application/x-www-form-urlencoded":
            data = await FormParser(request.headers, stream).parse()
        else:
            raise Problem(415, "form")
    except (MultiPartException, KeyError, ValueError, UnicodeError):
        raise Problem(400, "form") from None
    except ClientDisconnect:
        raise Problem(400, "form") from None
    values: dict[str, list[str]] = {}
    files: dict[str, list[UploadFile]] = {}
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            if value.filename:
                files.setdefault(name, []).append(value)
            else:
                await value.close()
        else:
            values.setdefault(name, []).append(_plain(value))
    form = Form(values, files)
    for uploads in files.values():
        for upload in uploads:
            if (upload.size or 0) > MAX_FILE:
                name = upload.filename or ""
                await form.close()
                raise Problem(413, "file_size", name=name[:80], megabytes=MAX_FILE // MEBIBYTE)
    return form


def _plain(value: str) -> str:
    """Return a text as the database takes it, with the line ends of everywhere else."""
    return value.replace("\0", "").replace("\r\n", "\n").encode("utf-8", "replace").decode()


async def _bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise Problem(413, "413")
        yield chunk
