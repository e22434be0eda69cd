"""Files that a person sends from the page, and the messages that carry them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from airflow_provider_kaizala.server.api.media import plain_name
from airflow_provider_kaizala.server.api.multipart import Upload
from airflow_provider_kaizala.server.domain.access import find_group
from airflow_provider_kaizala.server.domain.action_posting import post_action
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.media import StoredFile, add_resource
from airflow_provider_kaizala.server.domain.media_kinds import kind_of, named_for, recognize
from airflow_provider_kaizala.server.page.problems import Problem
from airflow_provider_kaizala.server.people.operations import write_text
from airflow_provider_kaizala.server.state import ServerState


async def store_files(
    server: ServerState, uploads: Sequence[Upload], *, images_only: bool = False
) -> list[StoredFile]:
    """Put files into the media store, of the kind that their content shows, whatever they are called.

    :raises Problem: 415 with the file that is not taken; nothing is stored then
    """
    stored: list[StoredFile] = []
    try:
        for upload in uploads:
            one = await asyncio.to_thread(_store, server, upload, images_only)
            stored.append(one)
    except ApiError:
        discard(server, stored)
        raise
    return stored


def _store(server: ServerState, upload: Upload, images_only: bool) -> StoredFile:
    name = plain_name(upload.name)
    shown = recognize(upload.file)
    if shown is None:
        raise Problem(415, "file_kind", name=name[:80])
    if shown == "application/msword":  # all old Office files look alike: the name tells which
        try:
            shown = kind_of(name, upload.mime_type)[1]
        except ApiError:
            shown = "application/msword"
    kind, mime_type = kind_of("", shown)
    if images_only and kind != "Image":
        raise Problem(415, "photo_kind", name=name[:80])
    upload.file.seek(0)
    saved = server.media.save(upload.file, mime_type)
    return StoredFile(saved.id, named_for(name, mime_type), kind, mime_type, *saved[1:])


def discard(server: ServerState, files: list[StoredFile]) -> None:
    """Remove files that nothing refers to."""
    for one in files:
        server.media.discard(one.id)


def resource_of(op: Operation, files: list[StoredFile]) -> str:
    """Register files as one media resource."""
    if len(files) > 1 and any(one.kind != "Image" for one in files):
        raise Problem(400, "album")
    return add_resource(op, files)


# --- Messages ---------------------------------------------------------------------------------------------------------
def write(op: Operation, group_id: str, text: str, files: list[StoredFile], reply_to: str) -> str:
    """Post a text, or files with the text as their caption; return the reference id."""
    fields: dict[str, Any] = {"replyToReferenceId": reply_to} if reply_to else {}
    if len(text) > 4000:
        raise Problem(400, "too_long", most=4000, given=len(text))
    if not files:
        if not text.strip():
            raise Problem(400, "empty_text")
        return str(write_text(op, group_id, Fields({"text": text, **fields}))["referenceId"])
    access = find_group(op, group_id)
    if access.is_hub:
        fields["sendToAllSubscribers"] = True
    body = {"mediaResource": resource_of(op, files), "caption": text}
    kind = files[0].kind if len(files) == 1 else "Album"
    posted = post_action(op, group_id, Fields({"actionType": kind, "actionBody": body, **fields}))
    return str(posted["referenceId"])
