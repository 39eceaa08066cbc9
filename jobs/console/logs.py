"""What running jobs say while they run: lines for people, or with ``[logs] format = "json"`` one object a line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

from penstock.jobs.console.visible import one_line, visible

Format = Literal["text", "json"]

#: Under this name all of Penstock's own loggers lie.
ROOT = "penstock"
_FIELDS = "penstock_fields"


def logger(job: str) -> logging.Logger:
    """The logger of a job."""
    return logging.getLogger(f"{ROOT}.{job}")


def about(**fields: Any) -> dict[str, Any]:
    """``extra`` of a log line: what it is about, such as ``topic``, ``partition``, ``offset``. Values are JSON's."""
    return {_FIELDS: fields}


def configure(format: Format) -> None:
    """Sends log lines to standard error: Penstock's own from INFO on, those of libraries from WARNING on.

    But for kafka-python's, which has several for each attempt to connect: what fails for good is told by an error.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if format == "json" else _Text())
    handler.addFilter(_is_worth_a_line)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(ROOT).setLevel(logging.INFO)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """A library's own level may be lower than that."""
    library = record.name.partition(".")[0]
    return library == ROOT or (library != "kafka" and record.levelno >= logging.WARNING)


class _Text(logging.Formatter):
    """The message, and what it is about as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback where there is one."""
        about = " ".join(f"{name}={one_line(str(value))}" for name, value in getattr(record, _FIELDS, {}).items())
        return f"{visible(super().format(record))} {about}".rstrip()

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message alone."""
        return one_line(super().formatMessage(record))


class _Json(logging.Formatter):
    """One object: ``time`` (UTC), ``level``, ``logger``, ``message``, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
