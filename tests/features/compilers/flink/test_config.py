from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.features.compilers.flink.config import JobSettings, flink_options, jvm_environment, newest_checkpoint


def checkpoint(folder: Path, job: str, number: int, *, age_s: int, complete: bool = True) -> Path:
    path = folder / job / f"chk-{number}"
    path.mkdir(parents=True)
    if complete:
        metadata = path / "_metadata"
        metadata.touch()
        os.utime(metadata, (1_000_000 - age_s, 1_000_000 - age_s))
    return path


def test_the_newest_checkpoint_is_by_time_not_by_number(tmp_path: Path) -> None:
    checkpoint(tmp_path, "first-start", 90, age_s=60)
    newest = checkpoint(tmp_path, "second-start", 2, age_s=10)
    checkpoint(tmp_path, "second-start", 1, age_s=20)
    assert newest_checkpoint(tmp_path) == newest


def test_a_checkpoint_without_metadata_is_not_complete(tmp_path: Path) -> None:
    whole = checkpoint(tmp_path, "job", 1, age_s=60)
    checkpoint(tmp_path, "job", 2, age_s=0, complete=False)
    assert newest_checkpoint(tmp_path) == whole


def test_no_checkpoint(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "absent") is None


@pytest.mark.parametrize(("backend", "name"), [("heap", "hashmap"), ("rocksdb", "rocksdb")])
def test_everything_lies_in_the_jobs_folder(tmp_path: Path, backend: str, name: str) -> None:
    settings = JobSettings(tmp_path / "a job", 4711, 5000, backend=backend)  # type: ignore[arg-type]
    options = flink_options(settings, None)
    assert options["state.backend.type"] == name
    assert options["execution.checkpointing.dir"] == f"file://{tmp_path}/a job/checkpoints"
    assert options["io.tmp.dirs"] == f"{tmp_path}/a job/tmp"
    assert "execution.state-recovery.path" not in options


def test_restore_names_the_checkpoint(tmp_path: Path) -> None:
    options = flink_options(JobSettings(tmp_path, 4711, 5000), tmp_path / "chk-7")
    assert options["execution.state-recovery.path"] == f"file://{tmp_path}/chk-7"


def test_folders_and_environment(tmp_path: Path) -> None:
    settings = JobSettings(tmp_path / "job", 4711, 5000)
    settings.make_folders()
    environment = jvm_environment(settings)
    assert Path(environment["FLINK_LOG_DIR"]).is_dir()
    assert environment["JDK_JAVA_OPTIONS"] == f'"-Djava.io.tmpdir={tmp_path}/job/tmp"'
    assert (Path(environment["JAVA_HOME"]) / "bin" / "java").exists()
