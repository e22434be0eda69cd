"""The tables of uploaded media; the files themselves lie in a folder, see ``media_files.py``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text

from airflow_provider_kaizala.server.store.columns import metadata, time_column

media_resource = Table(
    "media_resource",
    metadata,
    # What a mediaResource string names: one file, or the files of an album.
    Column("id", String(128), primary_key=True),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False),
    Column("uploader_id", ForeignKey("person.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    time_column("created_ms"),
)

media_file = Table(
    "media_file",
    metadata,
    # The id is the unguessable part of the file's URL and its name on disk.
    Column("id", String(128), primary_key=True),
    Column("resource_id", ForeignKey("media_resource.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    # Of a photo, as it is seen.
    Column("width", Integer, nullable=True),
    Column("height", Integer, nullable=True),
)
