"""What clients of a session cluster show and trust, from the PEM files that ``[flink]`` names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from penstock.features.errors import UsageError
from penstock.jobs.project.config import FlinkConfig
from penstock.jobs.streaming.secret import stored

#: Either version of TLS, and either kind of key: a cluster has chosen its own.
_TLS = {
    "security.ssl.rest.enabled": "true",
    "security.ssl.protocol": "TLSv1.3,TLSv1.2",
    "security.ssl.algorithms": ",".join(
        [
            "TLS_AES_128_GCM_SHA256",
            "TLS_AES_256_GCM_SHA384",
            *(
                f"TLS_ECDHE_{key}_WITH_AES_{size}"
                for key in ("RSA", "ECDSA")
                for size in ("128_GCM_SHA256", "256_GCM_SHA384")
            ),
        ]
    ),
}


@contextmanager
def login(folder: Path, flink: FlinkConfig) -> Iterator[dict[str, str]]:
    """Lays the files into ``folder`` for as long as the block lasts; gives Flink's options. Nothing for plain HTTP.

    Raises UsageError for a file that is not what its setting says.
    """
    if flink.ca_file is None:
        yield {}
        return
    key, chain = None, []
    if flink.cert_file is not None and flink.key_file is not None:
        key, chain = _key(flink.key_file), _certificates("cert_file", flink.cert_file)
    asked = {"security.ssl.rest.authentication-enabled": str(key is not None).lower()}
    with stored(folder, _certificates("ca_file", flink.ca_file), key, chain) as options:
        yield {**options, **_TLS, **asked}


def _certificates(setting: str, file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"[flink] {setting}: {error}", where=str(file), allowed="certificates as PEM") from None


def _key(file: Path) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"[flink] key_file: {error}", where=str(file), allowed=_KEYS) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise UsageError("[flink] key_file holds another kind of key", where=str(file), allowed=_KEYS)
    return key


_KEYS = "an RSA or EC key as PEM, without a password"
