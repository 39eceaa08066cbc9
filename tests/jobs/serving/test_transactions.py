"""Names of processes in their group. Transactions themselves are tested with a broker, in test_inference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from penstock.jobs.serving.transactions import member_id


def test_each_process_has_a_name_of_its_own_and_a_free_one_is_taken_again(tmp_path: Path) -> None:
    with member_id(tmp_path, "g") as first, member_id(tmp_path, "g") as second, member_id(tmp_path, "h") as other:
        assert (first[-2:], second[-2:], other[-2:]) == (".0", ".1", ".0")
        assert first.startswith("g.") and other.startswith("h.")
    with member_id(tmp_path, "g") as again:
        assert again == first


def test_the_name_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, time\nfrom penstock.jobs.serving.transactions import member_id\n"
        "with member_id(pathlib.Path(sys.argv[1]), 'g') as name:\n    print(name, flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        with member_id(tmp_path, "g") as second:
            assert name.endswith(".0") and second.endswith(".1")
        child.kill()
        child.wait()
    with member_id(tmp_path, "g") as again:
        assert again == name
