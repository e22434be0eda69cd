"""Files that a person sends from the page, and the messages that carry them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from airflow_provider_kaizala.server.api.media import plain_name
from airflow_provider_kaizala.server.api.multipart import Upload
from airflow_provider_kaizala.server.domain.access import find_group, need_member
from airflow_provider_kaizala.server.domain.action_bodies import ActionDraft
from airflow_provider_kaizala.server.domain.action_posting import post_action
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import ApiError, store_failed
from airflow_provider_kaizala.server.domain.media import StoredFile, add_resource
from airflow_provider_kaizala.server.domain.media_kinds import kind_of, named_for, recognize
from airflow_provider_kaizala.server.domain.messages import MAX_TEXT, write_text
from airflow_provider_kaizala.server.domain.posts import find_audience
from airflow_provider_kaizala.server.page.problems import Problem
from airflow_provider_kaizala.server.state import ServerState
from airflow_provider_kaizala.server.store.errors import StoreError


async def store_files(
    server: ServerState, uploads: Sequence[Upload], *, images_only: bool = False
) -> list[StoredFile]:
    """Put files into the media store, of the kind that their content shows, whatever they are called.

    :raises ApiError: 415 with the file that is not taken, 503 if the disk is full; nothing is stored then
    """
    stored: list[StoredFile] = []
    try:
        for upload in uploads:
            one = await asyncio.to_thread(_store, server, upload, images_only)
            stored.append(one)
    except StoreError as error:
        discard(server, stored)
        raise store_failed(error) from None
    except Exception:
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
    if len(text) > MAX_TEXT:
        raise Problem(400, "too_long", most=MAX_TEXT, given=len(text))
    if not files and not text.strip():
        raise Problem(400, "empty_text")
    access = need_member(find_group(op, group_id))
    if not files:
        return write_text(op, access, text, reply_to)
    kind = files[0].kind if len(files) == 1 else "Album"
    draft = ActionDraft(kind, title=text, text=text, media=(resource_of(op, files),))
    audience = find_audience(op, access, to_all=True)
    return post_action(op, access, draft, audience, reply_to).reference_id
