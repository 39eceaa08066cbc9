"""What a Java failure is about, out of pages of stack trace."""

from __future__ import annotations

_CAUSED_BY, _PY4J = "Caused by: ", "An error occurred while calling"


def root_cause(trace: str) -> str:
    """The innermost cause of a Java stack trace, as ``class: message``; of other text the first line."""
    lines = [line for line in trace.splitlines() if line.strip()]
    causes = [line.removeprefix(_CAUSED_BY) for line in lines if line.startswith(_CAUSED_BY)]
    if causes:
        return causes[-1]
    # py4j says first that a call failed, and on the next line why
    reasons = lines[1:] if lines and lines[0].startswith(_PY4J) else lines
    return (reasons or lines or ["no reason given"])[0].removeprefix(": ")
