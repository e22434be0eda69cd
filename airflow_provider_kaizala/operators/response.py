"""Answer an action, as the token's user."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks, forms
from airflow_provider_kaizala.operators.base import CreateArguments, KaizalaCreateOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models import Location
    from airflow_provider_kaizala.client.models.checks import Check


def _answer(name: str, value: Any) -> Any:
    if isinstance(value, (Mapping, forms.Location)):
        return forms.location(name, value)
    if isinstance(value, (list, tuple)):
        return [checks.title(name, each) for each in value]
    if isinstance(value, date) and not isinstance(value, datetime):
        raise KaizalaInputError(f"{name}: {value!r} has no time of day; give a datetime")
    if isinstance(value, str):
        return checks.sendable(name, value)
    if isinstance(value, float):
        return checks.json_value(name, value)
    if value is None or (isinstance(value, (int, datetime)) and not isinstance(value, bool)):
        return value
    raise KaizalaInputError(
        f"{name} must be text, a number, a list of texts, a datetime, a place or None, not {checks.shown(value)}"
    )


def _answers(name: str, value: Any) -> list[Any]:
    given = checks.ordered(name, value, "answers, one for each question in their order")
    if all(each is None for each in given):
        raise KaizalaInputError(f"{name} holds no answer; give at least one")
    return [_answer(f"{name}[{at}]", each) for at, each in enumerate(given)]


class KaizalaPostResponseOperator(KaizalaCreateOperator):
    """Answer a survey or a custom action, or mark a job as done, as the token's user. Kaizala accepts no votes in polls this way.

    Marking a job and changing an earlier response are safe to repeat. If it is unknown whether a new response was stored,
    ``on_unknown_outcome`` decides. The other arguments are those of
    :class:`~airflow_provider_kaizala.operators.base.KaizalaCreateOperator`.

    :param action_id: the survey, custom action or job (templated)
    :param answers: one for each question, in their order: text, a number, an option, a list of options, a datetime (without a zone
        in the DAG's timezone), ``{"latitude", "longitude", "name"}`` or a
        :class:`~airflow_provider_kaizala.client.models.Location`, a media resource, or None where there is none; leave it out for
        a job (templated)
    :param completed: for a job: True for done, False for not done after all (templated)
    :param package_id: of a custom action (templated)
    :param response_id: an earlier response of this operator, to change it instead of answering anew (templated)
    :param name: shown with the answer (templated)
    :param location: where it was given, as a place in *answers* (templated)
    :return: ``{"group_id", "action_id", "response_id"}``; ``response_id`` is None if Kaizala names none
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        "action_id": checks.identifier,
        "answers": checks.optional(_answers),
        "completed": checks.optional(checks.flag),
        "package_id": checks.optional(checks.package_id),
        "response_id": checks.optional(checks.identifier),
        "name": checks.optional(checks.title),
        "location": checks.optional(forms.location),
    }
    required_if_given: ClassVar[Sequence[str]] = ("answers", "completed", "package_id", "response_id")
    times = ("answers",)
    template_fields: Sequence[str] = (
        "action_id",
        "answers",
        "completed",
        "package_id",
        "response_id",
        "name",
        "location",
    )

    def __init__(
        self,
        *,
        action_id: str,
        answers: Sequence[Any] | None = None,
        completed: bool | str | None = None,
        package_id: str | None = None,
        response_id: str | None = None,
        name: str | None = None,
        location: Mapping[str, Any] | Location | None = None,
        **kwargs: Unpack[CreateArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.action_id = action_id
        self.answers = answers
        self.completed = completed
        self.package_id = package_id
        self.response_id = response_id
        self.name = name
        self.location = location

    def check_arguments(self) -> None:
        """Check the arguments that are known when the DAG is parsed."""
        super().check_arguments()
        if (self.answers is None) == (self.completed is None):
            raise KaizalaInputError(
                "give either answers, for a survey or a custom action, or completed=True, for a job"
            )

    def run_task(self, context: Context) -> dict[str, Any]:
        """Answer, and return the ids."""
        group_id, action_id, answers = self.group(), self.checked("action_id"), self.checked("answers")
        if answers is None:
            call = calls.complete_job(group_id, action_id, self.checked("completed"))
        else:
            call = calls.post_response(
                group_id,
                action_id,
                answers,
                package_id=self.checked("package_id"),
                response_id=self.checked("response_id"),
                name=self.checked("name"),
                location=self.checked("location"),
            )
        return self.create(
            context,
            f"answering action {action_id} in group {group_id}",
            call,
            lambda response_id: {"group_id": group_id, "action_id": action_id, "response_id": response_id},
        ).outcome
