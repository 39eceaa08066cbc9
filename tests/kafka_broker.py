"""A real Kafka broker of one's own, for as long as a block lasts, with a second door that asks who is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import UserScramCredentialUpsertion

from penstock.jobs.kafka import broker as module
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.process.ports import HOST, free_port
from tests.certificates import STORE_PASSWORD, Certificate, self_signed

#: Each of these characters has its own way to break a login module's line.
USER, PASSWORD = "reader", 'a "quoted" \\ pass;word= é'
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
MECHANISMS = ("PLAIN", *SCRAM)


@dataclass(frozen=True)
class Kafka:
    """``servers`` let everybody in; ``secure_servers`` want TLS, a certificate (``own`` is good at both ends) and SASL,
    PLAIN or SCRAM, with ``USER`` and ``PASSWORD``. ``pid``: the broker's.
    """

    servers: str
    secure_servers: str
    own: Certificate
    pid: int

    @property
    def secure(self) -> dict[str, object]:
        """What ``[kafka]`` says of that door, but for the mechanism and the password."""
        files = {"ca_file": self.own.certificate, "cert_file": self.own.certificate, "key_file": self.own.key}
        return {"security_protocol": "SASL_SSL", "username": USER, **files}


@contextmanager
def kafka_broker(folder: Path) -> Iterator[Kafka]:
    """Starts a broker in ``folder`` and stops it at the end."""
    secure = free_port()
    own = self_signed(folder)
    broker = Broker(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PROPERTIES", _with_secure_door(module.PROPERTIES, own, secure))
        broker.start()
    try:
        _know_user(broker.bootstrap_servers)
        pid = broker.status().pid
        assert pid is not None
        yield Kafka(broker.bootstrap_servers, f"{HOST}:{secure}", own, pid)
    finally:
        broker.stop()


def _know_user(servers: str) -> None:
    """SCRAM's users are kept by the broker itself."""
    admin = KafkaAdminClient(bootstrap_servers=servers)
    for name in SCRAM:  # a request may change a user once
        found = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, name, PASSWORD)])
        assert found == {USER: None}, found
    admin.close()


def _with_secure_door(properties: str, own: Certificate, port: int) -> str:
    lines = []
    for line in properties.splitlines():
        name = line.partition("=")[0]
        if name in ("listeners", "advertised.listeners"):
            line += f",SASL_SSL://{HOST}:{port}"
        if name == "listener.security.protocol.map":
            line += ",SASL_SSL:SASL_SSL"
        lines.append(line)
    # one escape for the login module's line, one for the file of properties, which is ASCII
    password = PASSWORD.replace("\\", "\\\\").replace('"', '\\"').replace("\\", "\\\\")
    password = "".join(char if char.isascii() else f"\\u{ord(char):04x}" for char in password)
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    tls = "listener.name.sasl_ssl.ssl"
    return "\n".join(
        [
            *lines,
            f"sasl.enabled.mechanisms={','.join(MECHANISMS)}",
            f'listener.name.sasl_ssl.plain.sasl.jaas.config={login} user_{USER}="{password}";',
            *(f"listener.name.sasl_ssl.{name.lower()}.sasl.jaas.config={scram}" for name in SCRAM),
            f"{tls}.keystore.location={own.store}",
            f"{tls}.keystore.type=PKCS12",
            f"{tls}.keystore.password={STORE_PASSWORD}",
            f"{tls}.truststore.location={own.certificate}",
            f"{tls}.truststore.type=PEM",
            f"{tls}.client.auth=required",
            "",
        ]
    )
