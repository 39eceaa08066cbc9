"""What a project's topics, consumer groups and transactional ids are called."""

from __future__ import annotations

from dataclasses import dataclass


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

    def infer_group(self, model: str) -> str:
        """The group of a model's inference, unless the user names another one."""
        return f"{self.prefix}.infer.{model}"

    def member(self, group: str) -> str:
        """What names of members and transactional ids of ``group`` begin with."""
        own = f"{self.prefix}."
        return group if group.startswith(own) else own + group
