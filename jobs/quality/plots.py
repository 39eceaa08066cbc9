"""The plots of a quality page, as HTML that needs plotly.js beside it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import plotly.graph_objects as go

from penstock.jobs.pages.page import plot
from penstock.jobs.quality.comparison import Comparison
from penstock.jobs.quality.report import Part, Report
from penstock.jobs.training.report.plots import words

#: Told apart by people who see few colours, too (Okabe and Ito).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: Points of a sequence that are drawn.
POINTS = 500


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def over_time(report: Report) -> str:
    """The main metric of each version, at the beginning of each step."""
    figure = go.Figure()
    for place, version in enumerate(report.versions):
        points = [
            (_time(cell.hour), score.metrics[report.main], score.labelled)
            for cell, score in report.over_time.items()
            if cell.version == version and score.labelled
        ]
        times, values, labels = zip(*points, strict=True) if points else ((), (), ())
        figure.add_scatter(
            name=version, x=times, y=values, text=labels, mode="lines+markers", line_color=COLORS[place % len(COLORS)]
        )
        figure.update_traces(hovertemplate="%{x}<br>%{y:.6g} of %{text} labels")
    figure.update_layout(height=360, yaxis_title=report.main, yaxis_rangemode="tozero")
    return plot(figure, "over-time")


def awaited(report: Report) -> str:
    """The share of predictions whose label has come, over time."""
    figure = go.Figure()
    for place, version in enumerate(report.versions):
        cells = [(cell, score) for cell, score in report.over_time.items() if cell.version == version]
        shares = [score.labelled / score.predictions for _, score in cells]
        figure.add_scatter(
            name=version,
            x=[_time(cell.hour) for cell, _ in cells],
            y=shares,
            mode="lines",
            line_color=COLORS[place % len(COLORS)],
        )
    figure.update_layout(height=240, yaxis_title="share with a label", yaxis_range=[0, 1.05])
    return plot(figure, "with-label")


def sequence(found: Comparison, id: str) -> str:
    """The mean difference and its bounds, by the labels that came."""
    drawn = np.unique(np.linspace(0, len(found.sequence.labels) - 1, POINTS).astype(np.int64))
    labels = found.sequence.labels[drawn]
    figure = go.Figure()
    for name, values in (("low", found.sequence.low), ("high", found.sequence.high)):
        fill = "tonexty" if name == "high" else None
        figure.add_scatter(
            x=labels, y=values[drawn], mode="lines", line_color="#56B4E9", fill=fill, showlegend=False, name=name
        )
    figure.add_scatter(x=labels, y=found.sequence.mean[drawn], mode="lines", line_color=COLORS[0], name="mean")
    figure.add_hline(y=0, line_dash="dot", line_color="#999999")
    figure.update_layout(height=300, xaxis_title="labels", yaxis_title=f"difference of {found.loss}")
    return plot(figure, id, legend=False)


def by_slice(parts: dict[str, list[Part]], main: str, id: str) -> str:
    """The main metric of each part, of each version."""
    names = list(dict.fromkeys(part.value for each in parts.values() for part in each))
    figure = go.Figure()
    for place, (version, its) in enumerate(parts.items()):
        figure.add_bar(
            name=version,
            x=[part.metrics[main] for part in its],
            y=[names.index(part.value) for part in its],
            orientation="h",
            marker_color=COLORS[place % len(COLORS)],
        )
    figure.update_layout(barmode="group", height=26 * len(names) * max(1, len(parts)) + 110, xaxis_rangemode="tozero")
    figure.update_yaxes(
        automargin=True, tickvals=list(range(len(names))), ticktext=[words(n) for n in names], autorange="reversed"
    )
    return plot(figure, id)
