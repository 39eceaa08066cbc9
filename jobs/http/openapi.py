"""The OpenAPI document of a server: from the plans of its models, with examples from history."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import duckdb
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from penstock.features.compilers.duckdb.events import source_query
from penstock.features.compilers.duckdb.types import quote
from penstock.features.dimensions import dimensions
from penstock.features.errors import PenstockError
from penstock.features.plan import ColumnPlan
from penstock.jobs.batch.database import explained, prepare
from penstock.jobs.batch.history import history_files, read_history
from penstock.jobs.batch.lines import is_lines
from penstock.jobs.http.answering import Answering
from penstock.jobs.http.version import WITH_VECTOR
from penstock.jobs.project.project import Project

_TYPES: dict[str, dict[str, Any]] = {
    "int64": {"type": "integer", "format": "int64"},
    "float64": {"type": "number", "format": "double"},
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "timestamp": {"type": "integer", "format": "int64", "description": "milliseconds since the epoch, UTC"},
}


def _type(name: str) -> dict[str, Any]:
    """Of a value, or of a table's vector."""
    size = dimensions(name)
    if size is None:
        return _TYPES[name]
    return {"type": "array", "items": {"type": "number", "format": "float"}, "minItems": size, "maxItems": size}


_CLOCK = {"type": ["integer", "null"], "format": "int64"}
_TEXT = {"type": "string"}


def openapi_of(app: FastAPI, project: Project, models: Mapping[str, Answering]) -> dict[str, Any]:
    """The document: the application's own addresses, and one to predict for each model."""
    document = get_openapi(
        title=f"{project.config.project}: predictions", version=version("penstock"), routes=app.routes
    )
    for name, model in models.items():
        document["paths"][f"/models/{name}/predict"] = {"post": _operation(project, name, model)}
    return document


def _operation(project: Project, name: str, model: Answering) -> dict[str, Any]:
    request = request_schema(model)
    if (example := history_example(project, model)) is not None:
        request["examples"] = [example]
    answer = answer_schema(model)
    return {
        "operationId": f"predict_{name}",
        "summary": f"Predictions of {name}, one or many",
        "parameters": [
            {
                "name": "vector",
                "in": "query",
                "schema": {"type": "boolean", "default": False},
                "description": "answer with the vector of each request",
            }
        ],
        "requestBody": {"required": True, "content": _json(_one_or_many(request), example)},
        "responses": {
            "200": {"description": "one for each request, in order", "content": _json(_one_or_many(answer), None)},
            "4XX": {"description": "a request that is refused", "content": _json(_ERROR, None)},
            "5XX": {"description": "no answer now", "content": _json(_ERROR, None)},
        },
    }


def request_schema(model: Answering) -> dict[str, Any]:
    """A request: the columns of the model's stream."""
    columns = model.source.columns
    required = [str(c.name) for c in columns if not c.nullable or c.name == model.source.time]
    return {
        "type": "object",
        "properties": {str(column.name): _column(column, str(column.name) in required) for column in columns},
        "required": required,
    }


def answer_schema(model: Answering) -> dict[str, Any]:
    """A prediction."""
    plan, outputs = model.plan, model.version.model.metadata.outputs
    number = {"type": "number", "format": "double"}
    views = {
        item.name: {
            "type": "object",
            "properties": {
                "view": {"const": str(item.view.name)},
                "key": _object({key: _nullable(_TYPES[type]) for key, type in item.schema.key}),
                "t": _CLOCK,
                "seq": _CLOCK,
            },
        }
        for item in model.inputs
    }
    fields: dict[str, Any] = {
        "value": _object(dict.fromkeys(outputs, number)) if outputs else number,
        **dict.fromkeys(("model", "version", "alias", "runtime", "fingerprint"), _TEXT),
        "t": _TYPES["timestamp"],
        "views": _object(views),
        "vector": _object({str(item.name): _nullable(_type(item.type)) for item in plan.vector}),
        "stale": {"type": "boolean"},
        "ahead_ms": _TYPES["int64"],
    }
    if plan.on.id is not None:
        fields["event"] = _nullable(_TYPES[plan.on.column(plan.on.id).type])
    ordered = {name: fields[name] for name in WITH_VECTOR if name in fields}
    return {**_object(ordered), "required": [name for name in ordered if name != "vector"]}


#: A file of lines is read to its end, whatever is wanted of it.
_LINES_BYTES = 10_000_000


def history_example(project: Project, model: Answering) -> dict[str, Any] | None:
    """The first good row of the model's history; None where there is none that can be read soon."""
    source = project.model(str(model.plan.name)).model_plan.on
    columns = [str(column.name) for column in source.columns]
    try:
        file = history_files(source, project.history(source.name))[0]
        with duckdb.connect() as db, explained(f"the history of {source.name}"):
            prepare(db)
            if is_lines(file) and os.path.getsize(file) > _LINES_BYTES:
                return None
            rows = source_query(source, read_history(db, source, [file]), None)
            names = ", ".join(map(quote, columns))
            row = db.execute(f"SELECT {names} FROM ({rows}) WHERE _bad IS NULL LIMIT 1").fetchone()
    except PenstockError:  # a server needs no history
        return None
    return None if row is None else dict(zip(columns, row, strict=True))


def _column(column: ColumnPlan, required: bool) -> dict[str, Any]:
    return _TYPES[column.type] if required else _nullable(_TYPES[column.type])


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _one_or_many(schema: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [schema, {"type": "array", "items": schema}]}


def _json(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    content = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"application/json": content}


_NOTE = {"type": ["string", "null"]}
_MISTAKE = _object(dict.fromkeys(("what", "where", "allowed", "hint"), _NOTE))
_ERROR = _object({"error": _object({**_MISTAKE["properties"], "mistakes": {"type": "array", "items": _MISTAKE}})})
