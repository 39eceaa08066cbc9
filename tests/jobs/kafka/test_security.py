from __future__ import annotations

from pathlib import Path

import pytest

from penstock.features.errors import UsageError
from penstock.jobs.kafka.security import bootstrap_servers, confluent_options, flink_properties, python_options
from tests.projects import config

LOGIN = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "username": "ann"}
PASSWORD = 'se"cr\\et'


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_KAFKA_PASSWORD", PASSWORD)


def test_several_servers(tmp_path: Path) -> None:
    assert bootstrap_servers(config(tmp_path, "a:1, b.c:2,[::1]:3")) == "a:1,b.c:2,[::1]:3"


def test_plain_text_needs_no_login(tmp_path: Path) -> None:
    settings = config(tmp_path, "a:1")
    assert flink_properties(settings) == {"bootstrap.servers": "a:1", "security.protocol": "PLAINTEXT"}
    assert confluent_options(settings) == {"bootstrap.servers": "a:1", "security.protocol": "PLAINTEXT"}
    assert python_options(settings)["bootstrap_servers"] == ["a:1"]


def test_a_login_in_the_words_of_each_client(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("a certificate")
    settings = config(tmp_path, "a:1", ca_file=ca_file, **LOGIN)
    options, properties = python_options(settings), flink_properties(settings)
    assert (options["sasl_mechanism"], options["sasl_plain_username"]) == ("SCRAM-SHA-512", "ann")
    assert (options["sasl_plain_password"], options["ssl_cafile"]) == (PASSWORD, str(ca_file))
    assert confluent_options(settings) == {
        "bootstrap.servers": "a:1",
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(ca_file),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "ann",
        "sasl.password": PASSWORD,
    }
    assert properties["sasl.mechanism"] == "SCRAM-SHA-512"
    assert properties["ssl.truststore.type"] == "PEM"
    assert properties["ssl.truststore.certificates"] == "a certificate"
    assert properties["sasl.jaas.config"] == (
        'org.apache.kafka.common.security.scram.ScramLoginModule required username="ann" password="se\\"cr\\\\et";'
    )


def test_the_password_does_not_show(tmp_path: Path) -> None:
    settings = config(tmp_path, "a:1", **LOGIN)
    for options in (python_options, confluent_options, flink_properties):
        assert "cr\\" not in repr(options(settings))
    assert "cr\\" not in repr(settings)


def test_a_certificate_in_the_words_of_each_client(tmp_path: Path) -> None:
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_text("a certificate")
    key_file.write_text("a key")
    settings = config(tmp_path, "a:1", security_protocol="SSL", cert_file=cert_file, key_file=key_file)
    options, properties = python_options(settings), flink_properties(settings)
    assert (options["ssl_certfile"], options["ssl_keyfile"]) == (str(cert_file), str(key_file))
    fast = confluent_options(settings)
    assert (fast["ssl.certificate.location"], fast["ssl.key.location"]) == (str(cert_file), str(key_file))
    assert properties["ssl.keystore.type"] == "PEM"
    assert properties["ssl.keystore.certificate.chain"] == "a certificate"
    assert properties["ssl.keystore.key"] == "a key"
    assert "a key" not in repr(properties)


@pytest.mark.parametrize("missing", ["cert_file", "key_file"])
def test_half_a_certificate_is_refused(tmp_path: Path, missing: str) -> None:
    (tmp_path / "it.pem").touch()
    given = {name: tmp_path / "it.pem" for name in {"cert_file", "key_file"} - {missing}}
    with pytest.raises(UsageError, match=f"{missing} is missing"):
        python_options(config(tmp_path, "a:1", security_protocol="SSL", **given))


def test_a_missing_password_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_KAFKA_PASSWORD")
    with pytest.raises(UsageError, match="the password for ann is missing") as caught:
        flink_properties(config(tmp_path, "a:1", **LOGIN))
    assert "PENSTOCK_KAFKA_PASSWORD" in str(caught.value.where)


@pytest.mark.parametrize("missing", ["sasl_mechanism", "username"])
def test_half_a_login_is_refused(tmp_path: Path, missing: str) -> None:
    settings = config(tmp_path, "a:1", **{**LOGIN, missing: None})
    with pytest.raises(UsageError, match="needs sasl_mechanism and username"):
        python_options(settings)


def test_a_missing_ca_file(tmp_path: Path) -> None:
    settings = config(tmp_path, "a:1", ca_file=tmp_path / "none.pem", security_protocol="SSL")
    with pytest.raises(UsageError, match="no such ca_file"):
        flink_properties(settings)
