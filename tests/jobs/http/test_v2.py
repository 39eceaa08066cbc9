"""The Open Inference Protocol, asked by a stock client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from penstock.jobs.project.project import Project
from tests.jobs.http.serving import Server, order

DATATYPES = {"int64": "INT64", "timestamp": "INT64", "float64": "FP64", "bool": "BOOL", "string": "BYTES"}


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}", network_timeout=60) as stock:
        yield stock


def tensors(project: Project, orders: list[dict[str, Any]], binary: bool) -> list[Any]:
    made = []
    for column in project.model("cost").model_plan.on.columns:
        name, datatype = str(column.name), DATATYPES[column.type]
        values = [each[name] for each in orders]
        array = np.array(values, dtype=object if datatype == "BYTES" else None)
        tensor = triton.InferInput(name, list(array.shape), datatype)
        made.append(tensor.set_data_from_numpy(array, binary_data=binary))
    return made


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
def test_a_stock_client_gets_the_bits_of_the_own_json(shop: Project, server: Server, client: Any, binary: bool) -> None:
    orders = [order(number) for number in range(40)]
    own = [each["value"] for each in server.ask("/models/cost/predict", orders).json]
    asked = [triton.InferRequestedOutput("value", binary_data=False)] if not binary else None
    result = client.infer("cost", tensors(shop, orders, binary), outputs=asked, request_id="seven")
    assert result.as_numpy("value").tobytes() == np.array(own).tobytes()
    response = result.get_response()
    version = client.get_model_metadata("cost")["versions"][0]
    assert (response["id"], response["model_name"], response["model_version"]) == ("seven", "cost", version)
    again = client.infer("cost", tensors(shop, orders[:3], binary), model_version=version)
    assert again.as_numpy("value").tolist() == own[:3]


def test_a_stock_client_finds_the_server_and_its_models_ready(shop: Project, client: Any) -> None:
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("cost")
    assert not client.is_model_ready("none") and not client.is_model_ready("cost", "1")
    assert client.get_server_metadata()["name"] == "penstock"
    described = client.get_model_metadata("cost")
    assert {each["name"]: each["datatype"] for each in described["inputs"]} == {
        str(column.name): DATATYPES[column.type] for column in shop.model("cost").model_plan.on.columns
    }
    assert described["outputs"] == [{"name": "value", "datatype": "FP64", "shape": [-1]}]


def test_a_column_that_is_absent_or_nan_is_null(server: Server) -> None:
    own = [each["value"] for each in server.ask("/models/cost/predict", [{"ts": 1, "amount": 2.5}, {"ts": 2}]).json]
    times = {"name": "ts", "shape": [2, 1], "datatype": "INT64", "data": [[1], [2]]}
    amounts = {"name": "amount", "shape": [2], "datatype": "FP64", "data": [2.5, None]}
    answer = server.ask("/v2/models/cost/infer", {"inputs": [times, amounts]}).json
    assert answer["outputs"] == [{"name": "value", "datatype": "FP64", "shape": [2], "data": own}]
    raw = triton.InferInput("amount", [2], "FP64").set_data_from_numpy(np.array([2.5, np.nan]))
    time = triton.InferInput("ts", [2], "INT64").set_data_from_numpy(np.array([1, 2]))
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}", network_timeout=60) as client:
        assert client.infer("cost", [time, raw]).as_numpy("value").tolist() == own


def test_a_wrong_tensor_is_told_as_the_protocol_wants_it(server: Server, client: Any) -> None:
    time = {"name": "ts", "shape": [1], "datatype": "INT64", "data": [1]}

    def refused(*inputs: Any, **more: Any) -> str:
        answer = server.ask("/v2/models/cost/infer", {"inputs": list(inputs), **more})
        assert answer.status == 400
        return str(answer.json["error"])

    assert "there are no inputs" in refused()
    assert "did you mean 'amount'?" in refused({**time, "name": "amout"})
    assert "FP64 is no datatype for timestamp" in refused({**time, "datatype": "FP64"})
    assert "allowed: [n] or [n, 1]" in refused({**time, "shape": [1, 2]})
    assert "2 values, and the shape says 1" in refused({**time, "data": [1, 2]})
    assert "different lengths" in refused(time, {"name": "amount", "shape": [2], "datatype": "FP64", "data": [1, 2]})
    assert "allowed: outputs named value" in refused(time, outputs=[{"name": "price"}])
    cut = {"name": "city", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 2}}
    assert "the body ends 2 bytes too soon" in refused(cut)
    head = orjson.dumps({"inputs": [cut]})
    short = server.ask(
        "/v2/models/cost/infer", head + b"xx", headers={"Inference-Header-Content-Length": f"{len(head)}"}
    )
    assert (short.status, "the bytes are not BYTES" in short.json["error"]) == (400, True)
    over = server.ask(
        "/v2/models/cost/infer", head + b"xxx", headers={"Inference-Header-Content-Length": f"{len(head)}"}
    )
    assert over.status == 400
    assert server.ask("/v2/models/cost/infer", b"{}", headers={"Inference-Header-Content-Length": "x"}).status == 400
    late = triton.InferInput("ts", [1], "INT64").set_data_from_numpy(np.array([10**18]))
    with pytest.raises(InferenceServerException, match=r"(?s)out of range.*where: request 0 of the array.*allowed: "):
        client.infer("cost", [late])
    with pytest.raises(InferenceServerException, match="allowed: cost"):
        client.infer("none", [late])
