"""Readers of the page without script: they load a page, fill in one of its forms, and send it."""

from __future__ import annotations

import html
import io
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image

from tests.unit.server.conftest import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.server.run import RunningServer

HOME = f"/groups/{GROUP}"
_FORM = re.compile(r'<form\b[^>]*? action="([^"]*)".*?</form>', re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


def photo(size: tuple[int, int] = (32, 20)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "#28536b").save(content, "JPEG")
    return content.getvalue()


class Reader:
    """A browser without script."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(
            base_url=url, timeout=60, headers={"accept-language": "en-GB", "accept": "text/html"}
        )

    def page(self, path: str, status: int = 200) -> str:
        reply = self.http.get(path)
        assert reply.status_code == status, (reply.status_code, reply.text[:300])
        return reply.text

    def form(self, path: str, action: str) -> dict[str, str]:
        """Return the hidden fields of the form of a page that goes to *action*."""
        for form in _FORM.finditer(self.page(path)):
            if html.unescape(form[1]) == action:
                return {html.unescape(name): html.unescape(value) for name, value in _HIDDEN.findall(form[0])}
        raise AssertionError(f"{path} has no form that goes to {action}")

    def send(
        self, path: str, action: str, fields: dict[str, Any] | None = None, files: Any = None, **given: Any
    ) -> httpx.Response:
        """Load a page, fill in a form of it, send it."""
        filled = {**self.form(path, action), **(fields or {})}
        return self.http.post(action, data=filled, files=files, **given)

    def act(self, reference_id: str, act: str, files: Any = None, **fields: Any) -> httpx.Response:
        """Fill in a form of a post on its own page."""
        path = f"{HOME}/posts/{reference_id}"
        named = {name.replace("__", "."): value for name, value in fields.items()}
        return self.send(path, f"{path}/{act}", named, files)

    def sign_in(self, mobile: str, pin: str = "1234", **fields: str) -> httpx.Response:
        return self.send("/sign-in", "/sign-in", {"mobileNumber": mobile, "pin": pin, **fields})


@pytest.fixture
def readers() -> Iterator[list[Reader]]:
    opened: list[Reader] = []
    yield opened
    for one in opened:
        one.http.close()


@pytest.fixture
def reader(server: RunningServer, readers: list[Reader]) -> Callable[..., Reader]:
    """Open browsers; with a phone number, somebody is signed in."""

    def read(mobile: str | None = None) -> Reader:
        readers.append(one := Reader(server.url))
        if mobile:
            reply = one.sign_in(mobile)
            assert reply.status_code == 303, reply.text
        return one

    return read
