"""Post files: as media, or with an announcement."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import (
    Announcement,
    Audience,
    Media,
    Posted,
    Sent,
    checks,
    media_type,
)
from airflow_provider_kaizala.client.multipart import Part
from airflow_provider_kaizala.operators.post import KaizalaPostOperator
from airflow_provider_kaizala.templating import is_literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.tasks.posting import Fingerprint

    File: TypeAlias = str | Path | ObjectStoragePath


def _listed(files: Any) -> list[Any]:
    if files is None:
        return []
    return list(files) if isinstance(files, (list, tuple)) else [files]


def _check_type(file: Any) -> tuple[str, str]:
    """Return kind and MIME type, by the name."""
    if not isinstance(file, (str, os.PathLike)) and not hasattr(file, "open"):
        raise KaizalaInputError(f"files: a path is needed, not {checks.shown(file)}")
    try:
        return media_type(PurePosixPath(str(file)).name)
    except KaizalaInputError as error:
        raise KaizalaInputError(f"files: {error}") from None


def _part(file: Any) -> Part:
    """Return one file of an upload; it has to be there, and to hold something."""
    content_type = _check_type(file)[1]
    path: Any = Path(file) if isinstance(file, str) else file
    try:
        if isinstance(file, str) and "://" in file:
            from airflow.providers.common.compat.sdk import ObjectStoragePath

            path = ObjectStoragePath(file)
        there = path.is_file()
    except (ImportError, ValueError) as error:  # no such protocol, or its library is not installed
        raise KaizalaInputError(f"files: {str(file)!r} cannot be opened here: {error}") from None
    if not there:
        raise KaizalaInputError(
            f"files: {str(file)!r} is not there, or is no file; the worker must be able to read it"
        )
    if path.stat().st_size == 0:
        raise KaizalaInputError(f"files: {str(file)!r} is empty; Kaizala shows nothing of it")
    return Part(path.name, content_type, partial(path.open, "rb"))


def check_files(files: Any) -> None:
    """Check the types of files, by their names.

    :raises KaizalaInputError: if Kaizala takes no such file
    """
    for file in _listed(files):
        _check_type(file)


def open_files(files: Any) -> list[Part]:
    """Return files as parts of an upload; they have to be there.

    :raises KaizalaInputError: if one is not, or is of a type that Kaizala does not take
    """
    return [_part(file) for file in _listed(files)]


class KaizalaSendMediaOperator(KaizalaPostOperator):
    """Post a file, or several images as an album.

    Images: jpg, jpeg, png. Documents: doc, docx, xls, xlsx, ppt, pptx, pdf. Audio: mp3, wav. Video: mp4, 3gpp.

    :param files: a path, an ``ObjectStoragePath`` or its URL (``s3://…``), or a list of images for an album (templated)
    :param caption: shown with it (templated)
    """

    sends: ClassVar[type[Sent]] = Media
    template_fields: Sequence[str] = ("files", "caption", *KaizalaPostOperator.template_fields)

    def __init__(self, *, files: File | Sequence[File], caption: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.files = files
        self.caption = caption
        self.check_literals()
        if is_literal(self.files):
            self.kind()

    def kind(self) -> str:
        """Return the type of action that the files make.

        :raises KaizalaInputError: if Kaizala does not take them, or not together
        """
        files = _listed(self.files)
        if not files:
            raise KaizalaInputError("files is empty; give a path, or several for an album")
        kinds = {str(file): _check_type(file)[0] for file in files}
        if len(files) == 1:
            return next(iter(kinds.values()))
        others = sorted(name for name, kind in kinds.items() if kind != "Image")
        if others:
            raise KaizalaInputError(f"files: an album holds images only; post {', '.join(others)} by itself")
        return "Album"

    def known_by(self) -> Fingerprint | None:
        """Return None: of media Kaizala lists images alone, without their captions."""
        return None

    def call(self, group_id: str, audience: Audience) -> Call[Posted]:
        """Upload the files; return the call that posts them."""
        from airflow_provider_kaizala.client import calls

        kind = self.kind()
        Media(kind, "checked before the upload", self.caption)
        parts = open_files(self.files)
        resource = self.hook.run(calls.upload_media(group_id, parts))
        return calls.post_action(group_id, self.sent(kind=kind, media_resource=resource), audience)


class KaizalaSendAnnouncementOperator(KaizalaPostOperator):
    """Post an announcement: a notice with a title and files if wanted.

    :param text: 1 to 4,000 characters (templated)
    :param title: its headline (templated)
    :param files: paths, ``ObjectStoragePath``s or their URLs (templated)
    """

    sends: ClassVar[type[Sent]] = Announcement
    template_fields: Sequence[str] = ("text", "title", "files", *KaizalaPostOperator.template_fields)

    def __init__(
        self, *, text: str, title: str | None = None, files: File | Sequence[File] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.title = title
        self.files = files
        self.check_literals()
        if is_literal(self.files):
            check_files(self.files)

    def call(self, group_id: str, audience: Audience) -> Call[Posted]:
        """Upload the files; return the call that posts the announcement."""
        from airflow_provider_kaizala.client import calls

        self.sent()
        parts = open_files(self.files)
        media = tuple(self.hook.run(calls.upload_media(group_id, [part])) for part in parts)
        return calls.post_action(group_id, self.sent(media=media), audience)
