"""Where in the user's file a definition was written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# with the separator: a user's own folder may be called features_of_mine
_PACKAGE = str(Path(__file__).parent) + os.sep


def caller() -> str:
    """``file:line`` of the nearest frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<string>", "<frozen importlib")):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
