"""Tokens: ``GET /v1/accessToken``."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.kaizala import tokens
from airflow_provider_kaizala.server.state import base_url, state_of
from airflow_provider_kaizala.server.wire.bodies import json_reply
from airflow_provider_kaizala.server.wire.errors import wrong_connector

router = APIRouter()


@router.get("/v1/accessToken")
async def get_access_token(request: Request) -> Response:
    """Exchange connector id, secret and refresh token, all in headers, for a 24 h access token."""
    server = state_of(request)
    connector_id, secret, refresh = (
        request.headers.get(name, "").strip()
        for name in ("applicationid", "applicationsecret", "refreshtoken")
    )
    if not (connector_id and secret and refresh):
        raise wrong_connector()
    endpoint = base_url(request)

    def work(conn: Connection) -> dict[str, object]:
        return tokens.exchange(conn, server.clock.now_ms(), connector_id, secret, refresh, endpoint)

    return json_reply(await server.database.write(work))
