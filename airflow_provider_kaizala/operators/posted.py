"""Act on what was posted before: remind, like, comment, change a card, answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import REACTION_TYPES, Audience, checks, forms
from airflow_provider_kaizala.operators.base import KaizalaGroupOperator
from airflow_provider_kaizala.templating import is_literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.client.models import Location, Property
    from airflow_provider_kaizala.client.models.checks import Check


class _AudienceOperator(KaizalaGroupOperator):
    """Base of those that reach an action, and in a hub group the people it went to."""

    arguments: ClassVar[Mapping[str, Check]] = {
        "action_id": checks.identifier,
        "subscribers": checks.optional(checks.phones),
        "send_to_all_subscribers": checks.flag,
    }
    decisive: ClassVar[Sequence[str]] = ("subscribers", *KaizalaGroupOperator.decisive)
    template_fields: Sequence[str] = (
        "action_id",
        "subscribers",
        "send_to_all_subscribers",
        *KaizalaGroupOperator.template_fields,
    )

    def __init__(
        self,
        *,
        action_id: str,
        subscribers: Sequence[str] | None = None,
        send_to_all_subscribers: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.action_id = action_id
        self.subscribers = subscribers
        self.send_to_all_subscribers = send_to_all_subscribers

    def check_literals(self) -> None:
        """Check the arguments that are known now.

        :raises KaizalaInputError: names the argument, what was given, what is allowed
        """
        super().check_literals()
        if is_literal(self.subscribers) and is_literal(self.send_to_all_subscribers):
            self.audience()

    def audience(self) -> Audience:
        """Return whom it goes to, checked."""
        return Audience(self.checked("subscribers"), self.checked("send_to_all_subscribers"))


class KaizalaSendReminderOperator(_AudienceOperator):
    """Remind people of an action: it comes up in the group again. Each run reminds anew.

    :param action_id: the action (templated)
    :param subscribers: in a hub group, phone numbers of those to remind (templated)
    :param send_to_all_subscribers: in a hub group, remind all (templated)
    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "reference_id", "action_id"}``; ``reference_id`` is that of the reminder
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_literals()

    def work(self) -> dict[str, Any]:
        """Send the reminder."""
        from airflow_provider_kaizala.client import calls

        group_id, action_id = self.group(), self.checked("action_id")
        sent = self.hook.run(calls.send_reminder(group_id, action_id, self.audience()))
        if sent.failed:
            self.log.warning("Not all were reminded: %s", "; ".join(str(failure) for failure in sent.failed))
        self.log.info("Reminded group %s of action %s", group_id, action_id)
        return {"group_id": group_id, "reference_id": sent.reference_id, "action_id": action_id}


class KaizalaUpdateActionOperator(_AudienceOperator):
    """Change properties of a card (a custom action) in place. The last write wins, so it is safe to run again.

    :param action_id: the card (templated)
    :param properties: ``{"status": "Done", "count": 3}``, or a list of ``{"name", "value", "type"}``; others stay (templated)
    :param notify: tell subscribers of a hub group of it
    :param subscribers: in a hub group, phone numbers of those whom it concerns (templated)
    :param send_to_all_subscribers: in a hub group, it concerns all (templated)
    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "action_id", "properties"}``: names and values that were sent
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        **_AudienceOperator.arguments,
        "properties": forms.properties,
        "notify": checks.flag,
    }
    template_fields: Sequence[str] = ("properties", *_AudienceOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"properties": "json"}

    def __init__(
        self,
        *,
        properties: Mapping[str, Any] | Sequence[Mapping[str, Any] | Property],
        notify: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.properties = properties
        self.notify = notify
        self.check_literals()

    def check_literals(self) -> None:
        """Check the arguments that are known now.

        :raises KaizalaInputError: names the argument, what was given, what is allowed
        """
        super().check_literals()
        if not self.properties:
            raise KaizalaInputError("properties is empty; give at least one to change")

    def work(self) -> dict[str, Any]:
        """Change the card."""
        from airflow_provider_kaizala.client import calls

        group_id, action_id, properties = self.group(), self.checked("action_id"), self.checked("properties")
        self.hook.run(
            calls.update_action(
                group_id, action_id, properties, notify=self.checked("notify"), audience=self.audience()
            )
        )
        values = {each.name: each.value for each in properties}
        self.log.info("Changed %s of action %s in group %s", ", ".join(values), action_id, group_id)
        return {"group_id": group_id, "action_id": action_id, "properties": values}


_reaction_type = checks.one_of(*REACTION_TYPES)


class KaizalaReactOperator(KaizalaGroupOperator):
    """Like something that was posted, or comment on it, as the token's user.

    To like twice changes nothing; each run with a comment makes another comment.

    :param reference_id: of what was posted: ``ask.output["reference_id"]`` (templated)
    :param comment: the text; without one it is a like (templated)
    :param source_group_id: the group it was sent in, if that is one above *group_id* (templated)
    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "reference_id", "reaction_id"}``
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        "reference_id": checks.identifier,
        "comment": checks.optional(checks.text),
        "source_group_id": checks.optional(checks.group_id),
    }
    decisive: ClassVar[Sequence[str]] = ("comment", *KaizalaGroupOperator.decisive)
    template_fields: Sequence[str] = (
        "reference_id",
        "comment",
        "source_group_id",
        *KaizalaGroupOperator.template_fields,
    )

    def __init__(
        self,
        *,
        reference_id: str,
        comment: str | None = None,
        source_group_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reference_id = reference_id
        self.comment = comment
        self.source_group_id = source_group_id
        self.check_literals()

    def work(self) -> dict[str, Any]:
        """Like it, or comment on it."""
        from airflow_provider_kaizala.client import calls

        group_id, reference_id, comment = self.group(), self.checked("reference_id"), self.checked("comment")
        reaction_id = self.hook.run(
            calls.post_reaction(
                group_id,
                reference_id,
                "Comment" if comment else "Like",
                comment,
                source_group_id=self.checked("source_group_id"),
            )
        )
        self.log.info("%s %s in group %s", "Commented on" if comment else "Liked", reference_id, group_id)
        return {"group_id": group_id, "reference_id": reference_id, "reaction_id": reaction_id}


def _answer(name: str, value: Any) -> Any:
    """Return an answer as it is sent: a time as epoch seconds, a place as ``{lt, lg, n}``."""
    if isinstance(value, datetime):
        return int(value.timestamp()) if value.tzinfo else _answer(name, value.astimezone())
    if isinstance(value, date):
        raise KaizalaInputError(f"{name}: {value!r} has no time; give a datetime with a zone")
    if isinstance(value, dict):
        place = forms.location(name, value)
        return {"lt": place.latitude, "lg": place.longitude, "n": place.name}
    if isinstance(value, (list, tuple)):
        return [checks.title(name, each) for each in value]
    if value is None or (isinstance(value, (str, int, float)) and not isinstance(value, bool)):
        return value
    raise KaizalaInputError(
        f"{name}: {checks.shown(value)} is no answer; give text, a number, a list of texts, a datetime, a place, or None"
    )


def _answers(name: str, value: Any) -> list[Any]:
    given = checks.listed(name, value, "answers, one for each question in their order")
    if all(each is None for each in given):
        raise KaizalaInputError(f"{name} holds no answer; give at least one")
    return [_answer(f"{name}[{at}]", each) for at, each in enumerate(given)]


class KaizalaPostResponseOperator(KaizalaGroupOperator):
    """Answer a survey or a custom action, or mark a job as done, as the token's user. Votes of polls cannot be posted.

    :param action_id: the survey, custom action or job (templated)
    :param answers: one for each question, in their order: text, a number, an option, a list of options, a datetime,
        ``{"latitude", "longitude", "name"}``, a media resource, or None where there is none. Leave it out for a job (templated)
    :param completed: for a job: True for done, False for not done after all (templated)
    :param package_id: of a custom action (templated)
    :param response_id: an earlier response of this operator, to change it instead of answering anew (templated)
    :param name: shown with the answer (templated)
    :param location: where it was given: ``{"latitude", "longitude", "name"}`` (templated)
    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "action_id", "response_id"}``; ``response_id`` is None if Kaizala names none
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        "action_id": checks.identifier,
        "answers": checks.optional(_answers),
        "completed": checks.optional(checks.flag),
        "package_id": checks.optional(checks.identifier),
        "response_id": checks.optional(checks.identifier),
        "name": checks.optional(checks.title),
        "location": checks.optional(forms.location),
    }
    decisive: ClassVar[Sequence[str]] = (
        "answers",
        "completed",
        "response_id",
        *KaizalaGroupOperator.decisive,
    )
    template_fields: Sequence[str] = (*arguments, *KaizalaGroupOperator.template_fields)

    def __init__(
        self,
        *,
        action_id: str,
        answers: Sequence[Any] | None = None,
        completed: bool | None = None,
        package_id: str | None = None,
        response_id: str | None = None,
        name: str | None = None,
        location: Mapping[str, Any] | Location | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.action_id = action_id
        self.answers = answers
        self.completed = completed
        self.package_id = package_id
        self.response_id = response_id
        self.name = name
        self.location = location
        self.check_literals()

    def check_literals(self) -> None:
        """Check the arguments that are known now.

        :raises KaizalaInputError: names the argument, what was given, what is allowed
        """
        super().check_literals()
        if (self.answers is None) == (self.completed is None):
            raise KaizalaInputError(
                "give either answers, for a survey or a custom action, or completed=True, for a job"
            )

    def work(self) -> dict[str, Any]:
        """Answer."""
        from airflow_provider_kaizala.client import calls

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
        response_id = self.hook.run(call)
        self.log.info("Answered action %s in group %s: response %s", action_id, group_id, response_id)
        return {"group_id": group_id, "action_id": action_id, "response_id": response_id}
