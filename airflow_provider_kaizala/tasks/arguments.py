"""Which arguments are literal when a DAG is parsed, and checking them: at parse time if they are literal, else when the task runs."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, cast

from airflow.providers.common.compat.sdk import SET_DURING_EXECUTION, AirflowFailException, BaseOperator

from airflow_provider_kaizala.client.errors import KaizalaInputError, did_you_mean
from airflow_provider_kaizala.tasks.mapped import CheckedPartial

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, MutableMapping, Sequence
    from datetime import timedelta, tzinfo

    from airflow.providers.common.compat.sdk import DAG, Context, TaskGroup
    from airflow.sdk.bases.operator import BaseOperatorMeta

    from airflow_provider_kaizala.client.models.checks import Check

    Callback = Callable[[Context], None] | list[Callable[[Context], None]] | None
else:
    BaseOperatorMeta = type(BaseOperator)

#: a text may end in ".md" or ".html", so only these endings name a file that holds a template
TEMPLATE_EXT = (".j2", ".jinja")


class TaskArguments(TypedDict, total=False):
    """Arguments of every Airflow task, see :class:`airflow.sdk.BaseOperator`."""

    task_id: str
    owner: str
    email: str | Sequence[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: float
    max_retry_delay: timedelta | float | None
    retry_policy: Any
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: MutableMapping[str, Any] | None
    default_args: dict[str, Any] | None
    priority_weight: int
    weight_rule: Any
    queue: str
    pool: str | None
    pool_slots: int
    execution_timeout: timedelta | None
    on_execute_callback: Callback
    on_failure_callback: Callback
    on_success_callback: Callback
    on_retry_callback: Callback
    on_skipped_callback: Callback
    pre_execute: Any
    post_execute: Any
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


def is_literal(value: Any) -> bool:
    """Return whether *value* is known now: no Jinja in it, no template file, and no output of another task."""
    if isinstance(value, str):
        return not any(mark in value for mark in ("{{", "{%", "{#")) and not value.endswith(TEMPLATE_EXT)
    if isinstance(value, Mapping):
        return all(is_literal(item) for pair in value.items() for item in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(is_literal(item) for item in value)
    if isinstance(value, os.PathLike):
        return True
    # XComArg and its kin resolve when the task runs; a callable is called then; a decorated function has yet to return the third
    return not hasattr(value, "resolve") and not callable(value) and value is not SET_DURING_EXECUTION


class KeepLiterals:
    """Mixin that keeps text without a template as it is.

    In a DAG with ``render_template_as_native_obj=True``, Jinja turns every text that looks like a number into one, template or
    not: ``"+910000000001"``, or the option ``"1.50"``.
    """

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render *content*, unless it holds no template."""
        if isinstance(content, str) and is_literal(content):
            return content
        return super().render_template(content, *args, **kwargs)  # type: ignore[misc]


#: words for one thing among our operators and their peers in Airflow
_SYNONYMS = (
    ("question", "title", "subject", "text", "message", "body", "caption"),
    ("options", "choices"),
    ("due", "expires", "expiry", "expires_at", "validity"),
    ("poke_interval", "poll_interval", "interval"),
    ("timeout", "response_timeout"),
    ("on_reject", "fail_on_reject"),
    ("defaults", "default", "otherwise"),
    ("voters", "approvers", "assigned_users", "assigned_to", "subscribers", "members"),
    ("group_id", "group", "chat_id", "channel"),
    ("kaizala_conn_id", "conn_id"),
    ("when_cleared", "on_clear"),
    ("files", "file", "file_path", "attachments"),
)


@cache
def _known_arguments(operator: type) -> frozenset[str]:
    return frozenset(
        name
        for each in operator.__mro__
        if "__init__" in vars(each)
        for name, parameter in inspect.signature(vars(each)["__init__"]).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    )


def _refuse_unknown(operator: type[CheckedArguments], given: Collection[str]) -> None:
    """Refuse arguments that the operator does not take.

    :raises KaizalaInputError: names the argument, and what was probably meant
    """
    known = _known_arguments(operator)
    for name in given:
        if name in operator.refused:
            raise KaizalaInputError(f"{name}: {operator.__name__} does not take it; {operator.refused[name]}")
        if name in known or name.startswith("_airflow"):
            continue
        words = [word for family in _SYNONYMS if name in family for word in family]
        near = [word for word in words if word in known and word not in operator.refused]
        hint = f"; did you mean {near[0]!r}?" if near else did_you_mean(name, known - operator.refused.keys())
        raise KaizalaInputError(f"{name}: {operator.__name__} does not take it{hint}")


class _ChecksWhenBuilt(BaseOperatorMeta):
    """Metaclass: checks a task's arguments once all constructors have run."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        try:
            _refuse_unknown(cast("type[CheckedArguments]", cls), kwargs)
            task = super().__call__(*args, **kwargs)
            task.check_arguments()
        except KaizalaInputError as error:
            named = f"{kwargs['task_id']}: {error}" if "task_id" in kwargs else str(error)
            if "_airflow_from_mapped" in kwargs:
                # a mapped task is built in the worker, before it is executed; a retry would fail in the same way
                raise AirflowFailException(named) from error
            # anew, since of a traceback Airflow shows the last two calls: this one, and the line of the DAG file
            raise KaizalaInputError(named) from None
        return task


class CheckedArguments(KeepLiterals, metaclass=_ChecksWhenBuilt):
    """Mixin of tasks whose arguments are checked as early as they are known.

    Literal arguments are checked when the DAG is parsed, which happens by itself, and all of them when the task runs. In
    ``arguments``, ``required_if_given``, ``template_fields`` and ``refused`` a class names only what it adds to its bases.
    """

    #: argument to its check
    arguments: ClassVar[Mapping[str, Check]] = {}
    #: arguments whose default means something else: if one was given, it must not be None when the task runs
    required_if_given: ClassVar[Sequence[str]] = ()
    #: times: without a zone they are in the DAG's timezone
    times: ClassVar[Collection[str]] = ()
    #: arguments of a base class that this class sets itself, and what to give instead
    refused: ClassVar[Mapping[str, str]] = {}
    template_fields: Sequence[str] = ()
    #: template fields of a base class that this class does not render; those in ``refused`` are among them
    not_templated: ClassVar[Collection[str]] = ()
    _added: ClassVar[Mapping[str, Any]] = {}
    _given: frozenset[str] = frozenset()
    if TYPE_CHECKING:
        get_dag: Callable[[], DAG | None]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        merged = ("arguments", "refused", "required_if_given", "template_fields")
        cls._added = {name: value for name, value in vars(cls).items() if name in merged}
        added = [each._added for each in cls.__mro__ if issubclass(each, CheckedArguments)]
        for name in ("arguments", "refused"):
            values: dict[str, Any] = {}
            for each in added:  # what a class adds comes first, and overrides its bases
                values = {**values, **each.get(name, {}), **values}
            setattr(cls, name, values)
        for name in ("required_if_given", "template_fields"):
            setattr(cls, name, tuple(dict.fromkeys(field for each in added for field in each.get(name, ()))))
        left_out = {*cls.refused, *cls.not_templated}
        cls.template_fields = tuple(field for field in cls.template_fields if field not in left_out)

    @classmethod
    def partial(cls, **kwargs: Any) -> CheckedPartial:
        """Map the task over lists with ``expand()`` or ``expand_kwargs()``, as :meth:`airflow.sdk.BaseOperator.partial` does."""
        return CheckedPartial.of(super().partial(**kwargs))  # type: ignore[misc]

    def check_arguments(self) -> None:
        """Check the arguments that are known when the DAG is parsed.

        :raises KaizalaInputError: names the argument, what was given and what is allowed
        """
        for name in self.arguments:
            if is_literal(getattr(self, name)):
                self.checked(name)
        self._given = frozenset(name for name in self.required_if_given if getattr(self, name) is not None)

    def checked(self, name: str) -> Any:
        """Return an argument, checked, in the form in which it is sent."""
        return self.arguments[name](name, self.resolved(name))

    def resolved(self, name: str) -> Any:
        """Return an argument as it is when the task runs; times get the DAG's timezone if they have none.

        :raises KaizalaInputError: if it was given, and has become None
        """
        value = getattr(self, name)
        if value is None and name in self._given:
            raise KaizalaInputError(
                f"{name} rendered to None: its template or upstream task produced no value. Refusing to use the default instead"
            )
        return self.in_dag_timezone(value) if name in self.times else value

    def in_dag_timezone(self, value: Any) -> Any:
        """Return a time, or a list that may hold times, with the DAG's timezone where there is none."""
        if isinstance(value, (list, tuple)):
            return [self.in_dag_timezone(each) if isinstance(each, datetime) else each for each in value]
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value.strip())
            except ValueError:
                return value
        if not isinstance(value, datetime) or value.tzinfo is not None:
            return value
        dag = self.get_dag()
        zone: tzinfo = dag.timezone if dag else UTC
        return value.replace(tzinfo=zone)
