"""A model with ``by=``: each value of its column is answered by versions of its own, and the rest by the rest's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.features.errors import DefinitionError, RefusedError, UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.explain.replay import replay
from penstock.jobs.models.folder import load_named
from penstock.jobs.models.lines import line_of, part_text, part_value, parts_of
from penstock.jobs.models.pointer import Pointer, current_version
from penstock.jobs.models.versions import promote, rollback, versions
from penstock.jobs.training.train import train, train_parts
from tests.jobs.serving.running import Shop, running, train_model
from tests.jobs.serving.test_aliases import predictions
from tests.jobs.serving.test_successor import await_line, models
from tests.jobs.shop import DEFINITIONS, make_project
from tests.kafka_broker import Kafka

BY = 'label=deliveries.cost, by="city",'
SPANS = Span(0, 1_800), Span(1_800, 2_000)


def by_city(definitions: str = DEFINITIONS) -> str:
    return definitions.replace("label=deliveries.cost,", BY)


def parts(folder: Path, plan: ModelPlan, least: int = 100) -> dict[str | None, str]:
    """Versions for x, y and the rest, by part."""
    reports, left = train_parts(folder / "set.parquet", plan, folder / "models", *SPANS, least=least)
    assert not left
    return {report.part: report.version for report in reports}


def test_a_part_is_named_by_the_text_of_its_value() -> None:
    texts = ["", ".", "../x", "São Paulo", "a/b", "a@b", "%2F", "x" * 100]
    assert [line_of("cost", text).count("/") for text in texts] == [0] * len(texts)
    assert len({line_of("cost", text) for text in texts}) == len(texts)
    with pytest.raises(UsageError, match="too long"):
        line_of("cost", "x" * 300)
    assert [
        part_value(part_text(value) or "", type) for value, type in ((7, "int64"), (True, "bool"), ("7", "string"))
    ] == [
        7,
        True,
        "7",
    ]
    for text, type in (("07", "int64"), ("x", "int64"), ("True", "bool"), ("", "bool")):
        with pytest.raises(ValueError):
            part_value(text, type)


@pytest.mark.parametrize(("by", "words"), [("town", "has no"), ("amount", "is float64")])
def test_a_column_that_has_no_parts_is_refused(tmp_path: Path, by: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        make_project(tmp_path, DEFINITIONS.replace("label=deliveries.cost,", f'label=deliveries.cost, by="{by}",'))


def test_each_value_with_rows_enough_has_versions_of_its_own(tmp_path: Path) -> None:
    plan = make_project(tmp_path, by_city()).model("cost").model_plan
    plain = make_project(tmp_path / "plain").model("cost").model_plan
    assert (plan.by, plain.by) == ("city", None) and plan.fingerprint != plain.fingerprint
    folder = train_model(tmp_path, plan)
    first = parts(tmp_path, plan)
    assert set(first) == {None, "x", "y"} and parts_of(folder, "cost") == ["x", "y"]
    of_x = load_named(folder, plan, first["x"], "x")
    assert (of_x.metadata.part, of_x.line) == ("x", "cost@x")
    assert of_x.metadata.trained.rows + load_named(folder, plan, first["y"], "y").metadata.trained.rows == 1_800
    _, left = train_parts(tmp_path / "set.parquet", plan, folder, *SPANS, least=10_000)
    assert set(left) == {"x", "y"} and "10,000 are needed" in left["x"]
    second = train(tmp_path / "set.parquet", plan, folder, *SPANS, part="x", parameters={"num_leaves": 5}).version
    assert [each.aliases for each in versions(folder, "cost@x")].count(("current",)) == 1
    assert rollback(folder, plan, "x") == (second, first["x"])
    promote(folder, plan, Pointer(second), "canary", "x")
    with pytest.raises(UsageError, match="cost has no version"):
        promote(folder, plan, Pointer(second))
    (folder / "cost@y" / second).symlink_to(folder / "cost@x" / second)
    with pytest.raises(RefusedError, match="is for 'x', not for 'y'"):
        promote(folder, plan, Pointer(second), "current", "y")
    assert current_version(folder, "cost@y") == first["y"]


def test_each_request_is_answered_by_its_part(kafka: Kafka, tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop", by_city(), servers=kafka.servers, wait_ms=0)
    state = shop.project.config.state
    state.mkdir(exist_ok=True)
    train_model(state, shop.plan)
    first = parts(state, shop.plan)
    cities = ["x", "y", "elsewhere", None]
    shop.send(*({"city": city, "amount": 1.5, "customer": "ann"} for city in cities))
    with running(shop) as job:
        job.wait(len(cities))
        # a value that had no versions gets its first one, and another a second one
        second = train(state / "set.parquet", shop.plan, models(shop), *SPANS, part="x", parameters={"num_leaves": 5})
        await_line(job, "cost@x", second.version, "answers from now on")
        (models(shop) / "cost@y").rename(models(shop) / "cost@y2")
        shop.send({"city": "x"}, {"city": "y"}, {"city": "y2"})
        job.wait(len(cities) + 3)
        job.end()
    answers: list[dict[str, Any]] = predictions(shop, shop.output)
    told = [(each["part"], each["version"], each["alias"]) for each in answers]
    rest = (None, first[None], "current")
    assert told[:4] == [("x", first["x"], "current"), ("y", first["y"], "current"), rest, rest]
    assert told[4:6] == [("x", second.version, "current"), ("y", first["y"], "current")]
    # a folder of another part's versions is refused: the rest answers
    assert told[6] == rest
    assert all(replay(models(shop), each).same for each in (*answers[:1], *answers[2:5]))
    assert orjson.dumps(answers[0]["vector"]) == orjson.dumps({**answers[0]["vector"], "city": "x"})
