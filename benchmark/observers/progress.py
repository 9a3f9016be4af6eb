"""Progress of one or several runs, live on a terminal; fed by events, so that runs elsewhere show too."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from benchmark.observers.observer import Observer, Step
from benchmark.record import RunRecord
from benchmark.spec import RunSpec

EVERY = 0.25
"""Seconds between two drawings of the display, and between two reports of a run's steps."""


@dataclass(frozen=True)
class Event:
    """Something that happened in a run: small, and plain enough to travel between processes.

    Attributes:
        run: which run, by a key of its own.
    """

    run: str


@dataclass(frozen=True)
class Started(Event):
    """A run of so many tasks began."""

    label: str
    tasks: int


@dataclass(frozen=True)
class Stepped(Event):
    """Steps were taken in a task; both count from 1."""

    task: int
    step: int
    steps: int


@dataclass(frozen=True)
class Evaluated(Event):
    """Tasks were evaluated: the mean accuracy on those of them that were seen."""

    accuracy: float


@dataclass(frozen=True)
class Ended(Event):
    """A run ended, with the status and the reason of its record; `label` names one that never began."""

    status: str
    reason: str | None
    label: str | None = None


class EventObserver(Observer):
    """Turns what a run tells into events, few enough to send between processes.

    Args:
        send: is given each event: `Progress.apply`, or the way to a process that calls it.
        run_key: what tells this run from the others.
        label: what it is called on the display; its strategy and seed where nothing else is given.
    """

    def __init__(self, send: Callable[[Event], Any], run_key: str, label: str | None = None) -> None:
        self.send = send
        self.run_key = run_key
        self.label = label
        self._next = 0.0

    def run_started(self, spec: RunSpec, tasks: Sequence[str]) -> None:
        label = self.label or f"{spec.strategy} seed {spec.seeds.init}"
        self.send(Started(self.run_key, label, len(tasks)))

    def stepped(self, step: Step) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            self.send(Stepped(self.run_key, step.task, step.step, step.steps))

    def evaluated(self, task: int, accuracy: Sequence[float | None]) -> None:
        if seen := [value for value in accuracy[:task] if value is not None]:
            self.send(Evaluated(self.run_key, fmean(seen)))

    def run_ended(self, record: RunRecord) -> None:
        self.send(Ended(self.run_key, record.status, record.reason))


@dataclass
class _Run:
    """What the display knows of a run that has not ended."""

    label: str
    tasks: int
    started: float
    task: int = 1
    step: int = 0
    steps: int = 0
    accuracy: float | None = None

    @property
    def share(self) -> float:
        """How much of the run is done, taking every task to be as long as the others."""
        within = min(self.step / self.steps, 1.0) if self.steps else 0.0
        return (self.task - 1 + within) / max(self.tasks, 1)


class Progress:
    """The display, while it is entered: a line for each running run, and one for all of them together.

    A run that ends leaves one line behind. Where there is no interactive terminal those lines are all.
    Events may be applied from any thread; they only note what happened, and a thread of the display draws
    it a few times a second.

    Args:
        total: how many runs there will be.
        quiet: print nothing at all.
        console: where to draw; standard error by default, so that standard output stays the result's.
    """

    def __init__(self, total: int, *, quiet: bool = False, console: Console | None = None) -> None:
        self.total = total
        self.quiet = quiet
        self.console = console or Console(stderr=True)
        self._runs: dict[str, _Run] = {}
        self._ended = 0
        self._observers = 0
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._live = Live(
            console=self.console,
            get_renderable=self._display,
            refresh_per_second=1 / EVERY,
            transient=True,
            redirect_stdout=False,
        )
        self._drawn = self.console.is_interactive and not quiet

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        if self._drawn:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._live.stop()

    def observer(self, label: str | None = None) -> Observer:
        """An observer of one more run in this process."""
        self._observers += 1
        return EventObserver(self.apply, f"run {self._observers} of this process", label)

    def note(self, text: str | None) -> None:
        """Print a line for people, if there is one."""
        if text and not self.quiet:
            self.console.print(Text(text, style="dim"), soft_wrap=True)

    def apply(self, event: Event) -> None:
        """Take note of an event, of whichever process."""
        now = time.monotonic()
        line: Text | None = None
        with self._lock:
            run = self._runs.get(event.run)
            match event:
                case Started(key, label, tasks):
                    self._runs[key] = _Run(label, tasks, now)
                case Stepped(_, task, step, steps) if run:
                    run.task, run.step, run.steps = task, step, steps
                case Evaluated(_, accuracy) if run:
                    run.accuracy = accuracy
                case Ended(key, status, reason, label):
                    self._ended += 1
                    self._runs.pop(key, None)
                    line = _last_words(run or _Run(label or key, 0, now), now, status, reason)
        if line is not None and not self.quiet:
            # Outside the lock: to print, the console draws the display anew.
            self.console.print(line, soft_wrap=True)

    def _display(self) -> RenderableType:
        now = time.monotonic()
        rows = Table.grid(padding=(0, 2))
        rows.add_column(no_wrap=True)
        rows.add_column(no_wrap=True)
        rows.add_column(no_wrap=True)
        rows.add_column(max_width=20)  # the bars: what gives way on a narrow terminal
        rows.add_column(no_wrap=True, justify="right")
        rows.add_column(no_wrap=True, style="dim")
        with self._lock:
            for run in self._runs.values():
                rows.add_row(
                    Text(run.label, style="bold"),
                    f"task {run.task}/{run.tasks}",
                    f"step {run.step}/{run.steps}",
                    ProgressBar(total=1.0, completed=run.share),
                    "" if run.accuracy is None else f"accuracy {run.accuracy:.1%}",
                    _times(now - run.started, run.share),
                )
            done = self._ended + sum(run.share for run in self._runs.values())
            ended = self._ended
        share = min(done / self.total, 1.0) if self.total else 1.0
        rows.add_row(
            Text("all", style="bold"),
            f"runs {ended}/{self.total}",
            "",
            ProgressBar(total=1.0, completed=share),
            "",
            _times(now - self._started, share),
        )
        return Group(rows)


def _last_words(run: _Run, now: float, status: str, reason: str | None) -> Text:
    """The line that a run leaves behind."""
    colour = {"completed": "green", "diverged": "yellow"}.get(status, "red")
    line = Text.assemble((run.label, "bold"), " ", (status, colour))
    if run.accuracy is not None:
        line.append(f", accuracy {run.accuracy:.1%}")
    line.append(f", {_clock(now - run.started)}")
    if reason:
        line.append(f": {reason}")
    return line


def _times(elapsed: float, share: float) -> str:
    """Time gone by, and what is left if the rest goes on as fast."""
    if share <= 0 or elapsed < 1:
        return _clock(elapsed)
    return f"{_clock(elapsed)}, {_clock(elapsed * (1 - share) / share)} left"


def _clock(seconds: float) -> str:
    """Seconds as 0:07, 12:30 or 3:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
