"""What the charts of the notebooks have in common: drawn offline, in UTC, one colour for one thing."""

import altair as alt
import polars as pl

#: Widths of a chart in pixels: of one on its own, and of one of two side by side.
WIDE, HALF = 760, 330

# Colours that colour-blind people can tell apart (Okabe and Ito).
BLUE, SKY, VERMILION, ORANGE, PURPLE = "#0072B2", "#56B4E9", "#D55E00", "#E69F00", "#CC79A7"

#: How many known durations a percentile needs to say more than which the slowest one was.
ENOUGH = {"p50": 2, "p95": 20, "p99": 100}


def prepare() -> None:
    """Draw pictures without a browser or a network, however many rows a chart has, and give them our look."""
    alt.renderers.enable("png", scale_factor=1.5)
    alt.data_transformers.disable_max_rows()
    alt.theme.register("omninode", enable=True)(_look)


def by_percentile(frame: pl.DataFrame, /) -> pl.DataFrame:
    """Return three rows for each row of statistics: the `seconds` at a `percentile`; `weak`: too few are behind it.

    >>> frame = pl.DataFrame({f"{name}_duration_seconds": [3.5] for name in ENOUGH} | {"duration_n": [50]})
    >>> by_percentile(frame).filter("weak")["percentile"].to_list()
    ['p99']
    """
    columns = {name: f"{name}_duration_seconds" for name in ENOUGH}
    needed = pl.col("percentile").replace_strict(ENOUGH, return_dtype=pl.Int64)
    return _long(frame, columns, name="percentile", value="seconds").with_columns(weak=pl.col("duration_n") < needed)


def utc(unit: str, *, title: str, label: str, ticks: int = 8) -> alt.X:
    """Place marks in the middle of their windows. `unit` is Vega's word for the windows, `label` a d3 time format."""
    time = alt.X(f"utc{unit}(window_start):T").bandPosition(0.5).title(f"{title} (UTC)")
    return time.axis(format=label, labelOverlap=True, labelFlush=False, tickCount=ticks, grid=False)


def seconds() -> alt.Y:
    """Place marks by `seconds`, on a logarithmic scale."""
    steps = [step * 10**power for power in range(-2, 6) for step in (1, 2, 5)]
    scaled = alt.Y("seconds:Q").scale(type="log", nice=False, padding=8)
    return scaled.axis(values=steps, format=",~f").title("seconds (log scale)")


def percent(column: str, title: str) -> alt.Y:
    """Place marks by a share, on a scale that need not begin at zero."""
    return alt.Y(f"{column}:Q").scale(zero=False).axis(format="%").title(title)


def outcome_bars(frame: pl.DataFrame, x: alt.X) -> alt.Chart:
    """Draw how many generations ended in each window, the failed ones on top."""
    columns = {"succeeded": "successful_generations", "failed": "failed_generations"}
    rows = _long(frame, columns, name="outcome", value="generations")
    colour = _colour("outcome", {"succeeded": SKY, "failed": VERMILION})
    order = alt.Order("outcome:N", sort="descending")
    bars: alt.Chart = alt.Chart(rows).mark_bar()
    return bars.encode(x, alt.Y("generations:Q").title("generations ended"), colour, order)


def percentile_lines(frame: pl.DataFrame, x: alt.X) -> alt.LayerChart:
    """Draw a line for each percentile, broken where nothing is known; a weak one has a hollow point."""
    colour = _colour("percentile", {"p50": BLUE, "p95": ORANGE, "p99": PURPLE})
    base = alt.Chart(by_percentile(frame)).encode(x, seconds(), colour)
    strong = base.transform_filter("!datum.weak").mark_circle(opacity=1)
    weak = base.transform_filter("datum.weak").mark_point(opacity=1, fill="white")
    return alt.LayerChart(layer=[base.mark_line(), strong, weak])


def shade(windows: pl.DataFrame, *, title: str) -> alt.Chart:
    """Shade whole windows, as a layer below others; `title` is that of their axis."""
    start = alt.X("window_start:T").scale(type="utc").title(f"{title} (UTC)")
    band: alt.Chart = alt.Chart(windows).mark_rect(color="#888", opacity=0.18)
    return band.encode(start, alt.X2("window_end:T"))


def _colour(column: str, colours: dict[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{column}:N").scale(scale).title(None)


def _long(frame: pl.DataFrame, columns: dict[str, str], *, name: str, value: str) -> pl.DataFrame:
    parts = [
        frame.with_columns(pl.lit(key).alias(name), pl.col(column).alias(value)) for key, column in columns.items()
    ]
    return pl.concat(parts)


@alt.theme.register("omninode", enable=False)
def _look() -> alt.theme.ThemeConfig:
    return {
        "config": {
            "title": {"anchor": "start", "fontSize": 16, "subtitleFontSize": 12, "subtitleColor": "#555", "offset": 12},
            "axis": {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal"},
            "header": {"labelFontSize": 13, "labelFontWeight": "bold", "labelAnchor": "start"},
            "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "orient": "top"},
            "mark": {"color": BLUE},
            "line": {"strokeWidth": 2, "strokeJoin": "round"},
            "point": {"size": 30, "strokeWidth": 1.5},
            "circle": {"size": 36},
            "view": {"stroke": None},
        }
    }
