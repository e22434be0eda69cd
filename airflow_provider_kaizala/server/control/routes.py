"""The control plane under ``/_test/``, there only in test mode."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.startup import start_over
from airflow_provider_kaizala.server.state import state_of
from airflow_provider_kaizala.server.wire.bodies import json_reply

router = APIRouter(prefix="/_test")


@router.post("/reset")
async def reset(request: Request) -> Response:
    """Go back to the seed the server was started with, or to an empty database, and to real time."""
    server = state_of(request)
    server.clock.reset()
    await server.database.write(lambda conn: start_over(conn, server.config, server.clock.now_ms()))
    server.media.clear()
    return json_reply({})
