"""Pictures of how cost grows. Altair is imported where one is drawn."""

from collections.abc import Callable
from typing import Any

from benches.report import Table

SIZE = {"width": 460, "height": 260}


def tasks(table: Table) -> Any:
    return lines(table, "tasks", ["learning it", "the rest"], "seconds a task")


def examples(table: Table) -> Any:
    return lines(table, "examples", ["an example", "plain loop"], "microseconds an example", log="x")


def parameters(table: Table) -> Any:
    return lines(table, "parameters", ["step", "plain loop"], "milliseconds a step", log="xy")


CHARTS: dict[str, Callable[[Table], Any]] = {"tasks": tasks, "examples": examples, "parameters": parameters}
"""The tables that are drawn, by name."""

NAMES = {"an example": "Forgetless", "step": "Forgetless"}
"""What a column is called in a picture, where that differs."""


def lines(table: Table, x: str, columns: list[str], title: str, *, log: str = "") -> Any:
    """Some columns of a table as lines over another one; the axes of `log` are logarithmic."""
    import altair

    points = [
        {"x": place, "y": value, "what": NAMES.get(column, column)}
        for column in columns
        for place, value in zip(table.column(x), table.column(column), strict=True)
    ]
    names = [NAMES.get(column, column) for column in columns]
    axis = altair.Axis(format="~s", labelOverlap=True)
    scales = {
        name: altair.Scale(type="log", nice=False) if name in log else altair.Scale(zero=True) for name in ("x", "y")
    }
    return (
        altair.Chart(altair.Data(values=points))
        .mark_line(point=True)
        .encode(
            x=altair.X("x:Q", title=x, scale=scales["x"], axis=axis),
            y=altair.Y("y:Q", title=title, scale=scales["y"]),
            color=altair.Color("what:N", title=None, sort=names, legend=altair.Legend(orient="top")),
        )
        .properties(**SIZE)
        .configure(background="white")
    )


def draw(table: Table) -> str:
    """The picture of a table, as SVG."""
    import vl_convert

    return vl_convert.vegalite_to_svg(CHARTS[table.name](table).to_json())
