from __future__ import annotations

import pytest

from penstock.jobs.streaming.flink_errors import root_cause

NESTED = """java.util.concurrent.ExecutionException: outer: too much said
\tat a.B.c(B.java:1)
Caused by: org.apache.flink.Middle: middle
\tat d.E.f(E.java:2)
\tSuppressed: java.lang.IllegalStateException: beside the point
\tCaused by: java.lang.Error: even more so
Caused by: java.io.IOException: no space left
\tat g.H.i(H.java:3)
\t... 7 more
"""


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        (NESTED, "java.io.IOException: no space left"),
        ("java.lang.Error: alone\n\tat a.B.c(B.java:1)\n", "java.lang.Error: alone"),
        (f"An error occurred while calling o7.get.\n: {NESTED}", "java.io.IOException: no space left"),
        ("An error occurred while calling o7.get.\n: a.B: reason\n\tat c", "a.B: reason"),
        ("An error occurred while calling o7.stop", "An error occurred while calling o7.stop"),
        ("\n\njust words\n", "just words"),
        ("", "no reason given"),
    ],
)
def test_the_innermost_cause(trace: str, cause: str) -> None:
    assert root_cause(trace) == cause
