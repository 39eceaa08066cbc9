"""Who listens while a project runs, and what a stranger gets there."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import struct
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from penstock.jobs.streaming.secret import client_context
from tests.certificates import Certificate

EVIL = "http://evil.example"
#: How long a stranger waits for an answer, in seconds.
PATIENCE_S = 10.0


def listening(*pids: int) -> set[tuple[str, int]]:
    """Address and port of every socket on which the processes wait for others, by TCP or UDP."""
    return {
        (str(_plain(each.laddr.ip)), each.laddr.port)
        for pid in pids
        for each in psutil.Process(pid).net_connections("inet")
        if each.status == psutil.CONN_LISTEN or (each.type == socket.SOCK_DGRAM and not each.raddr)
    }


def _plain(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    return (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address


def on_this_machine_only(*pids: int) -> set[int]:
    """The ports of the processes; fails when another machine could reach one of them."""
    found = listening(*pids)
    assert {(ip, port) for ip, port in found if not ipaddress.ip_address(ip).is_loopback} == set()
    return {port for _, port in found}


def check_flink(status: dict[str, Any], stranger: Certificate) -> None:
    """The JVM of a running stream has two doors, Flink's REST interface and its file server: both want the secret."""
    rest = status["rest"]
    port = int(rest.rsplit(":", 1)[1])
    ports = on_this_machine_only(status["jvm"])
    assert port in ports and len(ports) == 2, ports
    (files,) = ports - {port}
    for context in (_without_certificate(), _with(stranger)):
        for path in ("/config", "/jars/upload", "/jobs"):
            assert _ask(rest + path, context) is None
        assert not _stores_a_file(files, context)
    assert _ask(f"http://127.0.0.1:{port}/config", None) is None
    assert not _stores_a_file(files)
    _check_what_is_off(rest, status["job"], client_context(Path(status["secret"])))
    assert Path(status["secret"]).stat().st_mode & 0o077 == 0


def _check_what_is_off(rest: str, job: str, own: ssl.SSLContext) -> None:
    """Even with the secret, as a browser has it that was given it."""
    code, headers = _ask(f"{rest}/jobs/{job}", own) or (0, {})
    assert code == 200 and headers.get("Access-Control-Allow-Origin") not in ("*", "null", EVIL)
    for path in ("/jars/upload", "/jars/x.jar/run"):
        code, _ = _ask(rest + path, own, "POST") or (0, {})
        assert code == 404, path


def _ask(url: str, context: ssl.SSLContext | None, method: str = "GET") -> tuple[int, dict[str, str]] | None:
    """Status and headers, as a page of another origin would ask; None without an answer."""
    request = urllib.request.Request(url, method=method, headers={"Origin": EVIL})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S, context=context) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers)
    except (OSError, ValueError) as error:
        assert not isinstance(error, TimeoutError), url
        return None
    except Exception as error:  # what http.client raises for bytes that are no answer
        assert type(error).__module__ == "http.client", error
        return None


def _without_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _with(own: Certificate) -> ssl.SSLContext:
    context = _without_certificate()
    context.load_cert_chain(own.certificate, own.key)
    return context


def _stores_a_file(port: int, context: ssl.SSLContext | None = None) -> bool:
    """Does Flink's file server take a file, in its own words (PUT, of no job, transient), by TLS with a context?"""
    with contextlib.suppress(OSError), contextlib.ExitStack() as open:
        talk = open.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
        if context is not None:
            talk = open.enter_context(context.wrap_socket(talk))
        talk.sendall(bytes([0, 0, 1]) + struct.pack("<i", 1) + b"x" + struct.pack("<i", -1))
        # in TLS 1.3 a server says only now that it wants another certificate
        return talk.recv(1) == b"\0"
    return False
