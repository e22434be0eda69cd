from __future__ import annotations

import pytest

from airflow_provider_kaizala.server.api.operations import OPERATIONS, called, routes
from tests.contract.description import operations

GROUP = "11111111-1111-4111-8111-111111111111@1"


def test_there_are_48() -> None:
    assert len(OPERATIONS) == 48


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/v1/accessToken", "getAccessToken"),
        ("GET", "/V1/ACCESSTOKEN", "getAccessToken"),
        ("POST", "/api/oauth/token", "oauthToken"),
        ("GET", "/v1/api/Oauth/Authorize", "oauthAuthorize"),
        ("GET", f"/v1/groups/{GROUP}/reaction/summary", "getGroupReactionSummary"),
        ("GET", f"/v1/groups/{GROUP}/reaction/r1", "getReactions"),
        ("GET", f"/v1/groups/{GROUP}/reaction/r1/summary", "getReactionSummary"),
        ("GET", f"/v1/groups/{GROUP}/subscribers", "listSubscribersGet"),
        ("POST", f"/v1/groups/{GROUP}/subscribers", "listSubscribers"),
        ("GET", "/media/abc", None),
        ("GET", "/people/groups", None),
        ("PATCH", "/v1/groups", None),
        ("GET", "/v1/groups/a/b/c", None),
    ],
)
def test_a_request_is_an_operation(method: str, path: str, operation: str | None) -> None:
    assert called(method, path).operation == operation


def test_ids_are_as_stored() -> None:
    found = called("GET", f"/v1/groups/{GROUP.upper()}/actions/ABCDEF00-1111-4111-8111-111111111111")
    assert (found.group, found.action) == (GROUP, "abcdef00-1111-4111-8111-111111111111")


def test_every_route_of_the_api_has_a_name() -> None:
    for route in routes():
        for method in route.methods or ():
            path = route.path.replace("{", "").replace("}", "")
            assert called(method, path).operation == route.name, (method, path)


def test_the_table_is_that_of_the_contract() -> None:
    described = {name: f"{method} {path}" for name, (method, path, _) in operations().items()}
    assert {name: f"{one.method} {one.path}" for name, one in OPERATIONS.items()} == described
