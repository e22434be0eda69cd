"""What a task remembers across its tries. Airflow 3.3 and newer keep it; before, every try starts anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala import compat

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class TaskState:
    """Values of one task instance, plain JSON. Never holds secrets: Airflow shows them.

    A value belongs to one *life* of the task: clearing a task by hand begins a new one.

    :param context: of the running task
    """

    def __init__(self, context: Context | None) -> None:
        self._store = compat.task_store(context)
        ti = context.get("ti") if context is not None else None
        self._life = str(getattr(ti, "max_tries", None))
        self._try = int(getattr(ti, "try_number", 1))
        run: Any = context.get("dag_run") if context is not None else None
        self._run_after: datetime | None = getattr(run, "run_after", None)

    @property
    def is_kept(self) -> bool:
        """Whether a retry will find what is set now."""
        return self._store is not None

    def begin(self) -> None:
        """Note that the task began, so that :attr:`forgotten_since` can tell that a note was discarded."""
        if self._try == 1:
            self.set("began", True)

    @property
    def forgotten_since(self) -> datetime | None:
        """Since when earlier tries may have set what is gone now; None if all is kept.

        Airflow 3.4 discards what a task has kept when it is cleared by hand, unless it is told not to (``keep_task_state``).
        """
        if not self.is_kept or self._try == 1 or self._run_after is None:
            return None
        return None if self._entry("began") or self._entry("intent") else self._run_after

    def get(self, name: str) -> Any:
        """Return a value of this life of the task, or None."""
        kept = self._entry(name)
        return kept["value"] if kept is not None and kept["life"] == self._life else None

    def get_ever(self, name: str) -> Any:
        """Return a value of any life of the task, or None."""
        kept = self._entry(name)
        return None if kept is None else kept["value"]

    def set(self, name: str, value: Any) -> None:
        """Keep a value; None removes it."""
        if self._store is not None:
            self._store.set(f"kaizala_{name}", {"life": self._life, "value": value})

    def _entry(self, name: str) -> dict[str, Any] | None:
        kept = self._store.get(f"kaizala_{name}") if self._store is not None else None
        return kept if isinstance(kept, dict) and {"life", "value"} <= set(kept) else None


def deadline(context: Context | None, timeout: float, state: TaskState) -> datetime:
    """Return when the wait of a task is over: *timeout* seconds after its first look, in this try or an earlier one."""
    kept = state.get("deadline")
    if isinstance(kept, str):
        return datetime.fromisoformat(kept)
    end = (compat.first_look(context) or datetime.now(tz=UTC)) + timedelta(seconds=timeout)
    state.set("deadline", end.isoformat())
    return end
