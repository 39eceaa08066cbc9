"""``penstock.toml``: where a project's data, state and Kafka are. Secrets come from the environment or from files."""

from __future__ import annotations

import os
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from penstock.features.durations import parse_duration
from penstock.features.errors import DefinitionError, UsageError, did_you_mean
from penstock.jobs.project.names import Names

FILE = "penstock.toml"
#: The broker that ``penstock up`` starts, found through the project's state folder.
LOCAL = "local"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaConfig(_Section):
    """How every client reaches Kafka. ``password`` is read from ``password_file``, or else from the variable that
    ``password_env`` names.

    ``client``: which library the Python jobs use. ``ca_file``, ``cert_file``, ``key_file``: PEM; the last two are for a
    cluster that asks its clients for a certificate (the key: PKCS #8, without a password of its own). ``prefix``: what
    the names of topics, groups and transactional ids begin with; the project's name unless given. ``partitions`` and
    ``replication``: of the topics that are made.
    """

    bootstrap_servers: str = LOCAL
    prefix: str | None = Field(None, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$", max_length=100)
    client: Literal["confluent", "kafka-python"] = "confluent"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password_env: str = "PENSTOCK_KAFKA_PASSWORD"
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    local_port: int | None = Field(None, ge=1, le=65535)
    partitions: int = Field(1, ge=1)
    replication: int = Field(1, ge=1)

    @property
    def password(self) -> str | None:
        """The secret; None where there is none. Raises UsageError for a file that cannot be read."""
        return _secret(self.password_file, self.password_env, "password")

    @property
    def password_place(self) -> str:
        """Where ``password`` is read from, for people."""
        if self.password_file is None:
            return f"the environment variable {self.password_env}"
        return str(self.password_file)


def _secret(file: Path | None, variable: str, name: str) -> str | None:
    """From a file, or else from a variable of the environment."""
    if file is None:
        return os.environ.get(variable)
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"the {name} cannot be read: {why}", where=str(file)) from None


class BatchConfig(_Section):
    """``memory``: what DuckDB may use, as it writes it (``1GB``)."""

    memory: str = "1GB"


class TrainingConfig(_Section):
    """``threads``: of LightGBM. One is fastest beside a running stream; the trees do not depend on it."""

    threads: int = Field(1, ge=1)


class StreamConfig(_Section):
    """The Flink job. Intervals in milliseconds.

    ``change_points``: for how long every change point of every streamed view can be read back, as ``"30d"``, for
    ``infer --aligned``; without it none are written.
    ``history``: the cut-over. On a first start the events before it come from the history files, those from it on from
    Kafka; without it all come from Kafka.
    """

    parallelism: int = Field(1, ge=1)
    checkpoint_ms: int = Field(5_000, ge=100)
    live: bool = False
    change_points: str | None = None

    @field_validator("change_points")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                parse_duration(value)
        except DefinitionError as error:
            raise ValueError(f"{error.what}; allowed: {error.allowed}") from None
        return value

    @property
    def change_points_ms(self) -> int | None:
        """``change_points`` in milliseconds."""
        return None if self.change_points is None else parse_duration(self.change_points)

    history: AwareDatetime | None = None

    @property
    def cut_over_ms(self) -> int | None:
        """``history`` in milliseconds, finer times rounded up: no event is on both sides."""
        return None if self.history is None else -((_EPOCH - self.history) // timedelta(milliseconds=1))


class ModelsConfig(_Section):
    """``url``: where versions of models are, as fsspec writes it (``s3://bucket/models``); the folder ``models`` in the
    state folder unless given.
    """

    url: str | None = Field(None, pattern="://")


class FlinkConfig(_Section):
    """Where the Flink job runs: ``local``, in a JVM of its own, or in a ``session`` cluster that is running.

    ``address``: of the cluster's REST interface. ``storage``: a folder for checkpoints and savepoints, which the job
    manager, the task managers and ``penstock stream`` reach under the same path. ``ca_file``: PEM, what an ``https``
    address is known by; ``cert_file``, ``key_file``: PEM, for a cluster that asks its clients for a certificate.
    """

    target: Literal["local", "session"] = "local"
    address: str | None = Field(None, pattern=r"^https?://[A-Za-z0-9.-]+:[0-9]+$")
    storage: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _check(self) -> FlinkConfig:
        """What belongs together."""
        given = [name for name in FlinkConfig.model_fields if name != "target" and getattr(self, name) is not None]
        if self.target == "local" and given:
            raise ValueError(f'{", ".join(given)} want target = "session"')
        if self.target == "session" and not {"address", "storage"} <= {*given}:
            raise ValueError('target = "session" wants address and storage')
        if (self.address or "").startswith("https:") != (self.ca_file is not None):
            raise ValueError("an https address wants ca_file, and ca_file an https address")
        if (self.cert_file is None) != (self.key_file is None) or (self.cert_file and self.ca_file is None):
            raise ValueError("cert_file and key_file want each other, and an https address")
        return self


class InferenceConfig(_Section):
    """Micro-batches: at most ``batch`` requests, of ``deadline_ms`` or, while a transaction is under way, until its
    end; ``wait_ms`` bounds the wait for one's own event.

    ``store``: where rows are read, ``"mirrored"`` for a copy of the feature topics in memory, which is read as long as
    it is at most ``mirror_lag_ms`` behind them.

    ``takeover_bound``: a new version is refused when the mean of its answers to the last vectors is more standard
    deviations of the former answers away from the former mean.
    """

    batch: int = Field(500, ge=1)
    deadline_ms: int = Field(5, ge=0)
    wait_ms: int = Field(2_000, ge=0)
    store: Literal["online", "mirrored"] = "online"
    mirror_lag_ms: int = Field(1_000, ge=100)
    takeover_bound: float = Field(3.0, gt=0)


class ServeConfig(_Section):
    """``penstock serve``. ``port``: 0 takes any free one.

    ``batch``: requests that are computed at once; ``body_requests`` and ``body_bytes``: of one body; ``waiting``:
    requests that may wait for an answer; ``rate``: bodies in a second, no limit unless given; ``deadline_ms``: until an
    answer. ``writer_lag``: records that the store's writer may be behind while the server is ready; not looked at
    unless given.

    ``token``: the secret that clients send, read from ``token_file`` or else from the variable that ``token_env``
    names. ``cert_file`` and ``key_file``: PEM, for TLS; ``ca_file``: whose certificates clients must have.
    """

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    batch: int = Field(1_000, ge=1)
    body_requests: int = Field(1_000, ge=1)
    body_bytes: int = Field(1_000_000, ge=1)
    waiting: int = Field(10_000, ge=1)
    rate: int | None = Field(None, ge=1)
    deadline_ms: int = Field(1_000, ge=1)
    writer_lag: int | None = Field(None, ge=0)
    token_env: str = "PENSTOCK_SERVE_TOKEN"
    token_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    ca_file: Path | None = None

    @property
    def token(self) -> str | None:
        """The secret; None where there is none. Raises UsageError for a file that cannot be read."""
        return _secret(self.token_file, self.token_env, "token")


class QualityConfig(_Section):
    """``keep_days``: for so long, in event time, predictions and labels stay in a model's ledger."""

    keep_days: int = Field(90, ge=1)


class MetricsConfig(_Section):
    """``host``: the address that metrics are served at; this machine only unless said."""

    host: str = "127.0.0.1"


class LogsConfig(_Section):
    """``format``: lines for people, or one JSON object a line."""

    format: Literal["text", "json"] = "text"


class Config(_Section):
    """The whole file. Relative paths are relative to the file's folder."""

    #: Part of the names of topics, of keys in the online store and of Feast's registry.
    project: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]*$", max_length=100)
    definitions: Path = Path("definitions.py")
    data: Path = Path("data")
    state: Path = Path(".penstock")
    kafka: KafkaConfig = KafkaConfig()
    batch: BatchConfig = BatchConfig()
    training: TrainingConfig = TrainingConfig()
    stream: StreamConfig = StreamConfig()
    models: ModelsConfig = ModelsConfig()

    flink: FlinkConfig = FlinkConfig()
    inference: InferenceConfig = InferenceConfig()
    serve: ServeConfig = ServeConfig()
    quality: QualityConfig = QualityConfig()
    metrics: MetricsConfig = MetricsConfig()
    logs: LogsConfig = LogsConfig()

    @property
    def models_at(self) -> Path | str:
        """The folder or the URL of the versions of models."""
        return self.models.url or self.state / "models"

    @property
    def names(self) -> Names:
        """What the project's topics and groups are called."""
        return Names(self.kafka.prefix or self.project)


def read_config(folder: Path) -> Config:
    """The configuration in ``folder/penstock.toml``. Raises UsageError with file and key."""
    path = folder / FILE
    if not path.is_file():
        raise UsageError(
            f"there is no {FILE} here", where=str(folder), hint="run 'penstock init', or give --project DIR"
        )
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        config = Config(**data)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{FILE} is not TOML: {error}", where=str(path)) from None
    except ValidationError as error:
        raise _invalid(path, error) from None
    return _from_folder(config, folder)


#: Keys whose values are files, by section.
_FILES = {
    "kafka": ("ca_file", "cert_file", "key_file", "password_file"),
    "serve": ("ca_file", "cert_file", "key_file", "token_file"),
}


def _from_folder(config: Config, folder: Path) -> Config:
    update: dict[str, Any] = {
        name: _absolute(folder / getattr(config, name)) for name in ("definitions", "data", "state")
    }
    for section, names in _FILES.items():
        values = getattr(config, section)
        files = {name: getattr(values, name) for name in names}
        absolute = {name: _absolute(folder / file) for name, file in files.items() if file is not None}
        update[section] = values.model_copy(update=absolute)

    update["kafka"] = _with_paths(config.kafka, folder, "ca_file", "cert_file", "key_file", "password_file")
    update["flink"] = _with_paths(config.flink, folder, "storage", "ca_file", "cert_file", "key_file")
    return config.model_copy(update=update)


def _with_paths(section: _Section, folder: Path, *names: str) -> _Section:
    """The section with those of its paths that are given from the root on."""
    given = {name: getattr(section, name) for name in names}
    return section.model_copy(update={name: _absolute(folder / path) for name, path in given.items() if path})


def _absolute(path: Path) -> Path:
    """Without links; a link that leads to itself stays, and who opens it says so."""
    return Path(os.path.realpath(path))


def _invalid(path: Path, error: ValidationError) -> UsageError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    sections: dict[str, type[BaseModel]] = {
        name: field.annotation
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    model = sections.get(str(first["loc"][0]), Config)
    known = list(model.model_fields)
    return UsageError(
        f"{key}: {first['msg'].removeprefix('Value error, ')}",
        where=str(path),
        allowed=", ".join(known),
        hint=did_you_mean(str(first["loc"][-1]), known),
    )
