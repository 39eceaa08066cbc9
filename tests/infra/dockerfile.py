"""A Dockerfile's steps: read, and carried out in empty root folders, without Docker."""

from __future__ import annotations

import fnmatch
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

#: What a stage's commands begin with in their environment.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND": "noninteractive",
}


@dataclass(frozen=True)
class Step:
    """An instruction, in capitals, and what follows it."""

    word: str
    rest: str


@dataclass
class Stage:
    """``base``: what FROM names; ``name``: what AS does; then the steps."""

    base: str
    name: str | None
    steps: list[Step] = field(default_factory=list)


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile, in order."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    read: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, *name = rest.split(" AS ")
            read.append(Stage(base, name[0] if name else None))
        elif word:
            read[-1].steps.append(Step(word, " ".join(rest.split())))
    return read


def copied(step: Step) -> tuple[str | None, list[str], str]:
    """The stage that a COPY takes from (None: the context), its sources, and where they go."""
    words = shlex.split(step.rest)
    stage = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
    return stage, words[:-1], words[-1]


class Builder:
    """Carries stages out: each in a folder of ``roots`` that ``empty`` fills with its base image.

    ``context``: what COPY takes from, but for what ``ignored`` (lines of a .dockerignore) leaves out.
    """

    def __init__(self, roots: Path, context: Path, ignored: list[str], empty: Callable[[str, Path], None]) -> None:
        self._roots, self._context, self._ignored, self._empty = roots, context, ignored, empty
        self._built: dict[str, Path] = {}

    def build(self, number: int, stage: Stage) -> Image:
        """The root folder of the stage, and how what is in it is started."""
        root = self._roots / str(number)
        self._empty(stage.base, root)
        image = Image(root)
        for step in stage.steps:
            print(f"{stage.name or 'image'}: {step.word} {step.rest[:90]}", flush=True)
            if step.word == "RUN":
                image.run(["/bin/sh", "-ec", step.rest])
            elif step.word == "COPY":
                self._copy(image, step)
            elif step.word == "WORKDIR":
                image.folder = step.rest
                image.inside(step.rest).mkdir(parents=True, exist_ok=True)
            elif step.word == "USER":
                image.user = step.rest
            elif step.word in ("ENTRYPOINT", "CMD"):
                image.starts[step.word] = json.loads(step.rest)
            else:
                raise ValueError(f"no such step: {step}")
        if stage.name is not None:
            self._built[stage.name] = root
        return image

    def _copy(self, image: Image, step: Step) -> None:
        stage, sources, to = copied(step)
        source = self._context if stage is None else self._built[stage]
        target = image.inside(to if to.startswith("/") else f"{image.folder}/{to}")
        for name in sources:
            each = source / name.lstrip("/")
            if each.is_dir():
                ignored = self._ignore if stage is None else None
                shutil.copytree(each, target, symlinks=True, ignore=ignored, dirs_exist_ok=True)
            else:
                file = target / each.name if to.endswith("/") else target
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(each, file)

    def _ignore(self, folder: str, names: list[str]) -> set[str]:
        patterns = [line.removeprefix("**/") for line in self._ignored]
        return {name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)}


@dataclass
class Image:
    """A root folder; who runs there, and in which folder; what ENTRYPOINT and CMD say."""

    root: Path
    folder: str = "/"
    user: str = "root"
    starts: dict[str, list[str]] = field(default_factory=dict)

    def inside(self, path: str) -> Path:
        """A path of the image, seen from here."""
        return self.root / path.lstrip("/")

    def run(self, command: list[str]) -> None:
        """Runs a command in it, with processes and mounts of its own. Raises CalledProcessError when it fails."""
        shell = f"cd {shlex.quote(self.folder)} && exec {shlex.join(command)}"
        own = ["chroot", f"--userspec={self.user}", str(self.root), "/bin/sh", "-ec", shell]
        spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={self.root / 'proc'}"]
        settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        subprocess.run([*spaces, *own], env={**ENVIRONMENT, **settings}, stdin=subprocess.DEVNULL, check=True)

    def start(self, *arguments: str) -> None:
        """Starts it as a container of the image would be, with these arguments in place of CMD's."""
        self.run([*self.starts["ENTRYPOINT"], *(arguments or self.starts.get("CMD", []))])
