"""A running inference job takes up another version between two transactions, or refuses it and goes on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from penstock.features.errors import PenstockError, UsageError
from penstock.jobs.models.folder import Metadata, load_current, read_metadata, save, sha256
from penstock.jobs.models.log import entries
from penstock.jobs.models.pointer import Pointer, current_version, set_current
from penstock.jobs.models.versions import differences, end_alias, promote, prune, rollback, versions
from tests.jobs.serving.running import Running, Shop, running, train_model, wait_until
from tests.kafka_broker import Kafka

REQUESTS = 60
NOWHERE = "20990101T000000Z-0123456789ab"


@pytest.fixture
def shop(kafka: Kafka, tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "shop", servers=kafka.servers, wait_ms=0)
    made.project.config.state.mkdir(exist_ok=True)
    train_model(made.project.config.state, made.plan)
    return made


def models(shop: Shop) -> Path:
    return shop.project.config.state / "models"


def current(shop: Shop) -> str:
    return str(current_version(models(shop), "cost"))


def other(
    shop: Shop, change: Callable[[str], str] = lambda text: text, folder: Path | None = None, **changes: object
) -> str:
    """The current version with another text and other metadata, which becomes the current one of ``folder``."""
    loaded = load_current(models(shop), shop.plan)
    text = change(loaded.read().decode())
    later = loaded.metadata.created.replace(year=loaded.metadata.created.year + 1)
    changes = {"created": later, **changes, "model_sha256": sha256(text.encode())}
    return save(folder or models(shop), loaded.metadata.model_copy(update=changes), text.encode())


def leaves(factor: str) -> Callable[[str], str]:
    """Each leaf times this number; ``nan``: all leaves are none."""

    def changed(match: re.Match[str]) -> str:
        words = match[1].split(" ")
        return "leaf_value=" + " ".join(
            factor if factor == "nan" else repr(float(word) * float(factor)) for word in words
        )

    return lambda text: resized(re.sub(r"leaf_value=(.*)", changed, text))


def resized(text: str) -> str:
    """The header says how long each tree is."""
    trees = text[text.index("Tree=0") : text.index("end of trees")]
    sizes = " ".join(str(len(tree)) for tree in re.split(r"(?=Tree=\d+\n)", trees) if tree)
    return re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", text)


def unsized(text: str) -> str:
    return leaves("1.01")(text).replace("tree_sizes=", "tree_sizes=1")


def answer(shop: Shop, job: Running, before: int) -> set[str]:
    """Sends requests after ``before`` others; the versions of their predictions."""
    shop.send(*({"amount": float(i), "customer": f"c{i}"} for i in range(REQUESTS)))
    job.wait(before + REQUESTS)
    wait_until(lambda: len(shop.predictions()) >= before + REQUESTS, "predictions")
    return {orjson.loads(record.value)["version"] for record in shop.predictions()[before:]}


def await_line(job: Running, *words: str) -> str:
    """A line with all these words, once there is one."""
    wait_until(lambda: any(all(word in line for word in words) for line in job.lines), " ".join(words))
    return next(line for line in job.lines if all(word in line for word in words))


def test_a_version_is_taken_up_without_a_stop_and_given_up_again(shop: Shop) -> None:
    first = current(shop)
    with running(shop) as job:
        assert answer(shop, job, 0) == {first}
        second = other(shop, leaves("1.01"))
        await_line(job, second, "standard deviations from the former mean")
        await_line(job, second, "answers from now on")
        assert answer(shop, job, REQUESTS) == {second}
        assert rollback(models(shop), shop.plan) == (second, first)
        await_line(job, first, "answers from now on")
        assert answer(shop, job, 2 * REQUESTS) == {first}
        counts = job.end()
    assert counts.predictions == 3 * REQUESTS
    assert len({record.key for record in shop.predictions()}) == 3 * REQUESTS


def metadata(shop: Shop) -> Metadata:
    return load_current(models(shop), shop.plan).metadata


def cut(shop: Shop) -> str:
    elsewhere = shop.project.folder / "elsewhere"
    version = other(shop, leaves("1.01"), elsewhere)
    file = elsewhere / "cost" / version / "model.txt"
    file.write_bytes(file.read_bytes()[:-100])
    shutil.copytree(file.parent, models(shop) / "cost" / version)
    set_current(models(shop), "cost", version)
    return version


def point_nowhere(shop: Shop) -> str:
    set_current(models(shop), "cost", NOWHERE)
    return NOWHERE


def texts(shop: Shop) -> str:
    return other(shop, features=tuple((name, "string") for name, _ in metadata(shop).features))


REFUSED: dict[str, tuple[Callable[[Shop], str], str]] = {
    "another definition": (lambda shop: other(shop, fingerprint="0" * 64), "was trained for another definition"),
    "another type": (texts, "features are not those of its plan"),
    "a feature less": (lambda shop: other(shop, features=metadata(shop).features[1:]), "are not those of its plan"),
    "a file cut short": (cut, "is not what was written"),
    "a leaf that is no number": (lambda shop: other(shop, leaves("nan")), "is damaged: the leaves of a tree"),
    "trees of another length": (lambda shop: other(shop, unsized), "is damaged"),
    "nonsense": (lambda shop: other(shop, leaves("1000")), "standard deviations from the former mean"),
    "no folder": (point_nowhere, "has no version"),
}


def test_what_is_not_fit_is_refused_and_the_former_version_goes_on(shop: Shop) -> None:
    first = current(shop)
    with running(shop, metrics_port=0) as job:
        answer(shop, job, 0)
        for number, (spoil, words) in enumerate(REFUSED.values(), 1):
            line = await_line(job, "REFUSED", spoil(shop))
            assert words in line and f"{first} goes on" in line
            set_current(models(shop), "cost", first)
            assert answer(shop, job, number * REQUESTS) == {first}
        assert job.metric("penstock_refused_versions_total") == len(REFUSED)
        job.end()


def test_versions_are_listed_compared_promoted_and_pruned(shop: Shop) -> None:
    folder, first = models(shop), current(shop)
    second = other(shop, leaves("1.01"), parameters={"num_leaves": 7})
    third = other(shop, leaves("nan"))
    assert sorted((each.name, each.current) for each in versions(folder, "cost")) == sorted(
        [(first, False), (second, False), (third, True)]
    )
    changes = {name for name, _, _ in differences(folder, "cost", first, second)}
    assert {"created", "model_sha256", "parameters.num_leaves"} <= changes
    assert promote(folder, shop.plan, Pointer(first)) == third
    with pytest.raises(PenstockError, match="the leaves of a tree"):
        promote(folder, shop.plan, Pointer(third))
    with pytest.raises(PenstockError, match="has no version"):
        promote(folder, shop.plan, Pointer(NOWHERE))
    with pytest.raises(PenstockError, match="the leaves of a tree"):
        rollback(folder, shop.plan)
    assert current(shop) == first
    promote(folder, shop.plan, Pointer(second))
    assert rollback(folder, shop.plan) == (second, first)
    promote(folder, shop.plan, Pointer(second))
    spoiled = "20000101T000000Z-0123456789ab"
    shutil.copytree(folder / "cost" / first, folder / "cost" / spoiled)
    assert versions(folder, "cost")[0].problem == "metadata.json is not what was written"
    gone = prune(folder, "cost", 1)
    assert spoiled in gone and second not in gone and read_metadata(folder, "cost", second)


def test_a_shadow_and_a_canary_are_promoted_kept_and_ended(shop: Shop) -> None:
    folder, first = models(shop), current(shop)
    second = other(shop, leaves("1.01"))
    third = other(shop, leaves("1.02"))
    assert promote(folder, shop.plan, Pointer(first), "shadow") is None
    assert promote(folder, shop.plan, Pointer(second, 5.0, "hub"), "canary") is None
    with pytest.raises(UsageError, match="has no input 'hubs'"):
        promote(folder, shop.plan, Pointer(first, 5.0, "hubs"), "canary")
    assert {each.name: each.aliases for each in versions(folder, "cost")} == {
        first: ("shadow",),
        second: ("canary",),
        third: ("current",),
    }
    assert prune(folder, "cost", 1) == []
    assert end_alias(folder, shop.plan, "canary") == second
    with pytest.raises(UsageError, match="cost has no canary"):
        end_alias(folder, shop.plan, "canary")
    steps = [(entry.action, entry.version, entry.details.get("alias")) for entry in entries(folder, "cost", 3)]
    assert steps == [("promote", first, "shadow"), ("promote", second, "canary"), ("rollback", second, "canary")]
