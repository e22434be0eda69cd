"""Removing uploaded files that belong to nothing: the server stopped after it had stored them and before it had registered them."""

from __future__ import annotations

import asyncio

from airflow_provider_kaizala.server.domain.media import find_file
from airflow_provider_kaizala.server.state import ServerState


async def sweep_files(server: ServerState) -> None:
    """Keep the files that the database knows after all, and remove the others."""
    for file_id in await asyncio.to_thread(server.media.abandoned):
        known = await server.database.read(lambda conn, its=file_id: find_file(conn, its))  # type: ignore[misc]
        await asyncio.to_thread(server.media.keep if known else server.media.discard, file_id)
