"""How Kafka is reached: the servers and the login, in the words of each kind of client."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from penstock.features.errors import UsageError
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.project.config import FILE, LOCAL, Config, KafkaConfig

_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


class Secret(str):
    """A text that shows itself only to who asks for its characters: clients write their options into logs."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


#: ``host:port``; an IPv6 address stands in brackets.
_SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:,\[\]]+):[0-9]{1,5}")


def bootstrap_servers(config: Config) -> str:
    """``host:port`` or several with commas.

    Raises PenstockError when the local broker does not run, and UsageError for anything else than hosts and ports.
    """
    if config.kafka.bootstrap_servers == LOCAL:
        return Broker(config.state).bootstrap_servers
    servers = [server.strip() for server in config.kafka.bootstrap_servers.split(",")]
    for server in servers:
        if not _SERVER.fullmatch(server):
            raise UsageError(
                f"bootstrap_servers: {server!r} is no address",
                where=f"[kafka] in {FILE}",
                allowed=f'"{LOCAL}", or "host:port", several with commas',
            )
    return ",".join(servers)


def python_options(config: Config) -> dict[str, Any]:
    """Servers and login as kafka-python names them. Raises UsageError for settings that do not fit together."""
    kafka = config.kafka
    cert_file, key_file = _certificate(kafka)
    options: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers(config).split(","),
        "security_protocol": kafka.security_protocol,
        "ssl_cafile": _file(kafka, "ca_file"),
        "ssl_certfile": cert_file,
        "ssl_keyfile": key_file,
    }
    if _sasl(kafka):
        username, password = _login(kafka)
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": username,
            "sasl_plain_password": password,
        }
    return options


def confluent_options(config: Config) -> dict[str, Any]:
    """Servers and login as librdkafka names them. Raises UsageError as ``python_options`` does."""
    kafka = config.kafka
    cert_file, key_file = _certificate(kafka)
    options: dict[str, Any] = {
        "bootstrap.servers": bootstrap_servers(config),
        "security.protocol": kafka.security_protocol,
        "ssl.ca.location": _file(kafka, "ca_file"),
        "ssl.certificate.location": cert_file,
        "ssl.key.location": key_file,
    }
    if _sasl(kafka):
        username, password = _login(kafka)
        options |= {"sasl.mechanism": kafka.sasl_mechanism, "sasl.username": username, "sasl.password": password}
    return {name: value for name, value in options.items() if value is not None}


def flink_properties(config: Config) -> dict[str, str]:
    """Servers and login as Kafka's own clients name them. Raises UsageError as ``python_options`` does."""
    kafka, ca_file = config.kafka, _file(config.kafka, "ca_file")
    cert_file, key_file = _certificate(kafka)
    properties = {
        "bootstrap.servers": bootstrap_servers(config),
        "security.protocol": kafka.security_protocol,
    }
    if ca_file is not None:
        # the text: a cluster's machines do not have the file
        properties |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": Path(ca_file).read_text()}
    if cert_file is not None and key_file is not None:
        properties |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": Path(cert_file).read_text(),
            "ssl.keystore.key": Secret(Path(key_file).read_text()),
        }
    if _sasl(kafka):
        properties |= {"sasl.mechanism": str(kafka.sasl_mechanism), "sasl.jaas.config": Secret(_jaas(kafka))}
    return properties


def _jaas(kafka: KafkaConfig) -> str:
    username, password = _login(kafka)
    module = _LOGIN_MODULES[str(kafka.sasl_mechanism)]
    return f"{module} required username={_quoted(username)} password={_quoted(password)};"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _sasl(kafka: KafkaConfig) -> bool:
    return kafka.security_protocol.startswith("SASL")


def _login(kafka: KafkaConfig) -> tuple[str, Secret]:
    if kafka.sasl_mechanism is None or kafka.username is None:
        raise UsageError(
            f"{kafka.security_protocol} needs sasl_mechanism and username",
            where=f"[kafka] in {FILE}",
            allowed=f"sasl_mechanism: {', '.join(_LOGIN_MODULES)}",
        )
    if kafka.password is None:
        raise UsageError(
            f"the password for {kafka.username} is missing",
            where=kafka.password_place,
            hint=f"export it, or name another variable by password_env in {FILE}",
        )
    return kafka.username, Secret(kafka.password)


def _certificate(kafka: KafkaConfig) -> tuple[str | None, str | None]:
    """The client's own certificate and its key: both or neither."""
    cert_file, key_file = _file(kafka, "cert_file"), _file(kafka, "key_file")
    if (cert_file is None) != (key_file is None):
        missing = "cert_file" if cert_file is None else "key_file"
        raise UsageError(
            f"{missing} is missing: a certificate and its key go together",
            where=f"[kafka] in {FILE}",
            allowed="cert_file and key_file, or neither",
        )
    return cert_file, key_file


def _file(kafka: KafkaConfig, name: str) -> str | None:
    file: Path | None = getattr(kafka, name)
    if file is not None and not file.is_file():
        raise UsageError(f"there is no such {name}", where=str(file), hint=f"see [kafka] in {FILE}")
    return None if file is None else str(file)
