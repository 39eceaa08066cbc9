"""A small project of one's own: its files in a folder, read as a project."""

from __future__ import annotations

import uuid
from pathlib import Path

from penstock.jobs.project.config import Config, KafkaConfig
from penstock.jobs.project.project import Project, load_project
from tests.kafka_broker import USER, Kafka

SQLITE = "  type: penstock.jobs.store.sqlite.PenstockSqliteOnlineStore\n  path: online.db"
REDIS = "  type: penstock.jobs.store.redis.PenstockRedisOnlineStore\n  connection_string: {}"

_TOML = """project = "tested"
data = "data"
state = "state"

[kafka]
bootstrap_servers = "{servers}"
{kafka}
[stream]
checkpoint_ms = 500
"""

_YAML = """project: tested
provider: local
registry: registry.db
online_store:
{store}
offline_store:
  type: file
entity_key_serialization_version: 3
"""

_SECURE = f"""security_protocol = "SASL_SSL"
sasl_mechanism = "SCRAM-SHA-512"
username = "{USER}"
password_env = "TESTED_KAFKA_PASSWORD"
ca_file = "{{ca_file}}"
cert_file = "{{cert_file}}"
key_file = "{{key_file}}"
"""


def make_project(
    folder: Path, definitions: str, *, servers: str = "local", kafka: str = "", store: str = SQLITE
) -> Project:
    """The project in ``folder``. ``kafka``: more lines of that section; ``store``: the lines of the online store."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "penstock.toml").write_text(_TOML.format(servers=servers, kafka=kafka))
    (folder / "feature_store.yaml").write_text(_YAML.format(store=store))
    (folder / "definitions.py").write_text(definitions)
    return load_project(folder)


def make_secure_project(folder: Path, definitions: str, kafka: Kafka) -> Project:
    """A project that reaches Kafka by the door that asks who is there, its password in ``TESTED_KAFKA_PASSWORD``."""
    own = kafka.own
    secure = _SECURE.format(ca_file=own.certificate, cert_file=own.certificate, key_file=own.key)
    return make_project(folder, definitions, servers=kafka.secure_servers, kafka=secure)


def config(folder: Path, servers: str, **kafka: object) -> Config:
    """A configuration without a project, for clients alone."""
    settings = KafkaConfig.model_validate({"bootstrap_servers": servers, **kafka})
    return Config(project="tested", state=folder, kafka=settings)


def unique(name: str) -> str:
    """A name that no other test uses: the broker is shared."""
    return f"{name}_{uuid.uuid4().hex[:8]}"
