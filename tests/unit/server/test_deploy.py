"""What ``deploy/`` gives an administrator: checked with the real programs as far as a test machine has them."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import tomllib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_kaizala.server.cli import SETTINGS
from airflow_provider_kaizala.server.config import PREFIX

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_the_image_has_what_the_extras_name() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = (DEPLOY / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == extras["server"] + extras["postgres"]


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "kaizala-server.service"])
def test_every_variable_is_a_setting(name) -> None:
    known = {PREFIX + setting.name.upper() for setting in SETTINGS}
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", (DEPLOY / name).read_text()))
    assert named
    assert named <= known


def test_the_compose_file_fits_together() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert "server kaizala:8787;" in (DEPLOY / "nginx.conf").read_text()
    assert "kaizala" in services
    for source in services["proxy"]["volumes"]:
        assert source.startswith(("./nginx.conf:", "./tls:"))
    assert (
        DEPLOY / services["kaizala"]["build"]["context"] / services["kaizala"]["build"]["dockerfile"]
    ).is_file()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not on this machine")
def test_the_unit_is_accepted_by_systemd(tmp_path) -> None:
    unit = tmp_path / "kaizala-server.service"
    text = (DEPLOY / unit.name).read_text()
    unit.write_text(text.replace("/opt/kaizala-server/bin/kaizala-server", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []
    assert done.returncode == 0, done.stderr


# --- nginx in front of the server ----------------------------------------------------------------------------------------------


def certificate(folder: Path) -> None:
    """Write a certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "privkey.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, plain))


@pytest.fixture
def proxied(make_server, tmp_path):
    """The server behind nginx with our configuration, and the address of nginx."""
    if not shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin"):
        pytest.skip("nginx is not on this machine")
    port, plain = free_port(), free_port()
    url = f"https://127.0.0.1:{port}"
    running = make_server(test_mode=False, public_url=url, trusted_proxies=("127.0.0.1",))
    certificate(tmp_path / "tls")
    ours = (DEPLOY / "nginx.conf").read_text()
    for old, new in (
        ("listen [::]:80;", ""),
        ("listen [::]:443 ssl;", ""),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("kaizala:8787", running.url.removeprefix("http://")),
        ("/etc/nginx/tls", str(tmp_path / "tls")),
    ):
        assert old in ours
        ours = ours.replace(old, new)
    temporary = "".join(
        f"{name}_temp_path {tmp_path}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = (
        f"daemon off; worker_processes 1; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;"
        f"events {{}} http {{ access_log off; {temporary} {ours} }}"
    )
    (tmp_path / "nginx.conf").write_text(whole)
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    process = subprocess.Popen([str(nginx), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    try:
        until = time.monotonic() + 30
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    break
            except OSError:
                assert process.poll() is None, (tmp_path / "error.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)
        with httpx.Client(
            base_url=url,
            verify=ssl.create_default_context(cafile=tmp_path / "tls" / "fullchain.pem"),
            timeout=20,
        ) as client:
            client.headers["X-Forwarded-For"] = "203.0.113.7"  # what a caller claims
            yield client, f"http://127.0.0.1:{plain}"
    finally:
        process.terminate()
        process.wait(20)


def test_behind_nginx(proxied) -> None:
    client, plain = proxied
    assert httpx.get(plain + "/v1/groups?x=1").headers["Location"] == "https://127.0.0.1/v1/groups?x=1"
    assert client.get("/healthz").headers["Strict-Transport-Security"]
    login = {
        "applicationId": "demo-connector",
        "applicationSecret": "demo-secret",
        "refreshToken": "demo-group-token",
    }
    granted = client.get("/v1/accessToken", headers=login).json()
    assert granted["endpointUrl"].rstrip("/") == str(client.base_url).rstrip("/")
    token = {"accessToken": granted["accessToken"]}
    photo = b"\x89PNG\r\n\x1a\n" + b"\0" * 3_000_000
    uploaded = client.post("/v1/media", files={"f": ("a.pdf", photo, "application/pdf")}, headers=token)
    assert uploaded.status_code == 200, uploaded.text
    assert client.get("/metrics").status_code == 403, "it comes from this machine only by way of the proxy"


def test_the_address_in_the_log_is_that_of_the_caller(proxied, caplog) -> None:
    client, _ = proxied
    with caplog.at_level("INFO", "kaizala.access"):
        client.get("/healthz")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "kaizala.access"]
    assert line.startswith("127.0.0.1 GET /healthz 200"), "not what the caller claims to be"
