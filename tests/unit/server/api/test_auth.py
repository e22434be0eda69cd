from __future__ import annotations

import httpx
import pytest


def post(server, path, **body):
    return httpx.post(f"{server.url}/v1/{path}", json=body)


@pytest.mark.parametrize("pin", [1234, "1234"])
@pytest.mark.parametrize("secret", [{}, {"applicationSecret": "demo-secret"}])
def test_pin_login(server, fetch_token, pin, secret) -> None:
    who = {"mobileNumber": "+910000000002", "applicationId": "demo-connector"}
    assert post(server, "generatePin", **who).json() == {}
    body = post(server, "loginWithPinAndApplicationId", **who, pin=pin, **secret).json()
    assert body["endpointUrl"] == server.url + "/"
    access = fetch_token(server.url, body["refreshToken"])["accessToken"]
    me = httpx.get(body["endpointUrl"] + "/v1/users/me", headers={"accessToken": access}).json()
    assert me["name"] == "Ravi"
    again = post(server, "loginWithPinAndApplicationId", **who, pin=pin).json()["refreshToken"]
    headers = {"applicationId": "demo-connector", "applicationSecret": "demo-secret"}
    for token, status in ((body["refreshToken"], 401), (again, 200)):
        reply = httpx.get(server.url + "/v1/accessToken", headers={**headers, "refreshToken": token})
        assert reply.status_code == status


@pytest.mark.parametrize(("pin", "number"), [("0042", 42), ("000042", 42), ("012345", 12345), ("7", 7)])
def test_a_pin_sent_as_a_number_has_lost_its_zeros(server, pin, number) -> None:
    people = [{"mobileNumber": "+919000000001", "name": "Zoya", "pin": pin}]
    assert httpx.post(f"{server.url}/_test/seed", json={"people": people}).status_code == 200
    who = {"mobileNumber": "+919000000001", "applicationId": "demo-connector"}
    login = "loginWithPinAndApplicationId"
    assert post(server, login, **who, pin=number + 1).status_code == 401
    assert post(server, login, **who, pin=number).status_code == 200
    # Only a number is short of zeros.
    assert post(server, login, **who, pin=f"{number}").status_code == (200 if f"{number}" == pin else 401)


def test_pin_refusals(server) -> None:
    who = {"mobileNumber": "+910000000002", "applicationId": "demo-connector"}
    login = "loginWithPinAndApplicationId"
    assert post(server, "generatePin", **{**who, "applicationId": "x"}).status_code == 401
    assert post(server, "generatePin", **{**who, "mobileNumber": "5"}).status_code == 400
    assert post(server, "generatePin", **{**who, "mobileNumber": "+919999999999"}).json() == {}
    assert post(server, login, **who, pin="1234", applicationSecret="wrong").status_code == 401
    assert post(server, login, **who).status_code == 400
    statuses = [post(server, login, **who, pin=f"{n:04}").status_code for n in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    assert post(server, login, **who, pin="1234").headers["retry-after"].isdigit()
