"""Repeats, throttles and the four outcomes, with the exact number of requests each costs."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.budget import Budget
from airflow_provider_kaizala.client.calls import Call
from airflow_provider_kaizala.client.errors import (
    KaizalaBadRequestError,
    KaizalaForbiddenError,
    KaizalaGrantError,
    KaizalaInputError,
    KaizalaNoReplyError,
    KaizalaNotFoundError,
    KaizalaRefusedError,
    KaizalaServerError,
    KaizalaThrottledError,
    KaizalaUnknownOutcomeError,
    KaizalaUnreachableError,
)
from airflow_provider_kaizala.client.models import Job, Message
from airflow_provider_kaizala.client.multipart import Part, Upload
from airflow_provider_kaizala.client.observer import Observer
from airflow_provider_kaizala.client.policy import Policy
from airflow_provider_kaizala.client.settings import Timeouts

POSTED = {"referenceId": "ref-1"}
BACKOFF = [0.75, 1.5, 3.0, 6.0]  # 1, 2, 4, 8 seconds, jitter 0.5 over the upper half


@pytest.fixture
def post(group):
    return calls.send_message(group, Message("Hello"))


@pytest.fixture
def get(group):
    return calls.list_members(group)


class TestTheRequest:
    def test_a_post_is_sent_with_its_token_and_no_other_secret(self, world, post, group):
        world.replies = [world.reply(200, POSTED)]
        assert world.run(post).reference_id == "ref-1"
        (send,) = world.calls
        assert (send.method, send.url) == ("POST", f"https://kms.kaiza.la/v1/groups/{group}/messages")
        assert send.headers["accessToken"] == "access-1"
        assert send.headers["Content-Type"] == "application/json"
        assert send.content == b'{"message": "Hello"}'
        assert not {"applicationSecret", "refreshToken", "Authorization"} & set(send.headers)

    def test_a_read_is_sent_with_its_query_and_no_body(self, world, group):
        world.replies = [world.reply(200, {"actions": []})]
        world.run(calls.list_actions(group, "Job", count=5).call(None))
        (send,) = world.calls
        assert send.url.endswith("/actions?actionType=Job&count=5")
        assert send.content is None
        assert "Content-Type" not in send.headers

    def test_the_token_call_sends_three_headers(self, world, post):
        world.replies = [world.reply(200, POSTED)]
        world.run(post)
        (send,) = world.token_calls
        assert (send.method, send.url, send.content) == ("GET", "https://api.kaiza.la/v1/accessToken", None)
        assert send.headers["applicationId"] == "connector-1"
        assert send.headers["applicationSecret"] == world.settings.connector_secret
        assert send.headers["refreshToken"] == world.settings.refresh_token

    def test_an_upload_gets_a_new_body_for_each_attempt(self, world, group):
        world.replies = [world.reply(429, retry_after="1"), world.reply(200, {"mediaResource": "m"})]
        file = Part("a.png", "image/png", lambda: pytest.fail("the policy opens no file"))
        assert world.run(calls.upload_media(group, [file])) == "m"
        first, second = world.calls
        assert isinstance(first.content, Upload)
        assert first.headers["Content-Type"] == first.content.content_type
        assert first.content is not second.content

    def test_a_call_about_a_group_without_a_grant_sends_nothing(self, make_world, post, group):
        world = make_world(refresh_token=None, group_refresh_tokens={"other-group": "token"})
        with pytest.raises(KaizalaGrantError, match=group):
            world.run(post)
        assert world.log == []

    def test_wrong_arguments_are_refused_before_anything_is_sent(self, world, group):
        past = datetime.fromtimestamp(world.wall - 60, tz=UTC)
        with pytest.raises(KaizalaInputError, match="due"):
            world.run(calls.post_action(group, Job("Check", ("+910000000001",), due=past)))
        assert world.log == []

    def test_due_hours_count_from_the_moment_of_sending(self, make_world, group):
        world = make_world(timeouts=Timeouts(total=86_400))
        due = datetime.fromtimestamp(world.wall + 2.5 * 3600, tz=UTC)
        call = calls.post_action(group, Job("Check", ("+910000000001",), due=due))
        world.replies = [world.reply(429, retry_after=str(3600 // 2 + 1)), world.reply(200, POSTED)]
        world.run(call)
        first, second = world.calls
        assert b'"dueDate": 3' in first.content
        assert b'"dueDate": 2' in second.content


class TestNotSafeToRepeat:
    @pytest.mark.parametrize("times", [1, 4])
    def test_a_post_that_never_connected_is_repeated(self, world, post, times):
        world.replies = [world.failure(sent=False)] * times + [world.reply(200, POSTED)]
        assert world.run(post).reference_id == "ref-1"
        assert len(world.calls) == times + 1
        assert world.sleeps == BACKOFF[:times]

    def test_a_post_that_never_connects_raises_unreachable(self, world, post):
        world.replies = [world.failure(sent=False, detail="Connection refused")] * 5
        with pytest.raises(KaizalaUnreachableError, match=r"Connection refused.*nothing was sent"):
            world.run(post)
        assert len(world.calls) == 5
        assert world.sleeps == BACKOFF

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, KaizalaBadRequestError),
            (403, KaizalaForbiddenError),
            (404, KaizalaNotFoundError),
            (409, KaizalaRefusedError),
            (302, KaizalaRefusedError),
        ],
    )
    def test_a_refusal_is_raised_at_once(self, world, post, group, status, kind):
        world.replies = [world.error(status, "InvalidParameters", "no such thing")]
        with pytest.raises(kind) as caught:
            world.run(post)
        error = caught.value
        assert type(error) is kind
        assert (error.status, error.error_code, error.operation) == (
            status,
            "InvalidParameters",
            "sendMessage",
        )
        assert (error.group_id, error.message) == (group, "no such thing")
        assert len(world.calls) == 1
        assert world.sleeps == []

    def test_an_error_body_with_status_200_is_a_refusal(self, world, post):
        world.replies = [world.error(200, "InvalidParameters")]
        with pytest.raises(KaizalaRefusedError, match="InvalidParameters"):
            world.run(post)
        assert len(world.calls) == 1

    def test_an_error_code_inside_failed_result_is_not_an_error_of_the_call(self, world, post):
        failed = [{"subscriber": "+910000000009", "errorReason": "gone", "errorCode": "NotFound"}]
        world.replies = [world.reply(200, {**POSTED, "failedResult": failed})]
        (failure,) = world.run(post).failed
        assert (failure.subscriber, failure.reason, failure.error_code) == (
            "+910000000009",
            "gone",
            "NotFound",
        )

    @pytest.mark.parametrize(
        ("make", "status"),
        [
            pytest.param(lambda w: w.failure(sent=True), None, id="dropped after sending"),
            pytest.param(lambda w: w.reply(408), 408, id="408"),
            pytest.param(lambda w: w.error(500), 500, id="500"),
            pytest.param(lambda w: w.error(502), 502, id="502"),
            pytest.param(lambda w: w.error(503), 503, id="503 without Retry-After"),
            pytest.param(
                lambda w: w.reply(503, retry_after="soon"), 503, id="503 with an unreadable Retry-After"
            ),
            pytest.param(
                lambda w: w.reply(504, b"<html>", retry_after="5"), 504, id="504, only 503 may wait"
            ),
            pytest.param(lambda w: w.reply(200, b"<html>hello"), 200, id="200 without JSON"),
            pytest.param(lambda w: w.reply(200, b""), 200, id="empty 200"),
            pytest.param(lambda w: w.reply(200, b"\xff\xfe\xfa"), 200, id="200 with broken text"),
            pytest.param(lambda w: w.reply(200, b"[" * 50_000), 200, id="200 nested too deep"),
            pytest.param(lambda w: w.reply(200, {"other": 1}), 200, id="200 without the id"),
            pytest.param(lambda w: w.reply(200, ["ref"]), 200, id="200 with a list"),
        ],
    )
    def test_an_unknown_outcome_is_raised_and_never_sent_again(self, world, post, group, make, status):
        world.replies = [make(world)]
        with pytest.raises(KaizalaUnknownOutcomeError) as caught:
            world.run(post)
        error = caught.value
        assert (error.operation, error.group_id, error.status) == ("sendMessage", group, status)
        assert error.known in str(error)
        assert len(world.calls) == 1
        assert world.sleeps == []

    def test_an_unknown_outcome_contains_kaizalas_message(self, world, post):
        world.replies = [world.error(500, "Internal", "database is down")]
        with pytest.raises(KaizalaUnknownOutcomeError, match="status 500, Internal, database is down"):
            world.run(post)

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("seconds", [1, 7, 599])
    def test_a_throttled_call_waits_as_long_as_kaizala_asks(self, world, post, status, seconds):
        world.replies = [world.error(status, retry_after=str(seconds)), world.reply(200, POSTED)]
        world.run(post)
        assert world.sleeps == [float(seconds)]
        assert len(world.calls) == 2

    def test_retry_after_may_be_a_date(self, world, post):
        date = formatdate(world.wall + 42, usegmt=True)
        world.replies = [world.error(429, retry_after=date), world.reply(200, POSTED)]
        world.run(post)
        assert world.sleeps == [42.0]

    def test_throttling_does_not_count_as_a_retry_of_a_post(self, world, post):
        world.replies = [world.error(429, retry_after="2")] * 12 + [world.reply(200, POSTED)]
        world.run(post)
        assert world.sleeps == [2.0] * 12

    @pytest.mark.parametrize("value", [None, "0", formatdate(1_600_000_000, usegmt=True), "-5", "soon", "²"])
    def test_a_429_without_retry_after_backs_off_and_ends(self, world, post, value):
        headers = {} if value is None else {"retry_after": value}
        world.replies = [world.error(429, **headers)] * 5
        with pytest.raises(KaizalaThrottledError):
            world.run(post)
        assert world.sleeps == BACKOFF

    def test_a_throttle_longer_than_the_total_timeout_is_raised_at_once(self, world, post):
        world.replies = [world.error(429, "TooMany", retry_after="600")]
        with pytest.raises(KaizalaThrottledError, match="100 calls a minute") as caught:
            world.run(post)
        assert caught.value.retry_after == 600.0
        assert world.sleeps == []


class TestObserver:
    """Whoever measures is told of each throttle, and for how long the call waits."""

    @pytest.fixture
    def throttles(self, world):
        told = []

        class Recorder(Observer):
            def throttled(self, call, seconds, by):
                told.append((call.operation, seconds, by))

        world.policy.observer = Recorder()
        return told

    def test_a_throttle_of_the_service(self, world, post, throttles):
        world.replies = [
            world.error(429, retry_after="7"),
            world.error(503, retry_after="2"),
            world.reply(200, POSTED),
        ]
        world.run(post)
        assert throttles == [(post.operation, 7.0, "kaizala"), (post.operation, 2.0, "kaizala")]

    def test_a_call_that_gives_up_waits_no_more(self, world, post, throttles):
        world.replies = [world.error(429, retry_after="600")]
        with pytest.raises(KaizalaThrottledError):
            world.run(post)
        assert throttles == [(post.operation, 0.0, "kaizala")]

    def test_the_limit_of_the_connection(self, world, post, throttles):
        world.policy.budget.limit = 2  # the first call of a client fetches a token
        world.replies = [world.reply(200, POSTED)] * 2
        world.run(post)
        assert throttles == []
        world.run(post)
        assert throttles == [(post.operation, 60.0, "calls_per_minute")]

    def test_other_failures_are_not_throttles(self, world, get, throttles):
        world.replies = [world.error(500), world.error(502), world.reply(200, {"members": []})]
        world.run(get)
        assert throttles == []


class TestSafeToRepeat:
    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_server_errors_are_retried_with_backoff_and_then_raised(self, world, get, status):
        world.replies = [world.error(status, "Internal", "broken")] * 5
        with pytest.raises(KaizalaServerError, match="broken") as caught:
            world.run(get)
        assert caught.value.status == status
        assert len(world.calls) == 5
        assert world.sleeps == BACKOFF

    @pytest.mark.parametrize(
        "make",
        [
            lambda w: w.failure(sent=True),
            lambda w: w.failure(sent=False),
            lambda w: w.reply(408),
            lambda w: w.reply(500),
            lambda w: w.reply(200, b"<html>"),
            lambda w: w.reply(200, b""),
        ],
    )
    def test_one_failure_costs_one_retry(self, world, get, make):
        world.replies = [make(world), world.reply(200, {"members": []})]
        assert world.run(get) == ()
        assert len(world.calls) == 2
        assert world.sleeps == BACKOFF[:1]

    def test_a_read_without_any_reply_raises_no_reply(self, world, get):
        world.replies = [world.failure(sent=True, detail="read timed out")] * 5
        with pytest.raises(KaizalaNoReplyError, match="read timed out"):
            world.run(get)
        assert len(world.calls) == 5

    def test_a_refused_read_is_not_repeated(self, world, get):
        world.replies = [world.error(404)]
        with pytest.raises(KaizalaNotFoundError):
            world.run(get)
        assert len(world.calls) == 1

    def test_throttling_does_not_count_as_a_retry_of_a_read(self, world, get):
        throttle = world.error(503, retry_after="3")
        world.replies = [
            throttle,
            world.reply(500),
            throttle,
            world.reply(500),
            world.reply(200, {"members": []}),
        ]
        world.run(get)
        assert world.sleeps == [3.0, BACKOFF[0], 3.0, BACKOFF[1]]

    def test_the_number_of_retries_is_a_setting(self, make_world, get):
        world = make_world(retries=0)
        world.replies = [world.reply(500)]
        with pytest.raises(KaizalaServerError):
            world.run(get)
        assert len(world.calls) == 1

    def test_backoff_is_capped(self, make_world, get):
        world = make_world(retries=8)
        world.replies = [world.reply(500)] * 9
        with pytest.raises(KaizalaServerError):
            world.run(get)
        assert world.sleeps == [*BACKOFF, 12.0, 22.5, 22.5, 22.5]


class TestTheTotalBound:
    def test_the_time_that_is_left_bounds_every_request(self, make_world, get):
        world = make_world(timeouts=Timeouts(connect=5, read=30, total=40))

        def slow(send):
            world.clock += 37
            return world.reply(500)

        world.replies = [slow, world.reply(200, {"members": []})]
        world.run(get)
        first, second = world.calls
        assert (first.connect_timeout, first.read_timeout, first.total_timeout) == (5, 30, 40)
        assert second.total_timeout == 40 - 37 - 0.75
        assert second.read_timeout == second.total_timeout
        assert second.connect_timeout == second.total_timeout

    def test_no_wait_exceeds_the_total_timeout(self, make_world, get):
        world = make_world(timeouts=Timeouts(total=2.0))
        world.replies = [world.reply(500), world.reply(500)]
        with pytest.raises(KaizalaServerError):
            world.run(get)
        assert world.sleeps == [0.75]

    def test_a_call_may_have_a_shorter_timeout(self, make_world, get):
        world = make_world(timeouts=Timeouts(connect=10, read=20, total=30))
        world.replies = [world.error(429, retry_after="9"), world.reply(200, {"members": []})] * 2
        world.run(get, within=10)
        assert world.sleeps == [9]
        assert world.calls[0].total_timeout == 10
        with pytest.raises(KaizalaThrottledError):
            world.run(get, within=8)
        assert world.sleeps == [9], "what does not end in time is not waited for"

    @pytest.mark.parametrize(("retry_after", "within"), [(20, 10), (10, 10), (700, 3600)])
    def test_a_throttle_longer_than_the_timeout_of_the_call_is_raised_at_once(
        self, world, post, retry_after, within
    ):
        world.replies = [world.reply(429, retry_after=str(retry_after))]
        with pytest.raises(KaizalaThrottledError) as caught:
            world.run(post, within=within)
        assert caught.value.retry_after == retry_after
        assert world.sleeps == []
        assert len(world.calls) == 1

    def test_a_call_cannot_have_a_longer_timeout(self, make_world, get):
        world = make_world(timeouts=Timeouts(connect=10, read=20, total=30))
        world.replies = [world.reply(200, {"members": []})]
        world.run(get, within=100)
        assert world.calls[0].total_timeout == 30

    def test_nothing_is_sent_after_the_total_timeout(self, make_world, post):
        world = make_world(timeouts=Timeouts(total=10.0))

        def slow_token(send):
            world.clock += 10
            return world.token()

        world.tokens = [slow_token]
        with pytest.raises(KaizalaUnreachableError, match="nothing was sent"):
            world.run(post)
        assert world.calls == []

    def test_a_sleep_that_takes_too_long_raises_the_failure_before_it(self, make_world, get):
        world = make_world(timeouts=Timeouts(total=10.0))
        world.oversleep = 10
        world.replies = [world.error(500, "Internal", "the reason")]
        with pytest.raises(KaizalaServerError, match="the reason"):
            world.run(get)
        assert len(world.calls) == 1


class TestTheBudget:
    def test_calls_wait_for_the_budget(self, make_world, get):
        world = make_world(calls_per_minute=2)
        world.replies = [world.reply(200, {"members": []})] * 2
        world.run(get)  # the token call and this one fill the minute
        assert world.sleeps == []
        world.clock += 10
        world.run(get)
        assert world.sleeps == [50.0]

    def test_a_wait_for_the_budget_beyond_the_total_timeout_raises_and_reserves_nothing(
        self, make_world, get
    ):
        world = make_world(calls_per_minute=2, timeouts=Timeouts(total=30))
        world.replies = [world.reply(200, {"members": []})] * 2
        world.run(get)
        for _ in range(5):
            with pytest.raises(KaizalaThrottledError, match="calls_per_minute"):
                world.run(get)
        assert len(world.calls) == 1
        world.clock += 60
        world.run(get)
        assert world.sleeps == []

    def test_several_clients_can_share_a_budget(self, make_settings):
        settings, budget = make_settings(calls_per_minute=7), Budget(3)
        assert Policy(settings, budget=budget).budget is Policy(settings, budget=budget).budget
        assert Policy(settings).budget.limit == 7


def test_a_call_that_needs_no_token_makes_no_token_call(world):
    call = Call("ping", "GET", "/ping", lambda body: body, repeatable=True, needs_token=False)
    world.replies = [world.reply(200, {"a": 1})]
    assert world.run(call) == {"a": 1}
    assert world.log == ["call https://api.kaiza.la/v1/ping"]
