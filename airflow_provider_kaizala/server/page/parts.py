"""The parts of a ``multipart/form-data`` body as they come: texts are kept, files go to disk, what is too large is passed over.

A form is read to its end even where a file of it is refused, so that what was typed beside it is not lost.
"""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from airflow_provider_kaizala.server.config import MEBIBYTE
from airflow_provider_kaizala.server.page.problems import Problem

#: a phone's largest photos have half of it
MAX_FILE = 20 * MEBIBYTE
#: all files of a form together
MAX_FILES_SIZE = 120 * MEBIBYTE
MAX_FILES = 20
MAX_FIELDS = 1000
#: all texts of a form together, names included
MAX_TEXTS = 1 * MEBIBYTE
#: more parts than that no form has, and each costs something
_MAX_PARTS = MAX_FIELDS + 100
_IN_MEMORY = 1 * MEBIBYTE


class Upload:
    """A file of a form.

    :param name: as the browser says it
    :param mime_type: what the browser takes it for
    """

    def __init__(self, name: str, mime_type: str | None) -> None:
        self.name = name
        self.mime_type = mime_type
        self.size = 0
        self.file = cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - Form.close()

    def add(self, data: bytes) -> None:
        """Write a further piece: into memory, or into a file that the system holds in memory."""
        self.file.write(data)
        self.size += len(data)


class _Part:
    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.name = ""
        self.text = bytearray()
        self.upload: Upload | None = None
        self.is_file = False


class Parts:
    """Takes a body apart.

    :param take_files: else files are passed over
    """

    def __init__(self, content_type: str, *, take_files: bool) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not boundary or len(boundary) > 70:
            raise Problem(400, "form")
        self.values: dict[str, list[str]] = {}
        self.files: dict[str, list[Upload]] = {}
        #: why a file was not taken
        self.problem: Problem | None = None
        self._take_files = take_files
        self._part = _Part()
        self._header, self._header_value = b"", b""
        self._parts = self._texts = self._file_bytes = self._file_count = 0
        self._is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._take_header,
                "on_header_value": self._take_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._name_part,
                "on_part_data": self._take,
                "on_part_end": self._end,
                "on_end": self._end_all,
            },
        )

    def feed(self, data: bytes) -> None:
        """Take a piece of the body; raises :class:`Problem`."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise Problem(400, "form") from None

    def finish(self) -> None:
        """Check that the body was whole; raises :class:`Problem`."""
        if not self._is_whole:
            raise Problem(400, "form")

    def close(self) -> None:
        """Drop the files."""
        for upload in [*(one for some in self.files.values() for one in some), self._part.upload]:
            if upload is not None:
                upload.file.close()

    # --- What the parser tells ----------------------------------------------------------------------------------------
    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise Problem(413, "413")
        self._part = _Part()

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._part.headers[self._header.lower()] = self._header_value
        self._header, self._header_value = b"", b""

    def _name_part(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get(b"content-disposition", b""))
        name = options.get(b"name")
        if name is None:
            raise Problem(400, "form")
        part.name = plain(name)
        self._count_text(len(name))
        filename = options.get(b"filename")
        if filename is None:
            return
        part.is_file = True
        if not filename or not self._take_files:
            return  # browsers send a file without a name for a field where none was chosen
        self._file_count += 1
        if self._file_count > MAX_FILES:
            self.problem = self.problem or Problem(413, "413")
            return
        mime_type = part.headers.get(b"content-type", b"").decode("latin-1")[:100]
        part.upload = Upload(plain(filename), mime_type or None)

    def _take(self, data: bytes, start: int, end: int) -> None:
        part, size = self._part, end - start
        if not part.is_file:
            self._count_text(size)
            part.text += data[start:end]
        elif part.upload is not None:
            self._file_bytes += size
            if part.upload.size + size > MAX_FILE:
                told = {"name": part.upload.name[:80], "megabytes": MAX_FILE // MEBIBYTE}
                self._pass_over(Problem(413, "file_size", **told))
            elif self._file_bytes > MAX_FILES_SIZE:
                self._pass_over(Problem(413, "413"))
            else:
                part.upload.add(data[start:end])

    def _pass_over(self, problem: Problem) -> None:
        self.problem = self.problem or problem
        if self._part.upload is not None:
            self._file_bytes -= self._part.upload.size
            self._part.upload.file.close()
        self._part.upload = None

    def _end(self) -> None:
        part = self._part
        if part.upload is not None:
            self.files.setdefault(part.name, []).append(part.upload)
        elif not part.is_file:
            self.values.setdefault(part.name, []).append(plain(part.text))
        self._part = _Part()

    def _end_all(self) -> None:
        self._is_whole = True

    def _count_text(self, size: int) -> None:
        self._texts += size
        if self._texts > MAX_TEXTS:
            raise Problem(413, "413")


def plain(text: bytes | bytearray | str) -> str:
    """Return a text as the database takes it, with the line ends of everywhere else."""
    if not isinstance(text, str):
        text = text.decode("utf-8", "replace")
    return text.replace("\0", "").replace("\r\n", "\n").encode("utf-8", "replace").decode()
