"""Uploaded media: a ``mediaResource`` string names one file, or the files of an album."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import DAY
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, over_quota
from airflow_provider_kaizala.server.hashing import new_token
from airflow_provider_kaizala.server.store.media_links import PREFIX, MediaLink
from airflow_provider_kaizala.server.store.tables import media_file, media_resource, person

MediaRef = dict[str, str]


class StoredFile(NamedTuple):
    """A file that lies in the media store; its id is unguessable and part of its URL."""

    id: str
    name: str
    kind: str
    mime_type: str
    size: int
    width: int | None = None
    height: int | None = None


def add_resource(op: Operation, files: Sequence[StoredFile]) -> str:
    """Register stored files as one resource and return its id; several make an album, of images only."""
    kind = files[0].kind if len(files) == 1 else "Album"
    if kind == "Album" and any(one.kind != "Image" for one in files):
        raise bad_request("Several files make an album, which holds images only")
    resource_id = new_token()
    op.conn.execute(
        media_resource.insert(),
        {
            "id": resource_id,
            "tenant_id": op.caller.tenant_id,
            "uploader_id": op.caller.person_id,
            "kind": kind,
            "created_ms": op.now_ms,
        },
    )
    op.conn.execute(
        media_file.insert(),
        [
            {
                "id": one.id,
                "resource_id": resource_id,
                "position": position,
                "name": one.name,
                "mime_type": one.mime_type,
                "size": one.size,
                "width": one.width,
                "height": one.height,
            }
            for position, one in enumerate(files)
        ],
    )
    return resource_id


def check_quota(op: Operation, files: Sequence[StoredFile], most: int) -> None:
    """Refuse files that would take the caller over what a person may upload in 24 hours.

    :param most: bytes, 0 for no limit
    """
    if not most or not files:
        return
    r, f = media_resource.c, media_file.c
    # One upload of a person after the other, in all processes; whatever else refers to the person need not wait.
    me = select(person.c.id).where(person.c.id == op.caller.person_id)
    op.conn.execute(me.with_for_update(key_share=True))
    before = op.conn.execute(
        select(func.coalesce(func.sum(f.size), 0))
        .join(media_resource, r.id == f.resource_id)
        .where(r.uploader_id == op.caller.person_id, r.created_ms > op.now_ms - DAY)
    ).scalar_one()
    if before + sum(one.size for one in files) > most:
        raise over_quota(most)


def find_resource(
    op: Operation, resource: str, field: str, kinds: tuple[str, ...] | None = None
) -> list[MediaRef]:
    """Return the files of a resource as ``{"id", "name"}``; 400 if it is unknown or of another kind."""
    found = _files_of(op, resource)
    if not found:
        raise bad_request(f"{field} is not a mediaResource of an upload")
    if kinds is not None and found[0].kind not in kinds:
        raise bad_request(f"{field} is of the kind {found[0].kind}, not {' or '.join(kinds)}")
    return [{"id": one.id, "name": one.name} for one in found]


def read_picture(op: Operation, given: str | None) -> str | MediaLink:
    """Return the picture of a group, a bot or an option: a link to an uploaded image, anything else as it was given."""
    found = _files_of(op, given) if given else ()
    if found and found[0].kind == "Image":
        return MediaLink(found[0].id, found[0].name)
    # Nobody gets a link to a file by writing it as the database does.
    return "" if given is None or given.startswith(PREFIX) else given


def _files_of(op: Operation, resource: str) -> Sequence[Any]:
    r, f = media_resource.c, media_file.c
    return op.conn.execute(
        select(r.kind, f.id, f.name)
        .join(media_file, f.resource_id == r.id)
        .where(r.id == resource[:128], r.tenant_id == op.caller.tenant_id)
        .order_by(f.position)
    ).all()


def files_of(op: Operation, ids: Sequence[str]) -> Sequence[Any]:
    """Return id, resource, name, width and height of files, those of a resource in their order."""
    f = media_file.c
    columns = (f.id, f.resource_id, f.name, f.width, f.height)
    return op.conn.execute(select(*columns).where(f.id.in_(ids)).order_by(f.resource_id, f.position)).all()


def as_attachment(ref: MediaRef) -> dict[str, object]:
    """Return a file as answers and attachment events show it."""
    return {"mediaUrl": MediaLink(**ref), "mediaFileName": ref["name"]}


def as_announced(ref: MediaRef) -> dict[str, object]:
    """Return a file as announcements show it: under both pairs of names (C12)."""
    link = MediaLink(**ref)
    return {"url": link, "fileName": ref["name"], "mediaUrl": link, "mediaFileName": ref["name"]}


def find_file(conn: Connection, file_id: str, tenant_id: str | None = None) -> StoredFile | None:
    """Find a file by the unguessable part of its URL.

    :param tenant_id: only of this tenant
    """
    r, f = media_resource.c, media_file.c
    found = conn.execute(
        select(f.id, f.name, r.kind, f.mime_type, f.size, f.width, f.height)
        .join(media_resource, r.id == f.resource_id)
        .where(f.id == file_id[:128], *(() if tenant_id is None else (r.tenant_id == tenant_id,)))
    ).first()
    return None if found is None else StoredFile(*found)
