"""What all operators have in common."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaUnknownOutcomeError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.templating import TEMPLATE_EXT, ChecksArguments, is_literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context


class KaizalaOperator(ChecksArguments, BaseOperator):
    """Base of all operators: one connection, arguments that are checked as early as they are known, one try.

    A subclass does its work in :meth:`work`.

    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    """

    template_fields: Sequence[str] = ("kaizala_conn_id",)
    template_ext: Sequence[str] = TEMPLATE_EXT
    ui_color = "#d9eefb"

    def __init__(self, *, kaizala_conn_id: str = KaizalaHook.default_conn_name, **kwargs: Any) -> None:
        kwargs.setdefault("multiple_outputs", True)  # so that ask.output["action_id"] is what it looks like
        super().__init__(**kwargs)
        self.kaizala_conn_id = kaizala_conn_id

    @cached_property
    def hook(self) -> KaizalaHook:
        """The hook of this task."""
        return KaizalaHook(self.kaizala_conn_id)

    def work(self) -> Any:
        """Do it, and return what goes to XCom."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Do it, once.

        :raises AirflowFailException: for a wrong argument, and when it is unknown whether what was sent went through: a retry
            could send it twice
        """
        try:
            return self._execute(context)
        except KaizalaInputError as error:
            raise AirflowFailException(f"{self.task_id}: {error}") from error
        except KaizalaUnknownOutcomeError as error:
            raise AirflowFailException(str(error)) from error
        finally:
            self.hook.close()

    def _execute(self, context: Context) -> Any:
        return self.work()


class KaizalaGroupOperator(KaizalaOperator):
    """Base of the operators that work in one group.

    :param group_id: the group; by default the connection's ``default_group`` (templated)
    """

    decisive: ClassVar[Sequence[str]] = ("group_id",)
    template_fields: Sequence[str] = ("group_id", *KaizalaOperator.template_fields)

    def __init__(self, *, group_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_id = group_id

    def check_literals(self) -> None:
        """Check the arguments that are known now.

        :raises KaizalaInputError: names the argument, what was given, what is allowed
        """
        if self.group_id is not None and is_literal(self.group_id):
            checks.group_id("group_id", self.group_id)
        super().check_literals()

    def group(self) -> str:
        """Return the group, checked."""
        return str(checks.group_id("group_id", self.hook.group(self.there("group_id"))))
