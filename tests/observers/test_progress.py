"""The progress display: what it shows, where, and how little it asks for."""

import pickle
import time
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from benchmark.observers import progress
from benchmark.observers.observer import Step
from benchmark.observers.progress import Ended, Evaluated, Event, EventObserver, Progress, Started, Stepped
from benchmark.spec import RunSpec, Seeds

SPEC = RunSpec(scenario="split-digits:class", strategy="ewc", network="mlp", epochs=1, seeds=Seeds(init=3, order=3))


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine; tests about time set their own."""
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: 0.0))


def terminal(width: int = 110) -> Console:
    return Console(file=StringIO(), force_terminal=True, force_interactive=True, width=width, color_system=None)


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def shown(display: Progress) -> list[str]:
    """The display as it would be drawn now, line by line."""
    console = terminal(display.console.width)
    console.print(display._display())
    return [" ".join(line.split()) for line in written(console).splitlines()]


def step(task: int, step: int, steps: int = 100) -> Step:
    return Step(task, step, steps, [0.5], (task - 1) * steps + step)


def test_a_running_run_is_shown_with_task_step_accuracy_and_times() -> None:
    display = Progress(3, console=terminal())
    observer = display.observer()
    observer.run_started(SPEC, ["0+1", "2+3", "4+5", "6+7"])
    observer.evaluated(0, [0.0, 0.0, 0.0, 0.0])
    observer.evaluated(1, [0.75, 0.0, 0.0, 0.0])
    observer.evaluated(2, [0.5, 1.0, 0.125, 0.0])
    observer.stepped(step(3, 40))
    run, total = shown(display)
    assert run.startswith("ewc seed 3 task 3/4 step 40/100 ")
    assert "accuracy 75.0%" in run
    assert run.endswith("0:00")
    assert total.startswith("all runs 0/3 ")


def test_time_left_is_told_from_the_share_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now))
    display = Progress(2, console=terminal())
    display.apply(Started("a", "naive seed 0", 4))
    now = 130.0
    display.apply(Stepped("a", 2, 50, 100))
    run, total = shown(display)
    assert run.endswith("0:30, 0:50 left")  # 1.5 of 4 tasks in 30 s
    assert total.endswith("0:30, 2:10 left")  # 0.375 of 2 runs
    display.apply(Ended("a", "completed", None))
    now = 7330.0
    assert shown(display)[-1].endswith("2:00:30, 2:00:30 left")


def test_an_ended_run_leaves_one_line_with_its_reason() -> None:
    console = terminal()
    with Progress(2, console=console) as display:
        display.apply(Started("a", "hat seed 1", 2))
        display.apply(Evaluated("a", 0.5))
        display.apply(Ended("a", "diverged", "the loss was nan [at] step 7"))
        assert [line.split()[:3] for line in shown(display)] == [["all", "runs", "1/2"]]
    assert "hat seed 1 diverged, accuracy 50.0%, 0:00: the loss was nan [at] step 7\n" in written(console)


def test_the_display_is_drawn_while_entered_and_wiped_at_the_end() -> None:
    console = terminal()
    with Progress(1, console=console) as display:
        display.apply(Started("a", "naive seed 0", 2))
        for _ in range(100):
            if "naive seed 0" in written(console):
                break
            time.sleep(0.02)
    text = written(console)
    assert "task 1/2" in text
    assert text.endswith("\x1b[2K")  # the last line is erased


def test_without_a_terminal_only_ended_runs_are_told() -> None:
    console = Console(file=StringIO(), width=30)
    with Progress(2, console=console) as display:
        observer = display.observer("naive, the first")
        observer.run_started(SPEC, ["0+1", "2+3"])
        observer.stepped(step(1, 1))
        observer.evaluated(1, [1.0, 0.0])
        assert written(console) == ""
        display.apply(Ended("run 1 of this process", "completed", None))
        display.apply(Ended("never started", "failed", "no memory left"))
    assert written(console) == (
        "naive, the first completed, accuracy 100.0%, 0:00\nnever started failed, 0:00: no memory left\n"
    )


@pytest.mark.parametrize("console", [terminal(), Console(file=StringIO())], ids=["terminal", "file"])
def test_quiet_prints_nothing(console: Console) -> None:
    with Progress(1, quiet=True, console=console) as display:
        display.apply(Started("a", "naive seed 0", 2))
        display.apply(Ended("a", "completed", None))
    assert written(console) == ""


def test_standard_output_stays_clean(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(1) as display:
        display.apply(Ended("a", "completed", None))
        print("{}")
    captured = capsys.readouterr()
    assert captured.out == "{}\n"
    assert captured.err == "a completed, 0:00\n"


def test_steps_are_told_a_few_times_a_second_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now))
    events: list[Event] = []
    observer = EventObserver(events.append, "a")
    for number in range(1, 1001):  # ten seconds of a hundred reports each
        now = 10 + number / 100
        observer.stepped(step(1, number, 1000))
    assert 35 <= len(events) <= 41


def test_events_travel_between_processes() -> None:
    display = Progress(1, console=terminal())
    observer = EventObserver(lambda event: display.apply(pickle.loads(pickle.dumps(event))), "worker 7/run 2", "mine")
    observer.run_started(SPEC, ["0+1", "2+3"])
    observer.stepped(step(2, 100))
    observer.evaluated(2, [0.25, 0.75])
    assert shown(display)[0].startswith("mine task 2/2 step 100/100 ")
    assert "accuracy 50.0%" in shown(display)[0]


def test_events_of_an_unknown_run_are_let_pass() -> None:
    display = Progress(1, console=terminal())
    display.apply(Stepped("nobody", 1, 1, 1))
    display.apply(Evaluated("nobody", 1.0))
    assert len(shown(display)) == 1


def test_a_narrow_terminal_keeps_one_line_a_run() -> None:
    display = Progress(12, console=terminal(width=60))
    display.apply(Started("a", "rehearsal seed 11", 20))
    display.apply(Stepped("a", 20, 12345, 99999))
    display.apply(Evaluated("a", 0.5))
    assert len(shown(display)) == 2
