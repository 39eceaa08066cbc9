"""The key of one run: whoever connects to its Flink must show it, and Flink shows it, too.

Flink's REST interface runs what it is sent (serialized job graphs, jars), and its file server takes all that it is
sent: a login that both ask for is TLS on both sides. The key is made anew at each start, and lies in a folder that only
its user can read::

    <state>/stream/secret/own.pem        key and certificate, for Penstock's own clients
    <state>/stream/secret/own.p12        the same, for Java and for a browser
    <state>/stream/secret/trusted.pem    the certificate alone
    <state>/stream/secret/trusted.p12    the same, for Java
    <state>/stream/secret/password       of the two stores

A cluster that runs elsewhere has a key of its own; what its clients show lies in the same files.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import shutil
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from penstock.jobs.process.ports import HOST

PEM, STORE, TRUSTED_PEM, TRUSTED, PASSWORD = "own.pem", "own.p12", "trusted.pem", "trusted.p12", "password"
_NAME = b"penstock"
#: A run may be long, and a machine's clock wrong.
_BEFORE, _VALID = timedelta(days=365), timedelta(days=3650)


#: How a key is written as PEM.
_PLAIN = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@contextmanager
def secret(folder: Path) -> Iterator[dict[str, str]]:
    """Makes a run's key in ``folder`` for as long as the block lasts; gives Flink's options that ask for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = _certificate(key)
    with stored(folder, [own], key, [own]) as rest:
        password = (folder / PASSWORD).read_text()
        yield {**rest, **_options("internal", folder, password), **_BOTH}


@contextmanager
def stored(
    folder: Path,
    trusted: Sequence[x509.Certificate],
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None,
    chain: Sequence[x509.Certificate],
) -> Iterator[dict[str, str]]:
    """What a client of REST shows and trusts, in ``folder`` for as long as the block lasts; gives Flink's options.

    ``chain``: the key's certificate, and those that signed it. None and empty: the client shows nothing.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    password = secrets.token_urlsafe(32)
    files = {PASSWORD: password.encode(), **_trusted(trusted, password)}
    if key is not None:
        files |= _own(key, chain, password)
    try:
        for name, data in files.items():
            _write(folder / name, data)
        yield _options("rest", folder, password, own=key is not None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def client_context(folder: Path) -> ssl.SSLContext:
    """What a client of the running job connects with. Raises OSError when the key is not there, or not readable."""
    context = ssl.create_default_context(cafile=folder / TRUSTED_PEM)
    if (folder / PEM).exists():
        context.load_cert_chain(folder / PEM)
    return context


#: Clients of REST show a certificate, too; inside Flink they always do.
_BOTH = {
    "security.ssl.rest.enabled": "true",
    "security.ssl.rest.authentication-enabled": "true",
    "security.ssl.internal.enabled": "true",
    # Flink's own choice is of TLS 1.2, and of RSA keys, which take a second to make
    "security.ssl.protocol": "TLSv1.3",
    "security.ssl.algorithms": "TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384",
}


def _options(part: str, folder: Path, password: str, *, own: bool = True) -> dict[str, str]:
    prefix = f"security.ssl.{part}"
    shown = {
        f"{prefix}.keystore": str(folder / STORE),
        f"{prefix}.keystore-type": "PKCS12",
        f"{prefix}.keystore-password": password,
        f"{prefix}.key-password": password,
    }
    return {
        **(shown if own else {}),
        f"{prefix}.truststore": str(folder / TRUSTED),
        f"{prefix}.truststore-type": "PKCS12",
        f"{prefix}.truststore-password": password,
    }


def _locked(password: str) -> KeySerializationEncryption:
    # one round: nobody guesses such a password, and each round is one for a JVM that has just begun
    kind = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1).hmac_hash(hashes.SHA256())
    return kind.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).build(password.encode())


def _trusted(certificates: Sequence[x509.Certificate], password: str) -> Mapping[str, bytes]:
    named = [pkcs12.PKCS12Certificate(each, b"%s %d" % (_NAME, i)) for i, each in enumerate(certificates)]
    return {
        TRUSTED_PEM: b"".join(each.public_bytes(Encoding.PEM) for each in certificates),
        TRUSTED: pkcs12.serialize_java_truststore(named, _locked(password)),
    }


def _own(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, chain: Sequence[x509.Certificate], password: str
) -> Mapping[str, bytes]:
    own, *signers = chain
    return {
        PEM: key.private_bytes(*_PLAIN) + b"".join(each.public_bytes(Encoding.PEM) for each in chain),
        STORE: pkcs12.serialize_key_and_certificates(_NAME, key, own, signers or None, _locked(password)),
    }


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """For this machine's own address, signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Penstock's Flink job on this machine")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + _VALID)
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def _write(file: Path, data: bytes) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        output.write(data)
