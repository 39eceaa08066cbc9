"""The Redis store over TLS, as a user who may do what the store needs and no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.process.ports import HOST, free_port
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from tests.certificates import self_signed
from tests.jobs.store.projects import REDIS, applied, make_project
from tests.redis_server import redis_server

SCHEMA = ViewSchema("sales", (("customer", "int64"),), (("n", "int64"), ("name", "string")), (0, None), "aa11")
ROW = FeatureRow((1,), 1_500, 1, (7, "é"))
USER, PASSWORD, VARIABLE = "penstock", "correct=horse", "TESTED_REDIS_PASSWORD"
#: All that the store asks for, as docs/operations.md says it.
COMMANDS = "+hello +auth +client +ping +select +hmget +hget +hset +hsetnx +hdel +hincrby +evalsha +script|load"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port at which a server speaks TLS, and the certificate that it shows."""
    folder, port = tmp_path_factory.mktemp("secure redis"), free_port()
    own = self_signed(folder)
    tls = ["--tls-port", str(port), "--tls-cert-file", str(own.certificate), "--tls-key-file", str(own.key)]
    tls += ["--tls-ca-cert-file", str(own.certificate), "--tls-auth-clients", "no"]
    acl = ["--user", *f"{USER} on >{PASSWORD} ~*shop ~penstock:* {COMMANDS}".split()]
    with redis_server(folder, *tls, *acl):
        yield port, own.certificate


def project(folder: Path, port: int, **options: object) -> Path:
    given = {"username": USER, "password": f"${{{VARIABLE}}}", **options}
    said = ",".join(f"{name}={value}" for name, value in given.items())
    return make_project(folder, REDIS, f'connection_string: "{HOST}:{port},{said}"')


def test_tls_and_a_user_with_these_commands_only(
    secure: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate = secure
    monkeypatch.setenv(VARIABLE, PASSWORD)
    folder = project(tmp_path, port, ssl="true", ssl_ca_certs=certificate)
    with open_store(folder) as store:
        assert store.write_rows(SCHEMA, [ROW]) == 1
        assert store.write_rows(SCHEMA, [ROW]) == 0
        (columns,) = store.read_rows([(SCHEMA, [(1,)])])
        assert columns["name"].values.tolist() == ["é"]
        store.note_batch("sales")
        assert store.batches(["sales"]) == [1]
        store.erase_rows([(SCHEMA, [(2,)])])
    response = applied(folder, SCHEMA).get_online_features(["sales:n"], [{"customer": 1}])
    assert response.to_dict() == {"customer": [1], "n": [7]}


def test_a_wrong_password_is_told_and_not_shown(
    secure: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate = secure
    monkeypatch.setenv(VARIABLE, "wrong-secret")
    folder = project(tmp_path, port, ssl="true", ssl_ca_certs=certificate)
    with open_store(folder) as store, pytest.raises(PenstockError, match="does not answer as it should") as caught:
        store.write_rows(SCHEMA, [ROW])
    assert "invalid username-password pair" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    secure: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    folder = project(tmp_path, secure[0], ssl="true")
    with open_store(folder) as store, pytest.raises(PenstockError, match="certificate verify failed"):
        store.write_rows(SCHEMA, [ROW])


def test_without_tls_there_is_no_answer(
    secure: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    with open_store(project(tmp_path, secure[0])) as store, pytest.raises(PenstockError, match="Redis store"):
        store.write_rows(SCHEMA, [ROW])
