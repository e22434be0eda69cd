"""The URIs of a group's assets."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_kaizala.client.models.webhooks import EVENT_TYPES
from airflow_provider_kaizala.push.assets import asset_uri

GROUP = "11111111-1111-4111-8111-111111111111@1"


def test_a_group_and_its_event_types() -> None:
    assert asset_uri("kaizala_default", GROUP) == f"kaizala://kaizala_default/groups/{GROUP}"
    assert (
        asset_uri("kaizala_default", GROUP, "JobResponse")
        == f"kaizala://kaizala_default/groups/{GROUP}/JobResponse"
    )


@pytest.mark.parametrize("event_type", [None, *EVENT_TYPES])
@pytest.mark.parametrize(
    ("conn_id", "group"), [("kaizala_default", GROUP), ("a:b@c/d", "x/y?z#ü %"), ("Big", "GROUP")]
)
def test_what_is_rung_is_what_a_dag_is_scheduled_on(conn_id: str, group: str, event_type: str | None) -> None:
    uri = asset_uri(conn_id, group, event_type)
    assert Asset(uri).uri == uri


@pytest.mark.parametrize(
    "spelling",
    [
        "kaizala://c/groups/g%401",
        "KAIZALA://c/groups/g@1",
        "kaizala://c/groups/g@1/",
        "kaizala://c/groups/%67@1#top",
        "kaizala://c/groups/G@1",
    ],
)
def test_other_spellings_of_a_uri(spelling: str) -> None:
    assert Asset(spelling).uri == "kaizala://c/groups/g@1"


@pytest.mark.parametrize(
    "uri",
    ["kaizala://c", "kaizala://c/", "kaizala://c/groups", "kaizala:///groups/g", "kaizala://c/group/g", "kaizala://c/groups/g/a/b",
     "kaizala://c/groups//JobResponse", "kaizala://c/groups/g?on=x"],
)  # fmt: skip
def test_a_uri_that_names_no_group_is_refused_when_the_dag_is_parsed(uri: str) -> None:
    with pytest.raises(ValueError, match="it must be kaizala://<connection id>/groups/<group id>"):
        Asset(uri)


def test_a_misspelt_event_type_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(ValueError, match="did you mean 'JobResponse'"):
        Asset("kaizala://c/groups/g/JobRespons")
