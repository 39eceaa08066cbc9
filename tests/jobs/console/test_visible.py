from __future__ import annotations

import io

import pytest
from rich.table import Table

from penstock.jobs.console.terminal import Terminal
from penstock.jobs.console.visible import one_line, visible

#: Colours, the window's title, a cleared screen, a bell, a C1 control, a line that is turned round, a half of a pair.
HOSTILE = "\x1b[31mRED\x1b[0m\x1b]0;owned\x07\x1b[2J\x9b31m\u202etxt.exe\u2028\ud800\r"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\x07\x7f\x9b\r", "\\x07\\x7f\\x9b\\r"),
        ("\u202e\u2028\ufeff\ud83d", "\\u202e\\u2028\\ufeff\\ud83d"),
        ("é 漢 🛒\tx\ny", "é 漢 🛒\tx\ny"),
    ],
)
def test_what_a_terminal_obeys_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_value_is_no_line_of_ours() -> None:
    assert one_line("a\nerror: fake") == "a\\nerror: fake"


def printed(*things: object) -> str:
    """What a colour terminal gets."""
    file = io.StringIO()
    terminal = Terminal(stderr=False)
    terminal.file = file
    for thing in things:
        terminal.print(thing)
    return file.getvalue()


def test_lines_and_tables_command_nothing() -> None:
    grid = Table(HOSTILE, title=HOSTILE, caption=HOSTILE)
    grid.add_row(HOSTILE)
    said = printed(HOSTILE, grid)
    assert not {*said} & {*HOSTILE} & {*"\x1b\x07\x9b\u202e\u2028\ud800\r"}
    assert said.count("\\x1b[31mRED") == 5


def test_markup_and_emoji_codes_are_text() -> None:
    grid = Table("[bold]a[/bold]", title=":bell: [/]")
    grid.add_row("[/x] [red]b")
    said = printed("[/] :smile:", grid)
    for text in ("[/] :smile:", "[bold]a[/bold]", ":bell: [/]", "[/x] [red]b"):
        assert text in said
