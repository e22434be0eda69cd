"""Decorators of functions that return a question: the task posts it and waits for the answers."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.providers.common.compat.sdk import (
    SET_DURING_EXECUTION,
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.operators.ask import KaizalaAskPollOperator
from airflow_provider_kaizala.operators.decision import KaizalaApprovalOperator
from airflow_provider_kaizala.tasks.mapped import try_to_build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context, TaskDecorator

__all__ = ["kaizala_approval_task", "kaizala_ask_task"]

#: functions that return no text, whatever is in them
_NO_TEXT = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)


class QuestionFromFunction(KaizalaAskPollOperator, DecoratedOperator):
    """Mixin of the decorated operators: asks what a function returns.

    A retry calls the function again. If an earlier try has posted the question, that one stays (Airflow 3.3 and newer). The text is
    posted as it is: Jinja in it is not rendered.
    """

    refused: ClassVar[Mapping[str, str]] = {"question": "it is what the function returns"}
    template_fields: Sequence[str] = ("op_args", "op_kwargs")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(question=SET_DURING_EXECUTION, **kwargs)  # type: ignore[arg-type] # until the task runs

    def run_task(self, context: Context) -> Any:
        """Call the function, ask what it returns, and wait.

        :raises KaizalaInputError: if the function returns no text
        """
        context_merge(context, self.op_kwargs)
        given = determine_kwargs(self.python_callable, self.op_args, context)
        question = self.python_callable(*self.op_args, **given)
        if not isinstance(question, str) or not question.strip():
            raise KaizalaInputError(
                f"{self.python_callable.__name__}() must return the question, a text that is not empty; "
                f"it returned {checks.shown(question)}"
            )
        self.question = question
        return super().run_task(context)


class KaizalaAskDecoratedOperator(QuestionFromFunction):
    """The task of ``@task.kaizala_ask``."""

    custom_operator_name = "@task.kaizala_ask"


class KaizalaApprovalDecoratedOperator(QuestionFromFunction, KaizalaApprovalOperator):
    """The task of ``@task.kaizala_approval``."""

    custom_operator_name = "@task.kaizala_approval"


def kaizala_ask_task(python_callable: Callable[..., str] | None = None, **kwargs: Any) -> TaskDecorator:
    """Ask the question that the function returns, and wait for the votes, as ``@task.kaizala_ask``.

    :param kwargs: arguments of :class:`~airflow_provider_kaizala.operators.ask.KaizalaAskPollOperator`, ``options`` among them
    """
    return _decorator(python_callable, KaizalaAskDecoratedOperator, kwargs)


def kaizala_approval_task(python_callable: Callable[..., str] | None = None, **kwargs: Any) -> TaskDecorator:
    """Let people approve or reject what the function asks, as ``@task.kaizala_approval``.

    :param kwargs: arguments of :class:`~airflow_provider_kaizala.operators.decision.KaizalaApprovalOperator`
    """
    return _decorator(python_callable, KaizalaApprovalDecoratedOperator, kwargs)


def _decorator(
    function: Callable[..., str] | None, operator: type[QuestionFromFunction], given: dict[str, Any]
) -> TaskDecorator:
    # so that ask()["winner"] works; Airflow would look at the function's return type
    given.setdefault("multiple_outputs", True)

    def decorate(function: Callable[..., str]) -> TaskDecorator:
        named = {"task_id": getattr(function, "__name__", "ask"), **given}
        try_to_build(partial(operator, **named, python_callable=lambda: "", _airflow_from_mapped=True))
        if any(kind(function) for kind in _NO_TEXT):
            raise KaizalaInputError(
                f"{getattr(function, '__name__', function)}() must return the question, a text, and so can be neither async nor a "
                "generator: define it with def, and let it return the text"
            )
        return task_decorator_factory(function, decorated_operator_class=operator, **given)

    return cast("TaskDecorator", decorate) if function is None else decorate(function)
