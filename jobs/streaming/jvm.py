"""The JVM that carries the job: started here, so that its output is kept and its end is waited for."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import struct
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import psutil
from pyflink.java_gateway import get_gateway
from pyflink.pyflink_gateway_server import launch_gateway_server_process

from penstock.features.compilers.flink.config import JobSettings, jvm_environment
from penstock.features.compilers.flink.jars import gateway_jar
from penstock.features.errors import PenstockError
from penstock.jobs.process.waiting import until

#: Its main class. Flink's own, PythonGatewayServer, keeps its door open.
SERVER = "penstock.gateway.Gateway"

#: Seconds: a JVM's start takes about one, its end with all of Flink's own clearing up about two.
START_S, STOP_S = 60.0, 15.0
#: Seconds for a JVM that no longer answers to be gone.
ENDING_S = 2.0
#: To the JVM, of which there can be no more later: more than threads that use it at once.
CONNECTIONS = 8


class FlinkJvm:
    """PyFlink's JVM for one job. As a context manager it starts it, and ends it whatever happens."""

    def __init__(self, settings: JobSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.output = settings.logs / "jvm.log"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return int(self._process.pid)

    def close_door(self) -> None:
        """Lets nobody into the JVM any more: the job is submitted, and this process has its connections.

        Whoever is in can run any code, there and here, and PyFlink knows of no login.
        """
        gateway = get_gateway()
        _open_connections(gateway.jvm)
        gateway.jvm.penstock.gateway.Gateway.close()
        gateway.shutdown_callback_server()

    def check(self) -> None:
        """Raises PenstockError with its last words when it has ended."""
        if self._process is not None and self._process.poll() is not None:
            last = self.output.read_text(errors="replace").splitlines()[-5:]
            raise PenstockError(
                f"Flink's JVM has ended with code {self._process.returncode}",
                where=str(self._settings.logs),
                hint="\n".join(last) or None,
            )

    def reason(self, error: PenstockError) -> str:
        """Why a call failed: the end of the JVM, which a signal to both of us brings a moment later, or the error."""
        try:
            until(self._ended, ENDING_S)
            self.check()
        except PenstockError as gone:
            return gone.what
        return error.what

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def __enter__(self) -> FlinkJvm:
        _silence_py4j()
        os.environ.update(jvm_environment(self._settings))
        folder = Path(tempfile.mkdtemp(dir=self._settings.temp))
        try:
            self._launch(folder / "port")
            os.environ["PYFLINK_GATEWAY_PORT"] = str(self._await_port(folder / "port"))
        except BaseException:
            self._end()
            raise
        finally:
            shutil.rmtree(folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception):  # it may be gone, and what it says no longer matters
            get_gateway().shutdown()
        self._end()

    def _launch(self, port_file: Path) -> None:
        # what PyFlink puts on the class path beside Flink
        others = [str(gateway_jar()), *filter(None, [os.environ.get("HADOOP_CLASSPATH")])]
        environment = {
            **os.environ,
            "_PYFLINK_CONN_INFO_PATH": str(port_file),
            "HADOOP_CLASSPATH": os.pathsep.join(others),
        }
        self._process = launch_gateway_server_process(environment, ["-c", SERVER, "local"])
        # nobody else reads the pipe, and a full one would stop the JVM
        threading.Thread(target=_keep, args=(self._process.stderr, self.output), daemon=True).start()

    def _await_port(self, port_file: Path) -> int:
        def listens() -> bool:
            self.check()
            return port_file.is_file()

        if not until(listens, START_S):
            raise PenstockError(f"Flink's JVM did not start within {START_S:.0f} s", where=str(self.output))
        return int(struct.unpack("!I", port_file.read_bytes()[:4])[0])

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _open_connections(jvm: Any) -> None:
    """Opens ``CONNECTIONS``: each call has one of its own, and whichever thread collects garbage makes calls, too.

    All wait for each other in Java, so that no two of them share a connection.
    """
    seconds = jvm.java.util.concurrent.TimeUnit.SECONDS
    barrier = jvm.java.util.concurrent.CyclicBarrier(CONNECTIONS)
    wait = getattr(barrier, "await")
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done in [pool.submit(wait, int(START_S), seconds) for _ in range(CONNECTIONS)]:
            done.result()


def _silence_py4j() -> None:
    """Its stack traces: every failure reaches us as an exception, too. PyFlink sets the level of its logger anew."""
    logging.getLogger("py4j").propagate = False
    # some come by the root logger
    logging.getLogger().addFilter(lambda record: record.module != "java_gateway")


def _keep(pipe: IO[bytes], file: Path) -> None:
    with file.open("ab", buffering=0) as output, pipe:
        for line in pipe:
            # words are lost on a full disk, but the pipe is read on
            with contextlib.suppress(OSError):
                output.write(line)


def end_leftover(settings: JobSettings) -> bool:
    """Ends the JVM that a killed run of this job has left behind, and says whether there was one.

    A JVM ends with its Python process, but Flink's own clearing up takes some seconds.
    """
    left = [process for process in psutil.process_iter() if _belongs(process, settings)]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    until(lambda: not any(_belongs(process, settings) for process in left), STOP_S)
    return bool(left)


def _belongs(process: psutil.Process, settings: JobSettings) -> bool:
    """Is it a JVM of PyFlink that logs into this job's folder?"""
    try:
        words = process.cmdline()
    except psutil.Error:  # it is gone, a zombie, or another user's
        return False
    return SERVER in words and any(word.startswith(f"-Dlog.file={settings.logs}/") for word in words)
