"""What every operator and sensor has: a connection, perhaps a group, and one way to fail."""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaUnknownOutcomeError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks.arguments import TEMPLATE_EXT, CheckedArguments, TaskArguments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check


class ConnectionArguments(TaskArguments, total=False):
    """Arguments of every operator and sensor."""

    kaizala_conn_id: str


class GroupArguments(ConnectionArguments, total=False):
    """Arguments of those that work in one group."""

    group_id: str | None


def _group_id(name: str, value: Any) -> Any:
    """Check a group id; an empty one, as a DAG's param may be, stands for the connection's default group."""
    return checks.group_id(name, value) if value else None


class KaizalaTask(CheckedArguments):
    """Mixin of all operators and sensors. A subclass does its work in :meth:`run_task`."""

    template_ext: Sequence[str] = TEMPLATE_EXT
    #: what this process has pushed; None if the task was deferred, and another process may have
    pushed_links: Mapping[str, str] | None = MappingProxyType({})
    if TYPE_CHECKING:
        kaizala_conn_id: str
        task_id: str
        log: Any

        @property
        def output(self) -> Any:
            """Airflow's annotation has no ``output["action_id"]``, though it works."""

    @cached_property
    def hook(self) -> KaizalaHook:
        """The hook of this task."""
        return KaizalaHook(self.kaizala_conn_id)

    def run_task(self, context: Context) -> Any:
        """Do the work, and return what goes to XCom."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Do the work.

        :raises AirflowFailException: for a wrong argument, and if it is unknown whether a call was carried out: a retry could
            repeat it
        """
        try:
            return compat.returned(self, context, self.run_task(context))
        except KaizalaInputError as error:
            raise AirflowFailException(f"{self.task_id}: {error}") from error
        except KaizalaUnknownOutcomeError as error:
            raise AirflowFailException(str(error)) from error
        finally:
            self.hook.close()

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after a deferral."""
        self.pushed_links = None
        result = super().resume_execution(next_method, next_kwargs, context)  # type: ignore[misc]
        return compat.returned(self, context, result)


class KaizalaGroupTask(KaizalaTask):
    """Mixin of those that work in one group."""

    arguments: ClassVar[Mapping[str, Check]] = {"group_id": _group_id}
    required_if_given: ClassVar[Sequence[str]] = ("group_id",)
    if TYPE_CHECKING:
        group_id: str | None

    def group(self) -> str:
        """Return the group id, checked.

        :raises KaizalaInputError: if the task names none, and the connection has no default group
        """
        return str(checks.group_id("group_id", self.hook.group(self.checked("group_id"))))
