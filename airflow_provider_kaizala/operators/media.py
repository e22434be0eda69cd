"""Post files: as media, or with an announcement."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.providers.common.compat import sdk

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Announcement, Media, media_type
from airflow_provider_kaizala.client.multipart import Part
from airflow_provider_kaizala.operators.base import KaizalaPostOperator, PostArguments
from airflow_provider_kaizala.tasks.arguments import is_literal

if TYPE_CHECKING:
    from typing import Unpack

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    File: TypeAlias = str | Path | ObjectStoragePath


def _listed(files: Any) -> list[Any]:
    """Return one file or several as a list; the output of a mapped task is a sequence of Airflow's own."""
    if files is None:
        return []
    return list(files) if isinstance(files, Sequence) and not isinstance(files, (str, bytes)) else [files]


def _check_type(file: Any) -> tuple[str, str]:
    """Return kind and MIME type, by the name."""
    if not isinstance(file, (str, os.PathLike)) and not hasattr(file, "open"):
        raise KaizalaInputError(f"files must be paths, not {checks.shown(file)}")
    try:
        return media_type(PurePosixPath(str(file)).name)
    except KaizalaInputError as error:
        raise KaizalaInputError(f"files: {error}") from None


def _part(file: Any) -> Part:
    """Return one file of an upload; it has to exist, and must not be empty."""
    content_type = _check_type(file)[1]
    path: Any = Path(file) if isinstance(file, str) else file
    try:
        if isinstance(file, str) and "://" in file:
            path = sdk.ObjectStoragePath(file)  # its library is loaded here: few tasks need it
        is_file = path.is_file()
    except (ImportError, ValueError) as error:  # no such protocol, or its library is not installed
        raise KaizalaInputError(f"files: {str(file)!r} cannot be opened here: {error}") from None
    if not is_file:
        raise KaizalaInputError(
            f"files: {str(file)!r} does not exist or is not a file; the worker must be able to read it"
        )
    if path.stat().st_size == 0:
        raise KaizalaInputError(f"files: {str(file)!r} is empty; Kaizala does not show empty files")
    return Part(path.name, content_type, partial(path.open, "rb"))


def check_files(files: Any) -> None:
    """Check the types of files, by their names.

    :raises KaizalaInputError: if Kaizala does not accept one
    """
    for file in _listed(files):
        _check_type(file)


def open_files(files: Any) -> list[Part]:
    """Return files as parts of an upload; they have to exist.

    :raises KaizalaInputError: if one does not, or is of a type that Kaizala does not accept
    """
    return [_part(file) for file in _listed(files)]


class KaizalaSendMediaOperator(KaizalaPostOperator):
    """Post a file, or several images as an album.

    Images: jpg, jpeg, png. Documents: doc, docx, xls, xlsx, ppt, pptx, pdf. Audio: mp3, wav. Video: mp4, 3gpp. Kaizala lists media
    without their captions, so if it is unknown whether they were posted, ``on_unknown_outcome`` decides. The other arguments are
    those of :class:`~airflow_provider_kaizala.operators.base.KaizalaPostOperator`.

    :param files: a path, an ``ObjectStoragePath`` or its URL (``s3://…``), or a list of images for an album (templated)
    :param caption: shown with it (templated)
    :return: ``{"group_id", "reference_id", "action_id"}``; ``action_id`` is None
    """

    sends = Media
    template_fields: Sequence[str] = ("files", "caption")

    def __init__(
        self, *, files: File | Sequence[File], caption: str | None = None, **kwargs: Unpack[PostArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.files = files
        self.caption = caption

    def check_arguments(self) -> None:
        """Check the arguments that are known when the DAG is parsed."""
        super().check_arguments()
        if is_literal(self.files):
            self._action_type()

    def _action_type(self) -> str:
        """Return the type of action that the files make."""
        files = _listed(self.files)
        if not files:
            raise KaizalaInputError("files is empty; give a path, or several for an album")
        kinds = {str(file): _check_type(file)[0] for file in files}
        if len(files) == 1:
            return next(iter(kinds.values()))
        others = sorted(name for name, kind in kinds.items() if kind != "Image")
        if others:
            raise KaizalaInputError(
                f"files: an album consists of images only; post {', '.join(others)} separately"
            )
        return "Album"

    def content(self, group_id: str) -> Any:
        """Return the media, uploaded; everything is checked before."""
        kind = self._action_type()
        caption = Media.check("caption", self.resolved("caption"))
        parts = open_files(self.files)
        return Media(kind, self.hook.run(calls.upload_media(group_id, parts)), caption)


class KaizalaSendAnnouncementOperator(KaizalaPostOperator):
    """Post an announcement: a text with a title and files if wanted.

    Kaizala does not list announcements, so if it is unknown whether one was posted, ``on_unknown_outcome`` decides. The other
    arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaPostOperator`.

    :param text: 1 to 4,000 characters, or a file ending in ``.j2`` or ``.jinja`` (templated)
    :param title: its headline (templated)
    :param files: paths, ``ObjectStoragePath`` objects, or their URLs (templated)
    :return: ``{"group_id", "reference_id", "action_id"}``
    """

    sends = Announcement
    template_fields: Sequence[str] = ("text", "title", "files")

    def __init__(
        self,
        *,
        text: str,
        title: str | None = None,
        files: File | Sequence[File] = (),
        **kwargs: Unpack[PostArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.title = title
        self.files = files

    def check_arguments(self) -> None:
        """Check the arguments that are known when the DAG is parsed."""
        super().check_arguments()
        if is_literal(self.files):
            check_files(self.files)

    def content(self, group_id: str) -> Any:
        """Return the announcement, with its files uploaded; everything is checked before."""
        given = self.given(Announcement)
        Announcement(**given)
        parts = open_files(self.files)
        media = tuple(self.hook.run(calls.upload_media(group_id, [part])) for part in parts)
        return Announcement(**given, media=media)
