"""Who gets in, and that nothing listens beyond this machine without a secret."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from penstock.features.errors import UsageError
from penstock.jobs.http.door import check_door
from penstock.jobs.project.config import ServeConfig
from penstock.jobs.project.project import Project
from tests.jobs.http.serving import order, serving

PREDICT = "/models/cost/predict"
SECRET = "s3cret-of-the-shop"


class Own(NamedTuple):
    """A key and its own certificate, as PEM files."""

    key: Path
    certificate: Path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Own:
    folder = tmp_path_factory.mktemp("tls")
    files = Own(folder / "key.pem", folder / "certificate.pem")
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=own", "-days", "2"]
    address = ["-addext", "subjectAltName=IP:127.0.0.1"]
    written = ["-keyout", str(files.key), "-out", str(files.certificate)]
    subprocess.run(["openssl", "req", "-x509", *made, *address, *written], check=True, capture_output=True)
    return files


def config(**settings: Any) -> ServeConfig:
    return ServeConfig(**settings)


def test_an_address_beyond_this_machine_needs_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_SERVE_TOKEN", raising=False)
    for host in ("127.0.0.1", "127.8.0.1", "::1", "localhost"):
        check_door(config(host=host))
    pem = tmp_path / "any.pem"
    for host in ("0.0.0.0", "::", "10.0.0.7", "shop.example"):
        with pytest.raises(UsageError, match="nothing says who gets in"):
            check_door(config(host=host))
        with pytest.raises(UsageError, match="nothing says who gets in"):
            check_door(config(host=host, cert_file=pem, key_file=pem))
        check_door(config(host=host, cert_file=pem, key_file=pem, ca_file=pem))
    monkeypatch.setenv("PENSTOCK_SERVE_TOKEN", SECRET)
    check_door(config(host="0.0.0.0"))


def test_half_of_a_door_is_refused(tmp_path: Path) -> None:
    pem = tmp_path / "any.pem"
    for half in ({"cert_file": pem}, {"key_file": pem}):
        with pytest.raises(UsageError, match="given together"):
            check_door(config(**half))
    with pytest.raises(UsageError, match="over TLS only"):
        check_door(config(ca_file=pem))
    with pytest.raises(UsageError, match="the token cannot be read"):
        check_door(config(token_file=tmp_path / "none"))
    (tmp_path / "token").write_text("gehüpft")
    with pytest.raises(UsageError, match="ASCII"):
        check_door(config(token_file=tmp_path / "token"))


def test_without_the_token_nothing_is_answered_but_whether_it_lives(shop: Project, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    with serving(shop, token_file=tmp_path / "token") as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": SECRET}):
            for path, body in ((PREDICT, order(1)), ("/openapi.json", None), ("/nothing", None)):
                answer = server.ask(path, body, headers=headers)
                assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
                assert answer.json["error"]["where"] == "the header Authorization"
                assert SECRET.encode() not in answer.body
        assert server.ask(PREDICT, order(1), headers={"Authorization": f"Bearer {SECRET}"}).status == 200
        assert not any(SECRET in line for line in server.lines)


def test_a_client_without_a_certificate_is_not_let_in(shop: Project, own: Own) -> None:
    with serving(shop, cert_file=own.certificate, key_file=own.key, ca_file=own.certificate) as server:
        tls = ssl.create_default_context(cafile=str(own.certificate))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            server.ask(PREDICT, order(1), tls=tls)
        tls.load_cert_chain(own.certificate, own.key)
        assert server.ask(PREDICT, order(1), tls=tls).status == 200
        assert str(server.address).startswith("https://")
