from pathlib import Path

import pytest

from penstock.features.errors import UsageError
from penstock.jobs.project.config import FILE, LOCAL, Config, read_config


def read(folder: Path, text: str) -> Config:
    (folder / FILE).write_text(text)
    return read_config(folder)


def refused(folder: Path, text: str) -> UsageError:
    with pytest.raises(UsageError) as raised:
        read(folder, text)
    assert raised.value.where == str(folder / FILE)
    return raised.value


def test_a_project_needs_no_more_than_its_name(tmp_path: Path) -> None:
    config = read(tmp_path, 'project = "shop"')
    assert config.project == "shop"
    assert (config.kafka.bootstrap_servers, config.kafka.client) == (LOCAL, "confluent")
    assert (config.stream.parallelism, config.batch.memory, config.inference.batch) == (1, "1GB", 500)
    assert config.inference.store == "online"


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = read(tmp_path, 'project = "shop"\ndata = "../lake"\nstate = "/var/state"')
    assert config.definitions == tmp_path / "definitions.py"
    assert config.data == tmp_path.parent / "lake"
    files = read(
        tmp_path, 'project = "shop"\n[kafka]\nca_file = "ca.pem"\ncert_file = "cert.pem"\nkey_file = "key.pem"'
    )
    assert files.kafka.ca_file == tmp_path / "ca.pem"
    assert (files.kafka.cert_file, files.kafka.key_file) == (tmp_path / "cert.pem", tmp_path / "key.pem")
    assert config.state == Path("/var/state")


def test_sections_are_read(tmp_path: Path) -> None:
    text = """project = "shop"
[kafka]
bootstrap_servers = "one:9092,two:9092"
security_protocol = "SASL_SSL"
sasl_mechanism = "PLAIN"
username = "penstock"
replication = 3
[stream]
live = true
checkpoint_ms = 1000
[inference]
wait_ms = 0
store = "mirrored"
"""
    config = read(tmp_path, text)
    assert config.kafka.bootstrap_servers == "one:9092,two:9092"
    assert (config.kafka.security_protocol, config.kafka.replication) == ("SASL_SSL", 3)
    assert (config.stream.live, config.stream.checkpoint_ms, config.inference.wait_ms) == (True, 1000, 0)
    assert (config.inference.store, config.inference.mirror_lag_ms) == ("mirrored", 1_000)


def test_the_password_comes_from_the_environment_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = read(tmp_path, 'project = "shop"\n[kafka]\npassword_env = "SHOP_PASSWORD"')
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    assert config.kafka.password is None
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret")
    assert config.kafka.password == "s3cret"
    assert "s3cret" not in repr(config)
    assert "password" in refused(tmp_path, 'project = "shop"\n[kafka]\npassword = "s3cret"').what


def test_a_folder_without_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"there is no {FILE} here") as raised:
        read_config(tmp_path)
    assert raised.value.where == str(tmp_path)
    assert raised.value.hint == "run 'penstock init', or give --project DIR"


@pytest.mark.parametrize("text", ["project = ", "project = 'a'\nproject = 'b'", "[kafka", "é"])
def test_what_is_not_toml_is_so_called(tmp_path: Path, text: str) -> None:
    assert f"{FILE} is not TOML" in refused(tmp_path, text).what


def test_bytes_that_are_no_text_are_not_toml(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"project = '\xff'")
    with pytest.raises(UsageError, match="is not TOML"):
        read_config(tmp_path)


SESSION = "project = 'a'\n[flink]\ntarget = 'session'\nstorage = 's'\n"


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("", "project: Field required", None),
        ("project = 5", "project: Input should be a valid string", None),
        ("project = 'a'\nprojekt = 'b'", "projekt: Extra inputs are not permitted", "did you mean 'project'?"),
        ("project = 'a'\n[kafak]", "kafak: Extra inputs are not permitted", "did you mean 'kafka'?"),
        ("project = 'a'\n[stream]\nparalelism = 2", "stream.paralelism: Extra inputs", "did you mean 'parallelism'?"),
        ("project = 'a'\n[stream]\nparallelism = 0", "stream.parallelism: Input should be greater", None),
        ("project = 'a'\n[stream]\ncheckpoint_ms = 1", "stream.checkpoint_ms: Input should be greater", None),
        ("project = 'a'\n[inference]\nstore = 'mirror'", "inference.store: Input should be 'online' or", None),
        ("project = 'a'\n[inference]\nmirror_lag_ms = 9", "inference.mirror_lag_ms: Input should be greater", None),
        ("project = 'a'\n[kafka]\nlocal_port = 70000", "kafka.local_port: Input should be less", None),
        (
            "project = 'a'\n[kafka]\nclient = 'fast'",
            "kafka.client: Input should be 'confluent' or 'kafka-python'",
            None,
        ),
        ("project = 'a'\n[flink]\naddress = 'http://f:8081'", "flink: address want target", None),
        ("project = 'a'\n[flink]\ntarget = 'session'", 'flink: target = "session" wants address and storage', None),
        (SESSION + "address = 'f'", "flink.address: String should match pattern", None),
        (SESSION + "address = 'https://f:8081'", "flink: an https address wants ca_file", None),
        (SESSION + "address = 'http://f:8081'\nkey_file = 'k'", "flink: cert_file and key_file want each", None),
        ("project = 'a'\n[kafka]\nsecurity_protocol = 'TLS'", "kafka.security_protocol: Input should be", None),
    ],
)
def test_a_wrong_key_is_named_with_what_there_is(tmp_path: Path, text: str, what: str, hint: str | None) -> None:
    error = refused(tmp_path, text)
    assert error.what.startswith(what)
    assert error.allowed
    if hint is not None:
        assert error.hint == hint


def test_the_keys_of_a_section_are_what_is_allowed_in_it(tmp_path: Path) -> None:
    assert refused(tmp_path, "project = 'a'\n[batch]\nmemroy = '1GB'").allowed == "memory"


def test_a_session_cluster_is_named_with_its_storage(tmp_path: Path) -> None:
    flink = read(tmp_path, SESSION + "address = 'http://flink.example:8081'").flink
    assert (flink.address, flink.storage) == ("http://flink.example:8081", tmp_path / "s")


def test_a_cut_over_names_its_zone(tmp_path: Path) -> None:
    text = 'project = "p"\n[stream]\nhistory = "2013-11-01T{}"'
    # finer times are rounded up
    assert read(tmp_path, text.format("01:00:00.0001+01:00")).stream.cut_over_ms == 1_383_264_000_001
    assert "stream.history" in refused(tmp_path, text.format("00:00:00")).what
