"""A page as a real browser shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest


def chromium() -> str:
    """The browser. Skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("the page is looked at in a browser: install chromium (as root, 'make setup' does)")
    return program


def shown(file: Path) -> str:
    """The page's document after its scripts have run; a browser that asks the network for anything gets nothing."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={file.parent / 'profile'}"]
    options += ["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000", "--dump-dom"]
    done = subprocess.run(
        [chromium(), *options, file.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def drawn(document: str, plot: str) -> str:
    """What a plot has become in the page."""
    match = re.search(rf'id="{plot}"(.*?)(?:<h2|$)', document, re.DOTALL)
    return match[1] if match else ""


#: Marks the document, where it runs.
OWN = "document.documentElement.setAttribute('data-owned', '1')"
#: Texts that would run it where a page does not show them as text.
HOSTILE = (
    f"<script>{OWN}</script>",
    f"</script><script>{OWN}</script>",
    f'"><img src=x onerror="{OWN}">',
    f'\'><svg onload="{OWN}">',
    f'<a href="javascript:{OWN}">x</a>',
    f"<!--<script>{OWN}//-->",
    "\u2028\x1b[2J\x00 {{ 7 * 7 }} ${OWN}",
)
