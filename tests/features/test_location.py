import subprocess
import sys
from pathlib import Path

from tests.features.written import refused


def test_the_place_is_the_line_of_the_users_file(tmp_path: Path) -> None:
    assert refused(tmp_path, "\n\norders.amuont  # here\nlater = 1\n")


def test_a_call_over_several_lines_has_the_place_of_its_beginning(tmp_path: Path) -> None:
    refused(tmp_path, 'View(  # here\n    "v",\n    orders,\n    key="customer",\n    features={},\n)\n')


def test_a_mistake_inside_a_users_function_has_its_line(tmp_path: Path) -> None:
    refused(tmp_path, "def made(x):\n    return mean(x.paid)  # here\n\n\nmade(orders)\n")


def test_a_folder_whose_name_begins_like_the_package_is_the_users(tmp_path: Path) -> None:
    # beside the package, as a user's clone could have it
    package = tmp_path / "features"
    package.symlink_to(Path(__file__).parents[2] / "features")
    mine = tmp_path / "features_of_mine"
    mine.mkdir()
    file = mine / "definitions.py"
    file.write_text("from penstock import Stream\n\nStream('s', columns={}, time='ts')\n")
    found = subprocess.run(
        [sys.executable, str(file)], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert f"where: {file}:3" in found.stderr


def test_the_command_line_of_python_is_a_place_too() -> None:
    script = "from penstock import column\n\ncolumn('int')"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "where: <string>:3" in found.stderr
