"""The plots of an audit's page, as HTML that needs plotly.js beside it."""

from __future__ import annotations

from datetime import UTC, datetime

import plotly.graph_objects as go

from penstock.jobs.audit.findings import CAUSES
from penstock.jobs.audit.report import Report
from penstock.jobs.pages.page import plot

#: Told apart by people who see few colours, too (Okabe and Ito); what is a bug is the loudest.
COLORS = dict(zip(CAUSES, ("#CC79A7", "#E69F00", "#009E73", "#999999", "#0072B2", "#56B4E9", "#D55E00"), strict=True))
MOMENT_WORDS = {"at_row": "at the row's own time", "at_request": "at the request's time"}
_LINES = {"at_row": "#D55E00", "at_request": "#0072B2"}

#: Of a feature's row in a plot, and of what stands around them, in pixels.
_ROW, _AROUND = 22, 130


def by_feature(report: Report, moment: str) -> str:
    """Of each feature the share of values that differ, stacked by cause: those that have any, the greatest first."""
    features = sorted((f for f in report.features if getattr(f, moment).count), key=lambda f: getattr(f, moment).count)
    names = [feature.name for feature in features]
    figure = go.Figure()
    for cause in report.causes(moment):
        shares = [getattr(f, moment).by_cause.get(cause, 0) / f.values for f in features]
        figure.add_bar(name=cause, x=shares, y=names, orientation="h", marker_color=COLORS[cause])
    figure.update_layout(barmode="stack", height=_ROW * len(features) + _AROUND, xaxis_tickformat=".2~%")
    figure.update_yaxes(automargin=True, dtick=1)
    return plot(figure, f"by-feature-{moment}")


def over_time(report: Report) -> str:
    """The share of values that differ, by the time of the requests."""
    steps = [step for step in report.steps if step.values]
    times = [datetime.fromtimestamp(step.from_ms / 1000, UTC) for step in steps]
    figure = go.Figure()
    for moment, words in MOMENT_WORDS.items():
        shares = [getattr(step, moment) / step.values for step in steps]
        figure.add_scatter(name=words, x=times, y=shares, mode="lines+markers", line_color=_LINES[moment])
    figure.update_layout(height=320, yaxis_tickformat=".2~%", yaxis_rangemode="tozero")
    return plot(figure, "over-time")
