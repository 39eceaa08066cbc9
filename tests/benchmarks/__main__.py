"""Every benchmark, one after the other: ``make bench``. They print; nothing is asserted about time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Each in a process of its own, so that none warms or burdens another."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        subprocess.run([sys.executable, "-m", f"tests.benchmarks.{path.stem}"], check=True)


if __name__ == "__main__":
    main()
