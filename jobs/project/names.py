"""What a project's topics, consumer groups and transactional ids are called."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

#: Names of files and transactional ids are made from a group's; longer names of models are cut.
_LONG = 100


@dataclass(frozen=True)
class Names:
    """Names on a Kafka cluster. All begin with ``prefix``, which belongs to one project."""

    prefix: str

    def features(self, view: str) -> str:
        """The topic of a view's rows; ``{view}`` gives a template."""
        return f"{self.prefix}.features.{view}"

    def quality(self, model: str) -> str:
        """The topic of what is known of a model's answers."""
        return f"{self.prefix}.quality.{model}"

    def change_points(self, view: str) -> str:
        """The topic of a view's change points, in the order of their times."""
        return f"{self.prefix}.change_points.{view}"

    @property
    def dead_letters(self) -> str:
        """The topic of the records that were refused."""
        return f"{self.prefix}.dead_letters"

    @property
    def owner(self) -> str:
        """The topic whose first record names the project that the prefix belongs to."""
        return f"{self.prefix}.project"

    @property
    def stream_group(self) -> str:
        """The group of the Flink job, for whoever watches its lag."""
        return f"{self.prefix}.stream"

    @property
    def writer_group(self) -> str:
        """The group of the store's writer."""
        return f"{self.prefix}.writer"

    def infer_group(self, *models: str) -> str:
        """The group of an inference of these models, in any order, unless the user names another one."""
        names = sorted(set(models))
        together = "+".join(names)
        if len(together) > _LONG:
            digest = hashlib.sha256(together.encode()).hexdigest()[:12]
            together = f"{names[0][:_LONG]}+{len(names) - 1}.{digest}"
        return f"{self.prefix}.infer.{together}"

    @staticmethod
    def shadow(output: str) -> str:
        """The topic of the shadow's predictions beside those of a model."""
        return f"{output}.shadow"

    def member(self, group: str) -> str:
        """What names of members and transactional ids of ``group`` begin with."""
        own = f"{self.prefix}."
        return group if group.startswith(own) else own + group
