"""The plots of a drift page, as HTML that needs plotly.js beside it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import plotly.graph_objects as go

from penstock.jobs.drift.windows import FeatureDrift, VersionDrift
from penstock.jobs.pages.page import plot
from penstock.jobs.training.report.plots import words

#: Told apart by people who see few colours, too (Okabe and Ito).
NOW, THEN, ALARM = "#0072B2", "#999999", "#D55E00"
#: Texts that are drawn.
MOST = 40


def over_time(found: VersionDrift, feature: FeatureDrift, id: str) -> str:
    """The index of each window, and the limit."""
    windows = found.windows_of(feature)
    times = [datetime.fromtimestamp(ms / 1000, UTC) for ms in windows.from_ms.tolist()]
    figure = go.Figure()
    figure.add_scatter(x=times, y=feature.psi, mode="lines", line_color=NOW, name="index of a window")
    places = feature.alarms.tolist()
    figure.add_scatter(
        x=[times[place] for place in places],
        y=feature.psi[places],
        mode="markers",
        marker_color=ALARM,
        name="alarm",
    )
    if np.isfinite(feature.limit):
        line = {"color": ALARM, "dash": "dot"}
        figure.add_scatter(x=times, y=feature.limits, mode="lines", line=line, name="limit")
    figure.update_layout(height=220, yaxis_title="index", yaxis_rangemode="tozero")
    return plot(figure, id, legend=False)


def shares(feature: FeatureDrift, id: str) -> str:
    """Of numbers the share up to each threshold, of texts the share of each: now and in training."""
    figure = go.Figure()
    each = (("training", THEN, feature.trained_counts), ("now", NOW, feature.counts))
    for name, color, counts in each:
        if feature.feature.bins.text:
            names = [*map(words, feature.feature.categories[:MOST]), "any other", "null"]
            chosen = np.concatenate([counts[: min(MOST, len(counts) - 2)], counts[-2:]])
            figure.add_bar(name=name, x=names, y=chosen / counts.sum(), marker_color=color)
        else:
            known = max(1, int(counts[:-1].sum()))
            edges, up_to = feature.feature.edges, np.cumsum(counts[:-1])[:-1] / known
            figure.add_scatter(name=name, x=edges, y=up_to, mode="lines", line={"color": color, "shape": "hv"})
    figure.update_layout(
        height=220, yaxis_title="share" if feature.feature.bins.text else "share up to", barmode="group"
    )
    return plot(figure, id)
