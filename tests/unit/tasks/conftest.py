from __future__ import annotations

import json
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kaizala.tasks import wait_for_people
from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger
from airflow_provider_kaizala.waiting.wait import Wait
from tests.unit.tasks.waits import Waits


class Deferred(NamedTuple):
    kwargs: dict
    deferral: TaskDeferred

    @property
    def wait(self):
        return Wait.from_wire(self.kwargs["wait"])


@pytest.fixture
def sleeps(monkeypatch):
    """How long the task slept; no time passes."""
    found = []
    monkeypatch.setattr(wait_for_people, "time", SimpleNamespace(sleep=found.append))
    return found


@pytest.fixture
def begin(kaizala, sleeps):
    """Run a task until it ends: what it returns, and the task."""

    def run(context=None, **given):
        task = Waits(task_id="t", **given)
        return task.execute(context or {}), task

    return run


@pytest.fixture
def defer(begin):
    """Run a deferrable task until it leaves its worker; what travels is plain."""

    def run(context=None, **given):
        with pytest.raises(TaskDeferred) as deferred:
            begin(context, deferrable=True, **given)
        trigger = deferred.value.trigger
        assert type(trigger) is KaizalaWaitTrigger
        return Deferred(json.loads(json.dumps(trigger.serialize()[1])), deferred.value)

    return run
