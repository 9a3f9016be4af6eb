"""Runs on Weights & Biases: losses, the accuracy matrix as it grows, and the record's numbers at the end."""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmark.observers.observer import Observer, Step
from benchmark.record import RunRecord
from benchmark.spec import RunSpec

if TYPE_CHECKING:
    import wandb

POINTS = 500
"""About how many losses of a task are logged at most; each is the mean over the steps since the last."""

PICTURES = 25
"""About how many times a run the matrix is logged as a table and a picture at most."""

MANY = 50
"""Of more tasks than this only so many have a curve, and the matrix is a picture without numbers and no table:
what is sent, and what a browser has to show, would grow with the square of the tasks. The record has it all."""

PATIENCE = 30.0
"""Seconds that wandb may take to begin a run, and to send what is left at its end."""


class WandbObserver(Observer):
    """Logs a run to Weights & Biases. Where it goes is wandb's own business (WANDB_MODE and the like).

    Losses are drawn against the steps of the run ("train/step"), accuracies against the tasks learned
    ("task", 0 before the first). Runs of one entry share a group.

    Args:
        directory: where wandb keeps its files, in a folder `wandb`.
        project: of wandb.
    """

    def __init__(self, directory: Path, *, project: str = "forgetless") -> None:
        self.directory = directory
        self.project = project
        self._run: wandb.Run | None = None
        self._tasks: list[str] = []
        self._rows: dict[int, Sequence[float | None]] = {}
        self._losses: list[float] = []
        self._last: Step | None = None

    def run_started(self, spec: RunSpec, tasks: Sequence[str]) -> None:
        import wandb

        self._tasks = [f"{number}: {name}" for number, name in enumerate(tasks, 1)]
        self._rows, self._losses, self._last = {}, [], None
        self.directory.mkdir(parents=True, exist_ok=True)
        # Quiet, because standard output is the result's; impatient, because a run must not wait for a
        # network that is not there; "create_new", because one process may have several runs under way.
        wishes: dict[str, Any] = {
            "silent": True,
            "console": "off",
            "reinit": "create_new",
            "init_timeout": PATIENCE,
            "finish_timeout": PATIENCE,
        }
        known = wandb.Settings.model_fields  # an older wandb knows no finish_timeout
        settings = wandb.Settings(**{name: value for name, value in wishes.items() if name in known})
        wandb.setup(settings)  # before init, whose login would say whose key it found
        run = wandb.init(
            project=self.project,
            dir=self.directory,
            config=spec.model_dump(mode="json"),
            group=f"{spec.strategy}-{spec.group}",
            name=f"{spec.strategy}-seed{spec.seeds.init}",
            job_type=spec.scenario,
            settings=settings,
        )
        run.define_metric("train/*", step_metric="train/step")
        run.define_metric("accuracy/*", step_metric="task")
        run.define_metric("matrix/*", step_metric="task")
        self._run = run

    def stepped(self, step: Step) -> None:
        self._losses.extend(step.losses)
        self._last = step
        if len(self._losses) >= step.steps / POINTS:
            self._log_losses()

    def evaluated(self, task: int, accuracy: Sequence[float | None]) -> None:
        import wandb

        if self._run is None:
            return
        self._log_losses()
        self._rows[task] = accuracy
        curves = range(0, len(accuracy), ceil(len(accuracy) / MANY))
        values: dict[str, Any] = {
            f"accuracy/task_{index + 1}": accuracy[index] for index in curves if accuracy[index] is not None
        }
        if seen := [value for value in accuracy[:task] if value is not None]:
            values["accuracy/seen"] = fmean(seen)
        if task % ceil(len(self._tasks) / PICTURES) == 0 or task == len(self._tasks):
            if len(self._tasks) <= MANY:
                values["matrix/table"] = wandb.Table(
                    columns=["after", *self._tasks],
                    data=[[_after(row, self._tasks), *self._rows[row]] for row in sorted(self._rows)],
                )
                picture = heat_map(self._rows, self._tasks)
            else:
                picture = plain_heat_map(self._rows, len(self._tasks))
            values["matrix/heat_map"] = wandb.Image(picture, caption=CAPTION)
        self._run.log({"task": task, **values})

    def run_ended(self, record: RunRecord) -> None:
        if self._run is None:
            return
        self._log_losses()
        run, self._run = self._run, None
        try:
            for name, value in _summary(record).items():
                run.summary[name] = value
        finally:
            run.finish(exit_code=1 if record.status == "failed" else 0)

    def _log_losses(self) -> None:
        if self._run is not None and self._last is not None and self._losses:
            self._run.log(
                {
                    "train/loss": fmean(self._losses),
                    "train/task": self._last.task,
                    "train/step": self._last.total_steps,
                }
            )
            self._losses.clear()


def _summary(record: RunRecord) -> dict[str, Any]:
    """How a run ended, its metrics, and its costs: sums over the tasks, sizes as after the last."""
    values: dict[str, Any] = {"status": record.status, "reason": record.reason, **record.metrics}
    for name in ("seconds", "steps", "examples_forward", "examples_backward"):
        values[f"costs/{name}"] = sum(getattr(costs, name) for costs in record.costs)
    for name in ("bytes_remembered", "parameters"):
        values[f"costs/{name}"] = getattr(record.costs[-1], name) if record.costs else None
    return {name: value for name, value in values.items() if value is not None}


def _after(task: int, tasks: Sequence[str]) -> str:
    return tasks[task - 1] if task else "before"


# The heat map: accuracies in per cent, a row after each task and a column a task, blank where none is known.

CORNER = "after \\ on"
CAPTION = "accuracy in %, after the task of the row, on the task of the column"

COLOURS = ((247, 251, 255), (158, 202, 225), (66, 146, 198), (8, 81, 156), (8, 48, 107))
"""From 0 to 100 %: light to dark blue, so that the picture also reads in grey."""

INK, FAINT, PAPER, FRAME = (40, 44, 52), (222, 226, 232), (255, 255, 255), (240, 140, 40)


def heat_map(rows: Mapping[int, Sequence[float | None]], tasks: Sequence[str]) -> Image.Image:
    """A picture of the accuracy matrix so far; cells right after learning their task have a frame.

    Args:
        rows: accuracies, by the number of the task after which they hold (0: before any); None on tasks that
            were not evaluated.
        tasks: names of the tasks. Columns are too narrow for names: they have the number that the row has.
    """
    width = min(72, max(36, 1200 // len(tasks)))
    height = width * 2 // 3
    size = width // 3
    font = ImageFont.load_default(size)
    labels = [_shortened(_after(row, tasks)) for row in range(len(tasks) + 1)]
    left = 2 * size + round(max(font.getlength(label) for label in [CORNER, *labels]))
    top = 5 * size // 2
    picture = Image.new("RGB", (left + len(tasks) * width + size, top + len(labels) * height + size), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((left - size // 2, top - size), CORNER, INK, font, anchor="rm")
    for column in range(len(tasks)):
        draw.text((left + (column + 0.5) * width, top - size), str(column + 1), INK, font, anchor="mm")
    for row, label in enumerate(labels):
        middle = top + (row + 0.5) * height
        draw.text((left - size // 2, middle), label, INK, font, anchor="rm")
        for column in range(len(tasks)):
            x, y = left + column * width, top + row * height
            box = (x, y, x + width - 2, y + height - 2)
            value = rows[row][column] if row in rows else None
            if value is None:
                draw.rectangle(box, outline=FAINT)
                continue
            draw.rectangle(box, _colour(value), FRAME if row == column + 1 else None, size // 8)
            ink = PAPER if value > 0.5 else INK
            draw.text((x + width / 2 - 1, middle - 1), f"{value:.0%}"[:-1], ink, font, anchor="mm")
    return picture


def plain_heat_map(rows: Mapping[int, Sequence[float | None]], tasks: int) -> Image.Image:
    """A picture of the accuracy matrix of many tasks: a few pixels a cell, no text. Arguments as of `heat_map`."""
    matrix = np.full((tasks + 1, tasks), np.nan)
    for row, accuracy in rows.items():
        matrix[row] = np.array(accuracy, dtype=np.float64)
    places = np.linspace(0, 1, len(COLOURS))
    channels = [np.interp(matrix, places, channel) for channel in zip(*COLOURS, strict=True)]
    pixels = np.where(np.isnan(matrix)[..., None], PAPER, np.stack(channels, axis=-1)).round().astype(np.uint8)
    return Image.fromarray(np.kron(pixels, np.ones((max(1, 1000 // tasks),) * 2 + (1,), np.uint8)))


def _colour(value: float) -> tuple[int, ...]:
    """Between the colours nearest to an accuracy, in proportion."""
    place = min(max(value, 0.0), 1.0) * (len(COLOURS) - 1)
    below = min(int(place), len(COLOURS) - 2)
    return tuple(round(a + (b - a) * (place - below)) for a, b in zip(COLOURS[below], COLOURS[below + 1], strict=True))


def _shortened(label: str, longest: int = 24) -> str:
    return label if len(label) <= longest else f"{label[: longest - 1]}…"
