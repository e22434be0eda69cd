"""Links to the page of the server: where they lead, when there are none, and that they never fail a task."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS

from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala import sensors, tasks
from airflow_provider_kaizala.provider_info import get_provider_info
from airflow_provider_kaizala.tasks import links
from airflow_provider_kaizala.tasks.links import KaizalaGroupLink, KaizalaPostLink

HOST = "https://kaizala.example:8443"
PAGE = f"{HOST}/groups/11111111-1111-4111-8111-111111111111@1"
#: on Airflow 3.0, tasks push their outputs themselves
PUSHES_OUTPUTS = AIRFLOW_V_3_0_PLUS and not AIRFLOW_V_3_1_PLUS
POST, GROUP = "_link_KaizalaPostLink", "_link_KaizalaGroupLink"


class Pushes:
    """The task instance, as far as links need it."""

    def __init__(self):
        self.xcoms, self.map_index = {}, -1

    def xcom_push(self, key, value):
        if key.startswith("_link_") or not PUSHES_OUTPUTS:
            self.xcoms[key] = value

    def get_first_reschedule_date(self, context):
        return None


@pytest.fixture
def ti():
    return Pushes()


@pytest.fixture
def own_server(kaizala, connect):
    """A connection to a server of one's own, which gives out its own address."""
    connect(host=HOST)
    token = kaizala.token

    def with_own_address(request, refresh=None):
        status, body = token(request, refresh)
        return status, {**body, "endpointUrl": f"{HOST}/"}

    kaizala.token = with_own_address
    return kaizala


def test_a_post_links_to_itself_and_to_its_group(own_server, run_task, ti):
    posted = run_task(ops.KaizalaSendMessageOperator(task_id="tell", text="Hello"), ti=ti)
    assert ti.xcoms == {POST: f"{PAGE}/posts/{posted['reference_id']}", GROUP: PAGE}


def test_a_question_is_linked_before_its_task_is_deferred(own_server, run_task, ti):
    ask = ops.KaizalaAskPollOperator(task_id="ask", question="Tea?", options=["Yes", "No"], deferrable=True)
    own_server.poll(action_id="act-2")
    with pytest.raises(TaskDeferred):
        run_task(ask, ti=ti)
    assert ti.xcoms[POST].startswith(f"{PAGE}/posts/ref-")


def test_a_retry_that_finds_its_post_links_to_it(own_server, run_task, ti, store):
    tell = {"task_id": "tell", "text": "Hello"}
    run_task(ops.KaizalaSendMessageOperator(**tell), ti=Pushes(), task_state_store=store)
    run_task(ops.KaizalaSendMessageOperator(**tell), ti=ti, task_state_store=store)
    assert len(own_server.posts) == 1
    assert ti.xcoms[POST].startswith(f"{PAGE}/posts/ref-")


def test_a_sensor_links_to_its_group(own_server, run_task, ti):
    own_server.survey("+910000000002")
    run_task(sensors.KaizalaResponseSensor(task_id="wait", action_id="act-1"), ti=ti)
    assert ti.xcoms == {GROUP: PAGE}


def test_links_lead_to_the_address_that_the_server_gives_out(own_server, connect, run_task, ti):
    """Workers may reach the server at an address that people cannot."""
    connect(host="http://localhost:8080", extra={"allowed_hosts": ["kaizala.example"]})
    run_task(ops.KaizalaSendMessageOperator(task_id="tell", text="Hello"), ti=ti)
    assert ti.xcoms[GROUP] == PAGE


@pytest.mark.parametrize("host", [None, "api.kaiza.la", "https://kms2.kaiza.la"])
def test_microsofts_service_has_no_page(kaizala, connect, run_task, ti, host):
    connect(host=host)
    run_task(ops.KaizalaSendMessageOperator(task_id="tell", text="Hello"), ti=ti)
    assert ti.xcoms == {}


def test_no_link_carries_a_secret(own_server, run_task, ti, secrets_of_the_connection):
    run_task(ops.KaizalaSendMessageOperator(task_id="tell", text="Hello"), ti=ti)
    assert not [secret for secret in secrets_of_the_connection if secret in str(ti.xcoms)]


def test_ids_cannot_lead_elsewhere(own_server, ti):
    tell = ops.KaizalaSendMessageOperator(task_id="tell", text="Hello")
    links.push_links(tell, {"ti": ti}, "../x?y#z", "a/b")
    assert ti.xcoms[POST].endswith("/groups/..%2Fx%3Fy%23z/posts/a%2Fb")


def test_a_link_that_cannot_be_pushed_fails_no_task(own_server, run_task, ti, logs):
    def fail(key, value):
        if key.startswith("_link_"):
            raise RuntimeError("no XCom today")

    ti.xcom_push = fail
    assert run_task(ops.KaizalaSendMessageOperator(task_id="tell", text="Hello"), ti=ti)["reference_id"]
    assert "The task has no links to Kaizala: no XCom today" in logs.text


def test_airflow_reads_a_link_from_xcom(monkeypatch):
    asked = []

    def value(*, ti_key, key):
        asked.append((ti_key, key))
        return "https://k/x" if key == POST else None

    monkeypatch.setattr(links, "XCom", SimpleNamespace(get_value=value))
    assert KaizalaPostLink().get_link(None, ti_key="key") == "https://k/x"
    assert KaizalaGroupLink().get_link(None, ti_key="key") == ""
    assert asked == [("key", POST), ("key", GROUP)]


def test_at_its_end_a_task_knows_what_it_has_pushed(own_server, run_task, ti, monkeypatch):
    """Reading an XCom that is not there would log an error, the last line of the log of each task that fails before it posts."""
    monkeypatch.setattr(links, "XCom", None)
    tell = ops.KaizalaSendMessageOperator(task_id="tell", text="Hello")
    assert [link.get_link(tell, ti_key="key") for link in tell.operator_extra_links] == ["", ""]
    run_task(tell, ti=ti)
    assert [link.get_link(tell, ti_key="key") for link in tell.operator_extra_links] == [ti.xcoms[POST], PAGE]


def test_a_task_that_was_deferred_reads_what_it_pushed_before(run_task, ti, monkeypatch):
    monkeypatch.setattr(links, "XCom", SimpleNamespace(get_value=lambda **key: "https://k/x"))
    ask = ops.KaizalaAskPollOperator(task_id="ask", question="Tea?", options=["Yes", "No"])
    with pytest.raises(AirflowFailException):
        ask.resume_execution("execute_complete", {"event": None}, {"ti": ti})
    assert KaizalaPostLink().get_link(ask, ti_key="key") == "https://k/x"


def test_every_link_is_registered_so_that_airflow_2_can_load_it():
    used = {
        type(link)
        for cls in (ops.KaizalaAskPollOperator, sensors.KaizalaResponseSensor)
        for link in cls.operator_extra_links
    }
    assert {f"{each.__module__}.{each.__qualname__}" for each in used} == set(
        get_provider_info()["extra-links"]
    )
    assert tasks.links.KaizalaLink not in used
