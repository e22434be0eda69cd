"""The open waits: which tasks wait for people now, and for what.

A deferred task's wait travels with its trigger. From Airflow 3.3 on, tasks that wait in their worker or rescheduled keep theirs in
the task state store, once they have looked; before, nothing of them is in the database.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from sqlalchemy import and_, func, literal, or_, select
from sqlalchemy.orm import lazyload

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.waiting.wait import Wait

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

#: waits on one page
PAGE = 50
TRIGGERS = "airflow_provider_kaizala.triggers."
#: the key under which a task keeps its wait, see :class:`~airflow_provider_kaizala.tasks.state.TaskState`
STATE_KEY = "kaizala_wait"
DEFERRED = "deferred"
IN_WORKERS = ("running", "up_for_reschedule")
#: arguments that say what a task asks, the most telling first
QUESTIONS = ("question", "subject", "title")


class OpenWait(Value):
    """A task that waits for people.

    :param conn_id: the connection; None if it is not known
    :param wire: the wait as a plain dict; None if it cannot be read
    :param wait: the same; None if this version does not know it
    :param asked: what the task asks, as its arguments say; None if they do not
    :param since: when the task began
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str
    since: datetime | None
    conn_id: str | None
    wire: Mapping[str, Any] | None
    wait: Wait | None
    asked: str | None


class Waits(Value):
    """A page of the open waits.

    :param total: number of open waits on all pages
    """

    open: tuple[OpenWait, ...]
    total: int


def read_waits(session: Session, dag_ids: Collection[str], page: int) -> Waits:
    """Return the open waits of these DAGs, the oldest first.

    :param page: its number, from 1
    """
    ti, rendered, store = TaskInstance, RenderedTaskInstanceFields, compat.task_state_model()
    waiting = and_(ti.state == DEFERRED, Trigger.classpath.startswith(TRIGGERS, autoescape=True))
    kept: Any = literal(None)
    if store is not None:
        kept = store.value
        waiting = or_(waiting, and_(ti.state.in_(IN_WORKERS), store.value.is_not(None)))
    columns = (ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.state, ti.start_date, ti.max_tries)
    query: Any = (
        select(
            *columns,
            Trigger,
            rendered.rendered_fields,
            kept.label("kept"),
            func.count().over().label("total"),
        )
        .select_from(ti)
        .outerjoin(Trigger, ti.trigger_id == Trigger.id)
        .outerjoin(rendered, _is_of_task(rendered))
    )
    if store is not None:
        query = query.outerjoin(store, and_(_is_of_task(store), store.key == STATE_KEY))
    query = (
        query.where(ti.dag_id.in_(dag_ids), waiting)
        .order_by(ti.start_date, ti.id)
        .offset((page - 1) * PAGE)
        .limit(PAGE)
        .options(lazyload(Trigger.task_instance))
    )
    rows = session.execute(query).all()
    found = [_read(row) for row in rows]
    return Waits(tuple(each for each in found if each is not None), rows[0].total if rows else 0)


def _is_of_task(record: Any) -> Any:
    columns = compat.columns_of_task(record).items()
    return and_(*(getattr(record, its) == getattr(TaskInstance, of_task) for its, of_task in columns))


def _read(row: Any) -> OpenWait | None:
    arguments = row.rendered_fields if isinstance(row.rendered_fields, Mapping) else {}
    conn_id, wire = arguments.get("kaizala_conn_id"), None
    if row.state == DEFERRED:
        given = _arguments_of(row.Trigger)
        conn_id, wire = given.get("kaizala_conn_id", conn_id), given.get("wait")
    else:
        wire = _kept(row.kept, row.max_tries)
        if wire is None:
            return None
    wire = wire if isinstance(wire, Mapping) else None
    asked = next((text for name in QUESTIONS if isinstance(text := arguments.get(name), str) and text), None)
    return OpenWait(
        row.dag_id, row.run_id, row.task_id, row.map_index, row.state, row.start_date,
        conn_id if isinstance(conn_id, str) else None, wire, _wait(wire), asked,
    )  # fmt: skip


def _arguments_of(trigger: Trigger) -> Mapping[str, Any]:
    try:
        return trigger.kwargs
    except Exception:  # such as another Fernet key
        log.warning("The arguments of trigger %s cannot be read", trigger.id, exc_info=True)
        return {}


def _kept(text: str | None, max_tries: int) -> Any:
    """Return what the task keeps of this life of it, see :class:`~airflow_provider_kaizala.tasks.state.TaskState`; None if nothing."""
    try:
        kept = json.loads(text or "null")
    except ValueError:
        return None
    is_of_now = isinstance(kept, dict) and kept.get("life") == str(max_tries)
    return kept.get("value") if is_of_now else None


def _wait(wire: Mapping[str, Any] | None) -> Wait | None:
    try:
        return None if wire is None else Wait.from_wire(wire)
    except (KaizalaError, KeyError, TypeError, ValueError):  # of a newer version
        return None
