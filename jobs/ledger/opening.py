"""A project's ledgers: where they are, who writes them, and how one is brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.features.plan import ModelPlan
from penstock.jobs.binning.counting import Counting
from penstock.jobs.kafka.clients import answering, consumer
from penstock.jobs.ledger.joining import Joining
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.reading import Reading
from penstock.jobs.process.exclusive import exclusive
from penstock.jobs.process.private import private
from penstock.jobs.project.project import Project

_DAY_MS = 86_400_000
#: Digits of a definition's fingerprint in the name of its ledger.
_DIGITS = 12

Told = Callable[[str], None]


def ledger_file(project: Project, plan: ModelPlan) -> Path:
    """Where the ledger of a definition is: labels and losses of another one would mean something else."""
    return project.config.state / "quality" / plan.name / f"{plan.fingerprint[:_DIGITS]}.db"


def open_ledger(project: Project, plan: ModelPlan) -> Ledger:
    """The ledger of a model. Raises PenstockError."""
    counting = Counting(project.config.models_at, plan)
    return Ledger(ledger_file(project, plan), plan, project.config.quality.keep_days * _DAY_MS, counting)


@contextmanager
def written(project: Project, plan: ModelPlan) -> Iterator[bool]:
    """Whether the block may write the ledger: at any time one process may."""
    file = ledger_file(project, plan)
    private(file.parent)
    with exclusive(file.with_suffix(".lock")) as mine:
        yield mine


def catch_up(
    project: Project,
    model: str,
    *,
    accept_loss: bool = False,
    told: Told = lambda line: None,
    progress: Callable[[int], None] = lambda records: None,
) -> None:
    """Brings the ledger to the ends that its topics have now. Where another process follows them, it is near them.

    Raises UsageError for a model whose errors cannot be told as labels come, RefusedError for records that are gone,
    PenstockError for a broker that does not answer.
    """
    plan = project.model(model).model_plan
    joining = Joining(project, plan)
    with written(project, plan) as mine:
        if not mine:
            told(f"another process follows the labels of {model}: its ledger is read as it is")
            return
        with answering(project.config), consumer(project.config, None) as reader, open_ledger(project, plan) as ledger:
            Reading(project.config, reader, joining, ledger, accept_loss=accept_loss, told=told).read_to_end(progress)
