"""A first definition from where the records are: a topic, or files."""

from __future__ import annotations

import glob
import keyword
import os
import re
from pathlib import Path

from penstock.jobs.project.config import FILE, Config, read_config
from penstock.jobs.records.first_definition import Place, first_definition
from penstock.jobs.records.samples import of_files, of_topic


def from_topic(config: Config, topic: str) -> str:
    """The text of ``definitions.py`` for a topic's newest records. Raises PenstockError."""
    return first_definition(of_topic(config, topic), Place(_source_name(topic), "topic", topic, "path"))


def from_files(files: str, history: str) -> str:
    """The same for files. ``history``: how the definition names them. Raises UsageError."""
    fields, lines = of_files(files)
    stem = Path(files).parent.name if glob.has_magic(Path(files).name) else Path(files).name.split(".")[0]
    return first_definition(fields, Place(_source_name(stem), "history", history, "path" if lines else "history_name"))


def data_and_history(folder: Path, files: str) -> tuple[Path, str]:
    """The project's data folder, and ``history=``, which is relative to it.

    A new project's data folder is the one above the folder of the files, so that other sources find a place beside it.
    """
    whole = Path(os.path.abspath(files))
    if (folder / FILE).exists():
        data = read_config(folder).data
        return data, os.path.relpath(whole, data)
    plain = whole.parent
    while glob.has_magic(str(plain)):
        plain = plain.parent
    data = plain.parent if plain != whole.parent or glob.has_magic(whole.name) else plain
    return data, str(whole.relative_to(data))


def _source_name(text: str) -> str:
    """A name that a Stream may have: the last word of a topic or folder."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text.rsplit(".", 1)[-1]).strip("_")
    return name if name[:1].isalpha() and not keyword.iskeyword(name) else f"events_{name}".strip("_")
