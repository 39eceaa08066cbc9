"""The files that a cluster is shown, from PEM; whether a cluster takes them is for the test with a cluster."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from penstock.features.errors import UsageError
from penstock.jobs.project.config import FlinkConfig
from penstock.jobs.streaming.secret import PEM, STORE, TRUSTED, TRUSTED_PEM, client_context
from penstock.jobs.streaming.session.login import login
from tests.certificates import Certificate, self_signed


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("own"))


def flink(**files: Path) -> FlinkConfig:
    return FlinkConfig(target="session", address="https://flink.example:8081", storage=Path("/storage"), **files)


def test_nothing_is_shown_over_plain_http(tmp_path: Path) -> None:
    plain = FlinkConfig(target="session", address="http://flink.example:8081", storage=Path("/storage"))
    with login(tmp_path / "secret", plain) as options:
        assert options == {}
    assert not (tmp_path / "secret").exists()


def test_a_client_that_shows_itself_has_its_key_and_what_it_trusts(own: Certificate, tmp_path: Path) -> None:
    folder = tmp_path / "secret"
    both = flink(ca_file=own.certificate, cert_file=own.certificate, key_file=own.key)
    with login(folder, both) as options:
        assert {file.name for file in folder.iterdir()} == {PEM, STORE, TRUSTED_PEM, TRUSTED, "password"}
        assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in folder.iterdir())
        assert options["security.ssl.rest.authentication-enabled"] == "true"
        assert options["security.ssl.rest.keystore"] == str(folder / STORE)
        assert client_context(folder).cert_store_stats()["x509"] == 1
    assert not folder.exists()


def test_a_client_that_only_looks_has_no_key(own: Certificate, tmp_path: Path) -> None:
    folder = tmp_path / "secret"
    with login(folder, flink(ca_file=own.certificate)) as options:
        assert not (folder / PEM).exists()
        assert options["security.ssl.rest.authentication-enabled"] == "false"
        assert "security.ssl.rest.keystore" not in options
        assert client_context(folder).cert_store_stats()["x509"] == 1


def test_a_file_of_something_else_is_named(own: Certificate, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    given = {"ca_file": own.certificate, "cert_file": own.certificate, "key_file": own.key}
    for setting in given:
        for file in (wrong, tmp_path / "absent.pem"):
            with (
                pytest.raises(UsageError, match=rf"\[flink\] {setting}") as refused,
                login(tmp_path / "secret", flink(**{**given, setting: file})),
            ):
                pass
            assert refused.value.where == str(file)
