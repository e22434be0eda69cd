from __future__ import annotations

import pytest

from airflow_provider_kaizala.server.seeds.apply import apply_seed
from airflow_provider_kaizala.server.seeds.load import SeedError, load_seed, parse_seed

PERSON = {"mobileNumber": "+910000000001", "name": "A", "pin": "1"}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("people: [", "line 1"),
        ("people:\n - {mobileNumber: 919, name: A}", "people.0.mobileNumber"),
        ('people:\n - {mobileNumber: "+910000000001", nom: A}', "people.0.name"),
        ('connectors: [{id: c, secret: s, permissions: ["Fly"]}]', "connectors.0.permissions"),
        ("grants: [{connector: c, kind: group, person: '+910000000001', refreshToken: t}]", "grants.0"),
        ("- a list", "mapping"),
    ],
)
def test_mistakes_say_where(text, where) -> None:
    with pytest.raises(SeedError) as wrong:
        parse_seed(text, "mine.yaml")
    assert where in str(wrong.value)
    assert "mine.yaml" in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_unknown_seed_names_the_built_in_ones() -> None:
    with pytest.raises(SeedError, match="built-in seeds: demo"):
        load_seed("nothing")


@pytest.mark.parametrize(
    ("seed", "where"),
    [
        ("people: [{mobileNumber: '+910000000001', name: Twice}]", "people.0.mobileNumber"),
        ("groups: [{id: g, name: G, admins: ['+910000000055']}]", "groups.0.admins"),
        ("groups: [{id: g, name: G, parent: nothing}]", "groups.0.parent"),
        (
            "grants: [{connector: x, kind: user, person: '+910000000001', refreshToken: t}]",
            "grants.0.connector",
        ),
        (
            "grants: [{connector: demo-connector, kind: user, person: '+910000000001', refreshToken: demo-group-token}]",
            "refreshToken",
        ),
        (
            "actions: [{group: 11111111-1111-4111-8111-111111111111@1, sender: '+910000000001', actionType: Poll, actionBody: {}}]",
            "actions.0",
        ),
    ],
)
def test_what_does_not_fit_the_database_changes_nothing(server, ravi, seed, where) -> None:
    with pytest.raises(SeedError, match=where):
        server.state.database.submit(lambda conn: apply_seed(conn, parse_seed(seed, "s"), 1)).result()
    assert len(ravi.ok("GET", "/groups")["groups"]) == 1


def test_actions_of_a_seed(server, ravi) -> None:
    seed = parse_seed(
        """
actions:
  - group: 11111111-1111-4111-8111-111111111111@1
    sender: "+910000000001"
    actionType: Poll
    actionBody: {question: "Tea?", choices: [{title: "Yes"}, {title: "No"}]}
""",
        "s",
    )
    server.state.database.submit(lambda conn: apply_seed(conn, seed, server.state.clock.now_ms())).result()
    [item] = ravi.feed()["items"]
    assert (item["kind"], item["sender"]["name"]) == ("poll", "Asha")


def test_reset_goes_back_to_the_seed(server, api, ravi) -> None:
    import httpx

    ravi.ok("POST", "/groups/11111111-1111-4111-8111-111111111111@1/messages", json={"text": "x"})
    server.state.clock.freeze(0)
    assert httpx.post(server.url + "/_test/reset").json() == {}
    assert server.state.clock.now_ms() > 10**12
    assert httpx.get(server.url + "/v1/groups", headers=api.http.headers).status_code == 401
