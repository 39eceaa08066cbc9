"""A page from its own template, which extends ``base.html``, and plots in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
import plotly.io
import plotly.offline

from penstock.features.errors import PenstockError
from penstock.jobs.process.whole_file import write_whole


def render(template: Path, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """The HTML, with plotly.js in it. Texts among the values are escaped; ``number`` is a filter of every page."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"number": "{:,}".format, **filters}
    return templates.get_template(template.name).render(plotly=plotly.offline.get_plotlyjs(), **values)


def write(html: str, file: Path) -> None:
    """Writes a page, whole or not at all. Raises PenstockError when it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, html)
    except OSError as error:
        raise PenstockError(f"the page cannot be written: {error.strerror}", where=str(file)) from None


def plot(figure: go.Figure, id: str, *, legend: bool = True) -> str:
    """A plot as an element of this id."""
    figure.update_layout(
        template="plotly_white",
        margin={"l": 10, "r": 10, "t": 30, "b": 40},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        showlegend=legend,
        font_family="inherit",
    )
    text: str = plotly.io.to_html(
        figure, include_plotlyjs=False, full_html=False, div_id=id, config={"displayModeBar": False, "responsive": True}
    )
    return text
