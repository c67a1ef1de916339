"""Plots for ``perf/results``: the same figures give the same SVG, byte for byte.

``new_figure`` gives axes side by side, ``label`` names them, ``draw_lines`` fills them, ``save_svg`` writes the file.
matplotlib, which only the environment of tests and benches has, is imported when a plot is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from limner.errors import LimnerError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's, told apart with any kind of colour blindness; without yellow, which is too pale for lines."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", ":", "-.")
MOST_BYTES = 200_000
"""Of a plot that is kept in the repository."""

Points = Sequence[tuple[float, float]]

_STYLE = {
    "svg.hashsalt": "limner",  # names inside the file; random otherwise
    "svg.fonttype": "none",  # text stays text: small, and can be searched
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # matplotlib's own, so that sizes do not depend on the machine
}


def new_figure(panels: int = 1, width: float = 5.5, height: float = 4.0) -> tuple[Figure, list[Axes]]:
    """A figure with ``panels`` axes side by side, each ``width`` × ``height`` inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - not in every environment
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width * panels, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def label(axes: Axes, title: str, x: str, y: str) -> None:
    """Name axes, with their units, and lay a light grid behind what is drawn."""
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def draw_lines(axes: Axes, series: Mapping[str, Points], *, logarithmic: bool = False, legend: bool = True) -> None:
    """One line a name, told apart by colour, marker and dashes. A name may have no points.

    ``y`` starts at 0 where it is not ``logarithmic``. Without ``legend``, :func:`legend_below` says what is what.
    """
    for number, (name, points) in enumerate(series.items()):
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            label=name,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            linestyle=DASHES[number // len(COLOURS) % len(DASHES)],
            markersize=5,
            linewidth=1.6,
        )
    if logarithmic:
        from matplotlib.ticker import LogLocator, NullLocator  # noqa: PLC0415 - not in every environment

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    else:
        axes.set_ylim(bottom=0)
    if series and legend:
        axes.legend(frameon=False, fontsize="small")


def legend_below(figure: Figure, columns: int = 2) -> None:
    """One legend for panels that show the same series, under them."""
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize="small")


def save_svg(figure: Figure, path: Path) -> None:
    """Write the figure, without a date.

    Raises:
        LimnerError: it has more than ``MOST_BYTES``.
    """
    import matplotlib  # noqa: PLC0415 - not in every environment

    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(_STYLE):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    if (size := path.stat().st_size) > MOST_BYTES:
        raise LimnerError(f"{path.name} has {size} bytes, more than {MOST_BYTES}: draw fewer points.")
