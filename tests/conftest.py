"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# JVMs of tests live for seconds: the second compiler would take more time than it saves
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")

# these machines are shared: how long an example takes says nothing
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
