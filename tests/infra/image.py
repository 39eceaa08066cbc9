"""Carries out the steps of ``infra/Dockerfile`` in empty Debian systems, and runs the image's command.

``python -m tests.infra.image``, as root, with debootstrap: no Docker. The systems have nothing of this machine but the
way to the network.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.infra.dockerfile import Builder, stages

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "infra" / "Dockerfile"
MIRROR = "http://deb.debian.org/debian"
#: How this machine reaches the network, where it has such a file.
NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf")
#: What it trusts; Debian's package of certificates takes in what lies in the folder, for Java, too.
TRUSTED, OWN = Path("/etc/ssl/certs/ca-certificates.crt"), "usr/local/share/ca-certificates"
_END = "-----END CERTIFICATE-----\n"


class Debian:
    """Empty systems of a release, which is fetched once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def empty(self, base: str, root: Path) -> None:
        """Fills a folder with what ``debian:<release>-slim`` has."""
        release = base.removeprefix("debian:").removesuffix("-slim")
        first = self._folder / release
        if not first.exists():
            # what it mounts is gone with it
            command = ["unshare", "--mount", "debootstrap", "--variant=minbase", release, str(first), MIRROR]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            for name in NETWORK:
                if Path(name).exists():
                    shutil.copyfile(name, first / name.lstrip("/"))
            (first / OWN).mkdir(parents=True, exist_ok=True)
            for number, text in enumerate(TRUSTED.read_text().split(_END)[:-1]):
                (first / OWN / f"machine-{number}.crt").write_text(text + _END)
        shutil.copytree(first, root, symlinks=True, copy_function=shutil.copy2, ignore=_devices)
        _devices_of(root)


def _devices(folder: str, names: list[str]) -> set[str]:
    return {*names} if folder.endswith(("/dev", "/proc", "/sys")) else set()


def _devices_of(root: Path) -> None:
    for name, number in (("null", "3"), ("zero", "5"), ("random", "8"), ("urandom", "9")):
        subprocess.run(["mknod", "-m", "666", str(root / "dev" / name), "c", "1", number], check=True)


def main() -> None:
    """All stages, and then the command in the image."""
    ignored = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().split()
    with tempfile.TemporaryDirectory(prefix="penstock-image-") as name:
        folder = Path(name)
        builder = Builder(folder / "roots", ROOT, ignored, Debian(folder / "debian").empty)
        (folder / "roots").mkdir()
        images = [builder.build(number, stage) for number, stage in enumerate(stages(DOCKERFILE.read_text()))]
        images[-1].start()
        images[-1].start("check")
        size = subprocess.run(["du", "-sm", str(images[-1].root)], check=True, capture_output=True, text=True)
    print(f"the image runs 'penstock check' on its project; {size.stdout.split()[0]} MB with its Debian")


if __name__ == "__main__":
    main()
