"""Searching an organisation's groups by name."""

from __future__ import annotations

from sqlalchemy import select

from airflow_provider_kaizala.server.domain.access import reached_groups
from airflow_provider_kaizala.server.domain.context import TENANT, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, denied
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.groups import describe
from airflow_provider_kaizala.server.store.tables import chat_group

DEFAULT_PAGE = 10
MAX_PAGE = 100


def find_groups(op: Operation, query: Fields) -> dict[str, object]:
    """Return groups of the tenant whose name holds a text; needs a tenant-level token."""
    if op.caller.kind != TENANT:
        raise denied("Searching the organisation needs a tenant-level user token")
    if not query.has("query"):
        raise bad_request("query is required")
    text = query.optional_text("query", most=200) or ""
    offset = query.integer("resultsOffset", least=0) or 0
    size = query.integer("pageSize", least=1)
    size = DEFAULT_PAGE if size is None else min(size, MAX_PAGE)
    g = chat_group.c
    ids = op.conn.execute(
        select(g.id)
        .where(
            g.tenant_id == op.caller.tenant_id,
            g.deleted_ms.is_(None),
            g.name.icontains(text, autoescape=True),
        )
        .order_by(g.name, g.id)
        .offset(offset)
        .limit(size)
    ).scalars()
    return {"groups": describe(op, [*reached_groups(op, ids.all()).values()], with_counts=True)}
