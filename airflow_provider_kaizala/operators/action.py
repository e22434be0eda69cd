"""Post what people answer: polls, surveys, jobs, meetings, custom actions. To wait for the answers too, see ``ask``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from airflow_provider_kaizala.client.models.sent import Job, Meeting, Package, Poll, Survey
from airflow_provider_kaizala.operators.base import KaizalaPostOperator, PostArguments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from typing import Unpack

    from airflow_provider_kaizala.client.models import Location, Property, Question

#: when a question ends: a datetime, ISO 8601 text, or a timedelta from when the task runs; without a zone in the DAG's timezone
Due: TypeAlias = "datetime | timedelta | str | None"


class KaizalaSendPollOperator(KaizalaPostOperator):
    """Post a poll: one question with two or more options.

    The other arguments and the result are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaPostOperator`.

    :param question: the question (templated)
    :param options: two or more different texts (templated)
    :param due: when voting ends: datetime, ISO 8601 text, or timedelta from when the task runs; rounded up to whole hours; 30
        days by default (templated)
    :param sender_only: only the sender sees the result
    """

    sends = Poll
    times = ("due",)
    template_fields: Sequence[str] = ("question", "options", "due")

    def __init__(
        self,
        *,
        question: str,
        options: Sequence[str],
        due: Due = None,
        sender_only: bool = False,
        **kwargs: Unpack[PostArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.question = question
        self.options = options
        self.due = due
        self.sender_only = sender_only


class KaizalaSendSurveyOperator(KaizalaPostOperator):
    """Post a survey: questions that each person answers.

    The other arguments and the result are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaPostOperator`.

    :param title: what it is about (templated)
    :param questions: a list of ``{"title": "How many?", "type": "Numeric"}``; types are Text, Numeric, SingleOption and
        MultiOption (with ``"options": [...]``), Date, DateTime, Image, Location, AttachmentList, PhoneNumber; titles must differ,
        since answers are keyed by them (templated)
    :param due: when answering ends: datetime, ISO 8601 text, or timedelta from when the task runs; rounded up to whole hours; 24
        hours by default (templated)
    :param description: shown below the title (templated)
    :param anonymous: no one learns who answered what
    :param sender_only: only the sender sees the answers
    :param accept_multiple_responses: a person may answer more than once
    """

    sends = Survey
    times = ("due",)
    template_fields: Sequence[str] = ("title", "questions", "due", "description")
    template_fields_renderers: ClassVar = {"questions": "json"}

    def __init__(
        self,
        *,
        title: str,
        questions: Sequence[Mapping[str, Any] | Question],
        due: Due = None,
        description: str | None = None,
        anonymous: bool = False,
        sender_only: bool = False,
        accept_multiple_responses: bool = False,
        **kwargs: Unpack[PostArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.title = title
        self.questions = questions
        self.due = due
        self.description = description
        self.anonymous = anonymous
        self.sender_only = sender_only
        self.accept_multiple_responses = accept_multiple_responses


class KaizalaSendJobOperator(KaizalaPostOperator):
    """Post a job: a task for named people, complete when all of them have done it.

    The other arguments and the result are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaPostOperator`.

    :param title: what to do (templated)
    :param assigned_to: phone numbers of those who must do it (templated)
    :param due: by when: datetime, ISO 8601 text, or timedelta from when the task runs; rounded up to whole hours; 24 hours by
        default (templated)
    """

    sends = Job
    times = ("due",)
    template_fields: Sequence[str] = ("title", "assigned_to", "due")

    def __init__(
        self, *, title: str, assigned_to: Sequence[str], due: Due = None, **kwargs: Unpack[PostArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.title = title
        self.assigned_to = assigned_to
        self.due = due


class KaizalaSendMeetingOperator(KaizalaPostOperator):
    """Post a meeting (Let's Meet): people say whether they come.

    The other arguments and the result are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaPostOperator`.

    :param title: what it is about (templated)
    :param starts_at: datetime or ISO 8601 text (templated)
    :param duration: minutes, or a timedelta (templated)
    :param place: ``{"latitude": 17.4, "longitude": 78.3, "name": "Office"}`` (templated)
    :param agenda: what will be discussed (templated)
    :param sender_only: only the sender sees who comes
    """

    sends = Meeting
    times = ("starts_at",)
    template_fields: Sequence[str] = ("title", "starts_at", "duration", "place", "agenda")

    def __init__(
        self,
        *,
        title: str,
        starts_at: datetime | str,
        duration: int | timedelta = 30,
        place: Mapping[str, Any] | Location | None = None,
        agenda: str | None = None,
        sender_only: bool = False,
        **kwargs: Unpack[PostArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.title = title
        self.starts_at = starts_at
        self.duration = duration
        self.place = place
        self.agenda = agenda
        self.sender_only = sender_only


class KaizalaSendActionOperator(KaizalaPostOperator):
    """Post a custom action: a package that was installed in the group's tenant.

    The other arguments and the result are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaPostOperator`.

    :param package_id: its id, with its ``.version`` if it has one, such as ``com.example.card.2`` (templated)
    :param title: shown on the card (templated)
    :param questions: as those of a survey (templated)
    :param properties: ``{"status": "Open", "count": 3}``, or a list of ``{"name", "value", "type"}`` (templated)
    :param validity: how long the card lives: datetime, ISO 8601 text or timedelta (templated)
    :param due: when answering ends, likewise (templated)
    :param anonymous: no one learns who answered what
    :param sender_only: only the sender sees the answers
    :param accept_multiple_responses: a person may answer more than once
    """

    sends = Package
    times = ("due", "validity")
    template_fields: Sequence[str] = ("package_id", "title", "questions", "properties", "validity", "due")
    template_fields_renderers: ClassVar = {"questions": "json", "properties": "json"}

    def __init__(
        self,
        *,
        package_id: str,
        title: str | None = None,
        questions: Sequence[Mapping[str, Any] | Question] = (),
        properties: Mapping[str, Any] | Sequence[Mapping[str, Any] | Property] = (),
        validity: Due = None,
        due: Due = None,
        anonymous: bool = False,
        sender_only: bool = False,
        accept_multiple_responses: bool = False,
        **kwargs: Unpack[PostArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.package_id = package_id
        self.title = title
        self.questions = questions
        self.properties = properties
        self.validity = validity
        self.due = due
        self.anonymous = anonymous
        self.sender_only = sender_only
        self.accept_multiple_responses = accept_multiple_responses
