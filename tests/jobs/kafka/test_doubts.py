"""Times in another unit are told from a topic's newest records, by every job that reads them."""

from __future__ import annotations

from pathlib import Path

from penstock.jobs.kafka.doubts import Doubts
from penstock.jobs.streaming.overview import look
from tests.jobs.serving.running import Shop, running, train_model, wait_until
from tests.kafka_broker import Kafka

SECONDS, MILLISECONDS = 1_704_067_200, 1_704_067_200_000
WORDS = "3 of 4 times of orders lie in January 1970"


def shop(folder: Path, kafka: Kafka) -> Shop:
    return Shop(folder, servers=kafka.servers)


def test_a_source_is_judged_once_when_it_has_records(kafka: Kafka, tmp_path: Path) -> None:
    made = shop(tmp_path, kafka)
    doubts = Doubts(made.project, ["orders"])
    assert doubts.look() == []
    made.send({"ts": MILLISECONDS}, {"ts": SECONDS}, {"ts": SECONDS + 1}, {"ts": SECONDS + 2}, b"no json", {"ts": None})
    (sentence,) = doubts.look()
    assert sentence.startswith(WORDS) and 'write unit="s"' in sentence
    assert doubts.look() == [] and doubts.known == [sentence]
    assert sentence in look(made.project).doubts


def test_infer_warns_of_its_requests_once(kafka: Kafka, tmp_path: Path) -> None:
    made = shop(tmp_path, kafka)
    made.project.config.state.mkdir(exist_ok=True)
    train_model(made.project.config.state, made.plan)
    made.send({"ts": SECONDS})
    with running(made) as job:
        wait_until(lambda: job.warnings, "warning")
        job.end()
    (warning,) = job.warnings
    assert "1 of 1 times of orders lie in January 1970" in warning


def test_finer_units_are_told_and_likely_times_are_not(kafka: Kafka, tmp_path: Path) -> None:
    fine, good = shop(tmp_path / "fine", kafka), shop(tmp_path / "good", kafka)
    fine.send({"ts": SECONDS * 10**6}, {"ts": SECONDS * 10**9})
    good.send({"ts": MILLISECONDS}, {"ts": SECONDS})
    assert "2 of 2 times of orders lie beyond the year 2200" in Doubts(fine.project, ["orders"]).look()[0]
    assert Doubts(good.project, ["orders"]).look() == []
