"""How cost grows with the number of tasks, of examples and of parameters."""

import tempfile
from pathlib import Path
from statistics import median

from benches.report import Cell, Table
from benches.timing import in_turn, ratio
from benches.work import Work, scenario, shortened
from benches.workers import forgetless, plain
from benchmark.record import read_record

TASKS = (10, 50, 100, 200)
EXAMPLES = (500, 1000, 2000, 5000, 10000, 20000, 60000)
HIDDEN = (25, 50, 100, 200, 400, 800, 1600)

ROUNDS = 3
STEPS = 100
"""Of each measurement against the number of parameters."""

TASKS_TEXT = """\
Whole runs of naive training on ever more tasks of `permuted-digits`, one pass over each (130 steps), tested on all
tasks before the first and after each. Learning a task costs the same whatever came before. The rest is mostly the
evaluation: since every row of the matrix covers all tasks, it grows with their number. Each run was made once."""

EXAMPLES_TEXT = """\
One pass over ever more examples of Fashion-MNIST, `mlp:100x100`, batches of 10, against the plain loop."""

PARAMETERS_TEXT = """\
A step of ever wider networks, from `mlp:25x25` to `mlp:1600x1600`, batches of 10, against the plain loop. What a step
costs besides arithmetic shows on the left."""


def measure_tasks() -> Table:
    rows: list[list[Cell]] = []
    for count in (2, *TASKS):  # the first finishes imports, and is not shown
        work = Work(scenario(f"permuted-digits:domain,tasks={count}"), "mlp:100x100", 10)
        with tempfile.TemporaryDirectory() as folder:
            whole, _ = forgetless.whole_run(work, Path(folder))
            learning = sum(cost.seconds for cost in read_record(Path(folder) / "record.json").costs)
        rows.append([count, whole, whole / count, learning / count, (whole - learning) / count])
    columns = {"tasks": "n", "run": "s", "a task": "s", "learning it": "s", "the rest": "s"}
    return Table("tasks", "More tasks", TASKS_TEXT, columns, rows[1:])


def measure_examples() -> Table:
    whole = scenario("permuted-fashion:domain,tasks=1,validation=0")
    rows: list[list[Cell]] = []
    for count in EXAMPLES:
        work = Work(shortened(whole, count, 1), "mlp:100x100", 10)
        ours, theirs = forgetless.first_task(work), plain.first_task(work)
        measured = in_turn({"ours": ours, "plain": theirs}, ROUNDS)
        each = [1e6 * median(measured[name]) / count for name in ("ours", "plain")]
        rows.append([count, median(measured["ours"]), *each, ratio(measured, "ours", "plain")])
    columns = {"examples": "n", "pass": "s", "an example": "µs", "plain loop": "µs", "ratio": "×"}
    return Table("examples", "More examples", EXAMPLES_TEXT, columns, rows)


def measure_parameters() -> Table:
    whole = shortened(scenario("split-fashion:task,validation=0"), 2000, 1)
    rows: list[list[Cell]] = []
    for hidden in HIDDEN:
        work = Work(whole, f"mlp:{hidden}x{hidden}", 10, STEPS)
        measured = in_turn({"ours": forgetless.first_task(work), "plain": plain.first_task(work)}, ROUNDS)
        each = [1000 * median(measured[name]) / STEPS for name in ("ours", "plain")]
        rows.append([work.network, forgetless.parameters(work), *each, ratio(measured, "ours", "plain")])
    columns = {"network": "", "parameters": "n", "step": "ms", "plain loop": "ms", "ratio": "×"}
    return Table("parameters", "More parameters", PARAMETERS_TEXT, columns, rows)
