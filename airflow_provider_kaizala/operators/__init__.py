"""Do one thing in Kaizala, once; or ask people, and wait for their answers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_W = {"action": ["SendAction", "SendJob", "SendMeeting", "SendPoll", "SendSurvey"], "message": ["SendMessage"], "ask": ["AskPoll", "AskSurvey", "AskJob"], "decision": ["Approval", "Branch"], "hitl": ["HITL", "HITLApproval"], "media": ["SendMedia", "SendAnnouncement"]}
_H = {f"Kaizala{n}Operator": m for m, ns in _W.items() for n in ns}


def __getattr__(name: str) -> Any:
    if name in _H:
        return getattr(import_module(f"{__name__}.{_H[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
