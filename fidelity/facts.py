"""The collapse of 1989, beside ours: docs/addition-facts.md, made by `python -m fidelity.facts`."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
STRATEGIES = ("naive", "ewc", "hat", "rehearsal", "joint")
SEEDS = 10
PASS = 17
"""Steps of a pass over the facts of a task; joint training takes two of them for a pass over all facts."""
SHOWN = 30
"""Passes over the twos facts that are drawn."""
PAPER = {0: 100, 1: 57, 2: 30}
"""What the paper reports of the ones facts after so many passes over the twos facts, in per cent, by best match."""

PAGE = """# Addition facts, 1989 and now

<!-- Made by `python -m fidelity.facts`: change it there. -->

McCloskey & Cohen (1989) taught a network the ones facts (1+1 … 9+1, 1+2 … 1+9), then the twos facts, as a child would
learn them. It gave catastrophic interference its name. The scenario `addition-facts` is that experiment; the figures
below are means over {seeds} seeds, those in brackets their least and most, by the lenient score: the number whose
pattern is nearest.

![Ones facts while the twos facts are learned](addition-facts.svg)

| ones facts, % | before | after 1 pass over the twos | after 2 | at the end | twos facts at the end, % | passes |
|---|---|---|---|---|---|---|
| McCloskey & Cohen 1989 | 100 | 57 | 30 | about 0 | 100 | – |
{rows}

The paper tells of one network. What it has after one pass is within what the seeds have here; what it has after two
is reached here some passes later.

1+2 and 2+1 are in both sets: with nothing else left of the ones facts, 2 of 17 (11.8 %) are still answered. `joint`
begins anew with all 34 facts, as in the paper's control, where interleaved training learned both; a pass is 17 steps
here too. All facts share the 24 output units, which HAT does not protect: its gates hold the hidden units still, and
it forgets through the output layer, later. Hyper-parameters are the defaults, nothing tuned.

    {command}
"""


def main() -> None:
    """Make the runs, then the page."""
    results = {}
    with TemporaryDirectory() as folder:
        for strategy in STRATEGIES:
            words = ["run", "addition-facts", strategy, "--seeds", str(SEEDS), "--threads", "1", "--jobs", "2"]
            done = subprocess.run(
                [sys.executable, "-m", "forgetless", *words, "--out", folder, "--json", "--quiet"],
                stdout=subprocess.PIPE,
                check=True,
            )
            records = [json.loads(Path(path).read_text()) for path in json.loads(done.stdout)["records"]]
            results[strategy] = summary(records)
    (DOCS / "addition-facts.json").write_text(json.dumps(results, indent=1) + "\n")
    write(results)


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, in per cent: of the curve while the twos facts are learned, and of the end.

    After one pass and after two also the least and the most of all seeds.
    """
    curve: dict[int, list[float]] = defaultdict(list)
    for record in records:
        # A run that has learned the twos facts to criterion stays where it is.
        own = {row["step"] // PASS: row["accuracy"][0] for row in record["anytime"] if row["task"] == 2}
        last = record["accuracy"][2][0]
        curve[0].append(record["accuracy"][1][0])
        for place in range(1, SHOWN + 1):
            curve[place].append(own.get(place, last))
    return {
        "curve": [round(100 * mean(values), 1) for _, values in sorted(curve.items())],
        "spread": [[round(100 * most(curve[place])) for most in (min, max)] for place in (1, 2)],
        "ones": round(100 * mean(record["accuracy"][2][0] for record in records), 1),
        "twos": round(100 * mean(record["accuracy"][2][1] for record in records), 1),
        "passes": round(mean(record["costs"][1]["steps"] / PASS for record in records), 1),
        "seeds": len(records),
    }


def write(results: dict[str, Any]) -> None:
    """The page, and its picture."""
    picture(results, DOCS / "addition-facts.svg")
    rows = [
        f"| {strategy} | {found['curve'][0]} | {' | '.join(map(told, found['curve'][1:3], found['spread']))} | "
        f"{found['ones']} | {found['twos']} | {found['passes']} |"
        for strategy, found in results.items()
    ]
    command = f"forgetless run addition-facts {' '.join(STRATEGIES)} --seeds {SEEDS}"
    page = PAGE.format(seeds=SEEDS, rows="\n".join(rows), command=command)
    (DOCS / "addition-facts.md").write_text(page)


def told(value: float, spread: tuple[int, int]) -> str:
    """A mean, and the least and the most of what it is a mean of."""
    return f"{value} ({spread[0]}–{spread[1]})"


def picture(results: dict[str, Any], path: Path) -> None:
    """Accuracy on the ones facts over passes over the twos facts."""
    import altair as alt

    rows = [
        {"passes": place, "accuracy": value, "who": strategy}
        for strategy, found in results.items()
        for place, value in enumerate(found["curve"])
        if strategy != "joint"
    ]
    paper = [{"passes": place, "accuracy": value, "who": "paper"} for place, value in PAPER.items()]
    x = alt.X("passes:Q", title="passes over the twos facts")
    y = alt.Y("accuracy:Q", title="ones facts right, %", scale=alt.Scale(domain=[0, 100]))
    lines = alt.Chart(alt.Data(values=rows)).mark_line().encode(x=x, y=y, color=alt.Color("who:N", title=None))
    points = alt.Chart(alt.Data(values=paper)).mark_point(size=90, filled=True, color="black", shape="diamond")
    words = alt.Chart(alt.Data(values=paper[1:2])).mark_text(align="left", dx=9, text="McCloskey & Cohen 1989")
    chart = lines + points.encode(x=x, y=y) + words.encode(x=x, y=y)
    chart.properties(width=520, height=280).save(str(path))


if __name__ == "__main__":
    main()
