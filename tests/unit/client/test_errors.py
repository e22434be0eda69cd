"""The exception tree: one place turns a status into a type; all survive pickling."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from airflow_provider_kaizala.client import errors
from airflow_provider_kaizala.client.errors import (
    KaizalaApiError,
    KaizalaAuthError,
    KaizalaBadRequestError,
    KaizalaError,
    KaizalaForbiddenError,
    KaizalaInputError,
    KaizalaNotFoundError,
    KaizalaRefusedError,
    KaizalaServerError,
    KaizalaThrottledError,
    KaizalaUnknownOutcomeError,
    KaizalaUnsupportedMediaError,
    error_for,
)

TREE = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, KaizalaError)]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, None, KaizalaBadRequestError),
        (400, "InvalidParameters", KaizalaBadRequestError),
        (401, None, KaizalaAuthError),
        (401, "Unauthenticated", KaizalaAuthError),
        (400, "InvalidToken", KaizalaAuthError),
        (500, "INVALIDTOKEN", KaizalaAuthError),
        (200, "TokenExpired", KaizalaAuthError),
        (403, None, KaizalaForbiddenError),
        (404, None, KaizalaNotFoundError),
        (415, None, KaizalaUnsupportedMediaError),
        (405, None, KaizalaRefusedError),
        (413, None, KaizalaRefusedError),
        (429, "x", KaizalaThrottledError),
        (500, "x", KaizalaServerError),
        (599, None, KaizalaServerError),
    ],
)
def test_each_status_becomes_its_exception(status, code, kind):
    assert type(error_for("op", status, code)) is kind


def test_only_4xx_errors_are_refusals():
    refused = {each.__name__ for each in TREE if issubclass(each, KaizalaRefusedError)}
    assert "KaizalaThrottledError" not in refused
    assert "KaizalaServerError" not in refused
    assert "KaizalaUnknownOutcomeError" not in refused
    assert not issubclass(KaizalaUnknownOutcomeError, KaizalaApiError)


def test_the_tree_in_the_docstring_is_complete():
    drawn = {line.split("──")[1].split()[0] for line in errors.__doc__.splitlines() if "──" in line}
    assert drawn == {each.__name__ for each in TREE} - {"KaizalaError"}


def test_input_errors_are_value_errors():
    assert issubclass(KaizalaInputError, ValueError)


@pytest.mark.parametrize("kind", [each for each in TREE if issubclass(each, KaizalaApiError)])
def test_api_errors_survive_pickling_and_copying(kind):
    error = kind("postAction", 418, "Teapot", "short and stout", "g1")
    if kind is KaizalaThrottledError:
        error.retry_after = 7.0
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)
    assert all(part in str(error) for part in ("postAction", "418", "Teapot", "short and stout", "g1"))
    assert kind.hint in str(error)


def test_other_errors_survive_pickling():
    error = KaizalaUnknownOutcomeError("sendMessage", "g1", "connection reset", 502)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), vars(again)) == (str(error), vars(error))
    for kind in TREE:
        if not issubclass(kind, (KaizalaApiError, KaizalaUnknownOutcomeError)):
            assert str(pickle.loads(pickle.dumps(kind("why")))) == "why"


def test_error_texts_leave_out_what_is_unknown():
    assert str(KaizalaNotFoundError("getGroup", 404)) == "getGroup failed (404)"
    assert str(KaizalaUnknownOutcomeError("sendMessage", None, "reset")).startswith(
        "sendMessage was sent, but"
    )


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (errors.error_for("getAction", 429), True),
        (errors.error_for("getAction", 500), True),
        (errors.error_for("getAction", 503), True),
        (errors.KaizalaNoReplyError("no reply"), True),
        (errors.KaizalaUnreachableError("no connection"), True),
        (errors.KaizalaCertificateError("self-signed"), False),
        (errors.error_for("getAction", 400), False),
        (errors.error_for("getAction", 401), False),
        (errors.error_for("getAction", 500, "InvalidToken"), False),
        (errors.error_for("getAction", 403), False),
        (errors.error_for("getAction", 404), False),
        (errors.error_for("getAction", 418), False),
        (errors.KaizalaUnknownOutcomeError("sendMessage", "g1", "dropped"), False),
        (errors.KaizalaGrantError("no grant"), False),
        (errors.KaizalaInputError("until"), False),
        (errors.KaizalaUntrustedHostError("elsewhere"), False),
    ],
)
def test_each_error_knows_whether_retrying_can_help(error, transient):
    assert error.is_transient is transient
