"""What a task remembers over its tries. Airflow 3.3 keeps it; before, a retry starts anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala import compat

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class Memory:
    """Notes of one task instance, plain JSON. Holds no secrets: Airflow shows them.

    :param context: of the task that runs
    """

    def __init__(self, context: Context | None) -> None:
        self._store = compat.task_store(context)
        self._life = str(getattr(_ti(context), "max_tries", None))

    @property
    def lasts(self) -> bool:
        """Whether a retry will find it."""
        return self._store is not None

    def get(self, name: str) -> Any:
        """Return a note of this life of the task, or None. Clearing a task by hand begins a new life."""
        kept = self.get_ever(name)
        return kept["value"] if kept is not None and kept["life"] == self._life else None

    def get_ever(self, name: str) -> dict[str, Any] | None:
        """Return a note with the ``life`` it is of, also of one that was cleared since."""
        kept = self._store.get(f"kaizala_{name}") if self._store is not None else None
        return kept if isinstance(kept, dict) and {"life", "value"} <= set(kept) else None

    def set(self, name: str, value: Any) -> None:
        """Note something; None takes a note back."""
        if self._store is not None:
            self._store.set(f"kaizala_{name}", {"life": self._life, "value": value})


def _ti(context: Context | None) -> Any:
    return context.get("ti") if context is not None else None


def deadline(context: Context | None, timeout: float, memory: Memory) -> datetime:
    """Return when the wait of a task is over: *timeout* seconds after its first try began, or its first look in this one."""
    kept = memory.get("deadline")
    if isinstance(kept, str):
        return datetime.fromisoformat(kept)
    end = (compat.first_look(context) or datetime.now(tz=UTC)) + timedelta(seconds=timeout)
    memory.set("deadline", end.isoformat())
    return end
