"""The plots of a report's page, as HTML that needs plotly.js beside it."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import plotly.graph_objects as go

from penstock.jobs.console.visible import one_line
from penstock.jobs.pages.page import plot
from penstock.jobs.training.report.evaluation import Importance, Part
from penstock.jobs.training.train import Fold

#: Told apart by people who see few colours, too (Okabe and Ito).
MODEL, CONSTANT, LOW, HIGH, NULL = "#0072B2", "#999999", "#56B4E9", "#D55E00", "#999999"
#: Features that are drawn, and signs of a text in a plot.
MOST, SIGNS = 20, 40
#: Of a bar, and of what stands around the bars, in pixels.
_ROW, _AROUND = 26, 110


def words(text: str) -> str:
    """A text as plotly shows it and does not read it: short, in one line, without tags."""
    short = one_line(text)
    return html.escape(short if len(short) <= SIGNS else f"{short[: SIGNS - 1]}…")


def by_slice(parts: Sequence[Part], main: str, id: str) -> str:
    """Of each part the main metric, of the model and of the best constant."""
    # numbers, and not texts, tell the parts apart: two long texts may have one beginning
    places, names = list(range(len(parts))), [words(part.value) for part in parts]
    figure = go.Figure()
    figure.add_bar(name="best constant", x=[p.baseline[main] for p in parts], y=places, marker_color=CONSTANT)
    figure.add_bar(name="model", x=[p.metrics[main] for p in parts], y=places, marker_color=MODEL)
    figure.update_traces(orientation="h")
    figure.update_layout(barmode="group", height=2 * _ROW * len(parts) + _AROUND, xaxis_rangemode="tozero")
    figure.update_yaxes(automargin=True, tickvals=places, ticktext=names, autorange="reversed")
    return plot(figure, id)


def calibration(bins: Sequence[tuple[float, float, float]]) -> str:
    """The true share over the mean prediction of each bin, beside the diagonal."""
    figure = go.Figure()
    figure.add_scatter(name="exact", x=[0, 1], y=[0, 1], mode="lines", line={"color": CONSTANT, "dash": "dot"})
    predicted, true = [each[0] for each in bins], [each[1] for each in bins]
    figure.add_scatter(name="model", x=predicted, y=true, mode="lines+markers", line_color=MODEL)
    figure.update_layout(height=380, xaxis_title="mean prediction", yaxis_title="share of true labels")
    return plot(figure, "calibration")


def over_folds(folds: Sequence[Fold], main: str) -> str:
    """The main metric of each fold, at the middle of the time that it was evaluated on."""
    times = [datetime.fromtimestamp(sum(fold.evaluated) / 2000, UTC) for fold in folds]
    figure = go.Figure()
    for name, color, values in (
        ("best constant", CONSTANT, [fold.baseline[main] for fold in folds]),
        ("model", MODEL, [fold.metrics[main] for fold in folds]),
    ):
        figure.add_scatter(name=name, x=times, y=values, mode="lines+markers", line_color=color)
    figure.update_layout(height=320, yaxis_rangemode="tozero")
    return plot(figure, "over-folds")


def importance(features: Sequence[Importance]) -> str:
    """The mean absolute SHAP value of the most important features."""
    first = features[:MOST]
    figure = go.Figure()
    figure.add_bar(x=[f.shap for f in first], y=[words(f.name) for f in first], orientation="h", marker_color=MODEL)
    figure.update_layout(height=_ROW * len(first) + _AROUND)
    figure.update_yaxes(automargin=True, autorange="reversed", dtick=1)
    figure.update_layout(xaxis_title="mean of the absolute SHAP values")
    return plot(figure, "importance", legend=False)


def swarm(features: Sequence[Importance]) -> str:
    """Of the most important features the SHAP value of each drawn row, coloured by the feature's value."""
    first = features[:MOST]
    figure = go.Figure()
    for place, feature in enumerate(first):
        shap = [point[0] for point in feature.points]
        ranks = [None if math.isnan(point[1]) else point[1] for point in feature.points]
        for known, color in ((True, ranks), (False, NULL)):
            rows = [row for row, rank in enumerate(ranks) if (rank is not None) is known]
            marker: dict[str, Any] = {"size": 4, "color": [ranks[row] for row in rows] if known else color}
            marker |= {"colorscale": [[0, LOW], [1, HIGH]], "cmin": 0, "cmax": 1} if known else {}
            heights = [place + _spread(row) for row in rows]
            figure.add_scatter(x=[shap[row] for row in rows], y=heights, mode="markers", marker=marker)
    names = [words(feature.name) for feature in first]
    figure.update_layout(height=_ROW * len(first) + _AROUND, xaxis_title="SHAP value")
    figure.update_yaxes(automargin=True, tickvals=list(range(len(first))), ticktext=names, autorange="reversed")
    return plot(figure, "swarm", legend=False)


def _spread(row: int) -> float:
    """Between -0.35 and 0.35: points of one value stand beside each other, in every report in the same way."""
    return 0.7 * float(np.modf(row * 0.6180339887)[0]) - 0.35
