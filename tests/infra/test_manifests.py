"""The files of ``infra/``: each is what its tool takes, and all agree with the example and with each other."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import kubernetes_validate
import pytest
import yaml

from penstock.jobs.cli import penstock
from penstock.jobs.project.config import FILE, Config, read_config
from penstock.jobs.project.project import load_project
from tests.infra.dockerfile import copied, stages

ROOT = Path(__file__).parents[2]
INFRA, SCHEMAS = ROOT / "infra", Path(__file__).parent / "schemas"
KUBERNETES = "1.31"
MODEL = "arrival_delay"
#: Objects of Flink's operator and of KEDA, by what their own definitions say (without what no manifest here uses).
OWN = {"FlinkDeployment", "ScaledObject", "TriggerAuthentication"}
MANIFESTS = [
    pytest.param(document, id=f"{file.stem}-{document['kind']}")
    for file in sorted((INFRA / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text())
]
PARTS = [each.values[0] for each in MANIFESTS]


def part(kind: str, name: str) -> dict[str, Any]:
    (only,) = (each for each in PARTS if (each["kind"], each["metadata"]["name"]) == (kind, name))
    spec: dict[str, Any] = only["data"] if kind == "ConfigMap" else only["spec"]
    return spec


def schema(name: str) -> Any:
    return strict(json.loads((SCHEMAS / f"{name.lower()}.json").read_text()))


def strict(node: Any) -> Any:
    """The schema, with what it does not name refused."""
    if isinstance(node, list):
        return [strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {"additionalProperties": False} if "properties" in node and "additionalProperties" not in node else {}
    return {**{name: strict(value) for name, value in node.items()}, **closed}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The project as Kubernetes has it."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / FILE).write_text(part("ConfigMap", "penstock")[FILE])
    return read_config(folder)


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((INFRA / "compose.yaml").read_text())


@pytest.mark.parametrize("document", MANIFESTS)
def test_kubernetes_takes_each_object(document: dict[str, Any]) -> None:
    if document["kind"] in OWN:
        jsonschema.validate(document["spec"], schema(document["kind"]))
    else:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_what_is_wrong_is_refused() -> None:
    flink = part("FlinkDeployment", "penstock-flink")
    for wrong in ({**flink, "taskmanager": {}}, {**flink, "flinkVersion": "v3"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema("FlinkDeployment"))


def test_a_pod_of_flink_is_a_pod() -> None:
    template = part("FlinkDeployment", "penstock-flink")["podTemplate"]
    (container,) = template["spec"]["containers"]
    assert container["name"] == "flink-main-container"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "flink"}, "spec": template["spec"]}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def test_compose_takes_its_file(compose: Any) -> None:
    jsonschema.Draft7Validator(json.loads((SCHEMAS / "compose.json").read_text())).validate(compose)


def test_both_run_the_example(cluster: Config, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text((INFRA / "cluster" / FILE).read_text())
    for config in (cluster, read_config(tmp_path)):
        assert config.project == "flights" and config.flink.target == "session"
        assert config.metrics.host == "0.0.0.0" and config.logs.format == "json"


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for each in PARTS:
        spec = each.get("spec", {})
        template = spec.get("template", {}).get("spec") or spec.get("podTemplate", {}).get("spec")
        if template:
            yield each["metadata"]["name"], template


def test_every_claim_and_map_that_is_mounted_is_there() -> None:
    there = {(each["kind"], each["metadata"]["name"]) for each in PARTS}
    for name, pod in pods():
        volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
        for volume in volumes.values():
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in there, name
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in there, name


def test_flink_and_stream_reach_the_same_storage(cluster: Config) -> None:
    mounted = {}
    for name, pod in pods():
        claims = {
            volume["name"]: volume["persistentVolumeClaim"]["claimName"]
            for volume in pod.get("volumes", [])
            if "persistentVolumeClaim" in volume
        }
        for mount in pod["containers"][0]["volumeMounts"]:
            if claims.get(mount["name"]) == "penstock-storage":
                mounted[name] = mount["mountPath"]
    assert mounted == {"penstock-flink": str(cluster.flink.storage), "penstock-stream": str(cluster.flink.storage)}


def test_the_job_fits_into_the_cluster(cluster: Config) -> None:
    flink = part("FlinkDeployment", "penstock-flink")
    slots = int(flink["flinkConfiguration"]["taskmanager.numberOfTaskSlots"]) * flink["taskManager"]["replicas"]
    assert cluster.stream.parallelism <= min(slots, cluster.kafka.partitions)
    assert cluster.flink.address == "http://penstock-flink-rest:8081"


def test_no_more_inference_than_partitions_and_by_its_own_lag(cluster: Config) -> None:
    scaled = part("ScaledObject", "penstock-infer")
    assert scaled["maxReplicaCount"] == cluster.kafka.partitions
    (trigger,) = scaled["triggers"]
    assert trigger["metadata"]["consumerGroup"] == cluster.names.infer_group(MODEL)
    assert trigger["metadata"]["topic"] == "flights.departures"
    assert trigger["metadata"]["bootstrapServers"] == cluster.kafka.bootstrap_servers
    assert "replicas" not in part("Deployment", "penstock-infer")


def test_both_make_the_topics_of_the_example(compose: Any, cluster: Config) -> None:
    project = load_project(ROOT / "feature_repo")
    wanted = {project.topic(name) for name in project.streamed} | {project.model(MODEL).output}
    container = part("Job", "penstock-topics")["template"]["spec"]["containers"][0]
    for script in (container["args"][0], compose["services"]["topics"]["command"][0]):
        listed = re.search(r"for topic in (.*); do", script)
        assert listed is not None and set(listed[1].split()) == wanted
    assert (
        f"--partitions {cluster.kafka.partitions} --replication-factor {cluster.kafka.replication}"
        in container["args"][0]
    )


def test_what_ends_by_itself_is_given_the_time(compose: Any) -> None:
    for name in ("penstock-stream", "penstock-infer"):
        assert part("Deployment", name)["template"]["spec"]["terminationGracePeriodSeconds"] > 40
    for name in ("stream", "infer"):
        assert compose["services"][name]["stop_grace_period"] == "45s"


def test_the_commands_are_those_of_penstock(compose: Any) -> None:
    commands = [compose["services"][name]["command"] for name in ("stream", "infer")]
    commands += [
        part("Deployment", f"penstock-{name}")["template"]["spec"]["containers"][0]["args"]
        for name in ("stream", "infer")
    ]
    for command in commands:
        name, *rest = command
        context = click.Context(penstock)
        found = penstock.get_command(context, name)
        assert found is not None
        found.make_context(name, [*rest, "--project", str(ROOT / "feature_repo")], parent=context)


def test_only_this_machine_reaches_the_ports_of_compose(compose: Any) -> None:
    ports = itertools.chain.from_iterable(service.get("ports", []) for service in compose["services"].values())
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_nothing_runs_as_root_or_with_a_token() -> None:
    for name, pod in pods():
        if name == "penstock-flink":
            continue  # the operator's own
        own = [container["securityContext"] for container in pod["containers"]]
        assert pod["automountServiceAccountToken"] is False, name
        assert all(not each["allowPrivilegeEscalation"] and each["capabilities"] == {"drop": ["ALL"]} for each in own)


def test_the_image_copies_what_is_there_and_starts_penstock() -> None:
    build, image = stages((INFRA / "Dockerfile").read_text())
    for step in (*build.steps, *image.steps):
        if step.word == "COPY":
            stage, sources, _ = copied(step)
            assert stage == build.name or all((ROOT / source).exists() for source in sources), step
    (start,) = (step.rest for step in image.steps if step.word == "ENTRYPOINT")
    assert json.loads(start) == ["/opt/penstock/bin/penstock"]
    (user,) = (step.rest for step in image.steps if step.word == "USER")
    assert shlex.split(user) == ["penstock"]
