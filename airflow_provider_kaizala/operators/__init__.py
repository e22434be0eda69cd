"""Do one thing in Kaizala, once."""

from __future__ import annotations

from airflow_provider_kaizala.operators.action import (
    KaizalaSendActionOperator,
    KaizalaSendJobOperator,
    KaizalaSendMeetingOperator,
    KaizalaSendPollOperator,
    KaizalaSendSurveyOperator,
)
from airflow_provider_kaizala.operators.media import KaizalaSendAnnouncementOperator, KaizalaSendMediaOperator
from airflow_provider_kaizala.operators.message import KaizalaSendMessageOperator

__all__ = [
    "KaizalaSendActionOperator",
    "KaizalaSendAnnouncementOperator",
    "KaizalaSendJobOperator",
    "KaizalaSendMediaOperator",
    "KaizalaSendMeetingOperator",
    "KaizalaSendMessageOperator",
    "KaizalaSendPollOperator",
    "KaizalaSendSurveyOperator",
]
