"""Asked to stop, a run keeps a checkpoint of the very step it was at, and goes on from there as if nothing had been."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from support import tiny_spec, trainer_for, weights

from benchmark.checkpoint import Checkpoint, read_checkpoint
from benchmark.interruption import Interruption, interruptible
from benchmark.observers.observer import Observer, Step
from benchmark.record import RunRecord
from benchmark.request import RunRequest
from benchmark.run import run
from strategies.strategy import Batch


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_told_at_the_end(number: signal.Signals) -> None:
    before, calls = signal.getsignal(number), []

    def work() -> None:
        with interruptible(lambda: calls.append(1)) as interruption:
            assert not interruption.asked
            signal.raise_signal(number)
            assert interruption.asked
            calls.append(2)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert calls == [1, 2]
    assert signal.getsignal(number) is before


def test_the_second_signal_does_what_it_always_did(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = []
    monkeypatch.setattr("benchmark.interruption.ECHO", 0.0)

    @interruptible()
    def work() -> None:
        signal.raise_signal(signal.SIGINT)
        reached.append("after the first")
        signal.raise_signal(signal.SIGINT)
        reached.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["after the first"]


def test_a_signal_that_comes_twice_at_once_is_one() -> None:
    reached = []

    @interruptible()
    def work() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        reached.append("after both")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["after both"]


def test_an_error_within_is_that_error() -> None:
    @interruptible()
    def work() -> None:
        signal.raise_signal(signal.SIGINT)
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        work()


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible() as interruption:
            signal.raise_signal(signal.SIGINT)
            assert not interruption.asked
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_nothing_happens() -> None:
    found: list[Interruption] = []

    def enter() -> None:
        with interruptible() as interruption:
            found.append(interruption)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert not found[0].asked


@pytest.mark.parametrize("after", [1, 9, 10, 23, 24, 31])
def test_it_stops_after_the_very_step_and_goes_on_to_the_same_weights(after: int) -> None:
    """Passes have 26 steps, tasks 12: in the middle of a task, and at its last step."""
    spec = tiny_spec("split-digits:task", "rehearsal", network="mlp:24x16,dropout=0.2")
    whole = trainer_for(spec)
    whole.run()
    kept: list[Checkpoint] = []
    broken = trainer_for(spec)
    broken.keep = kept.append
    steps, step = [0], broken.step

    def counted(batch: Batch) -> Any:
        steps[0] += 1
        broken.interruption.asked = steps[0] == after
        return step(batch)

    broken.step = counted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    assert steps[0] == after
    assert kept[-1].facts["total_steps"] == after
    resumed = trainer_for(spec)
    resumed.run(kept[-1])
    assert weights(resumed).tolist() == weights(whole).tolist()


class CtrlC(Observer):
    """Someone presses it after some steps."""

    def stepped(self, step: Step) -> None:
        if step.total_steps > 30:
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_leaves_a_checkpoint_and_no_record(tmp_path: Path) -> None:
    request = RunRequest(tiny_spec("split-digits:class", "ewc"), tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        run(request, [CtrlC()])
    assert not (tmp_path / "run" / "record.json").exists()
    assert read_checkpoint(tmp_path / "run").facts["total_steps"] > 30
    whole = run(RunRequest(request.spec, tmp_path / "whole"))
    resumed = run(RunRequest(request.spec, tmp_path / "run", resume=True))
    assert without_times(resumed) == without_times(whole)


def without_times(record: RunRecord) -> dict[str, Any]:
    fields = record.model_dump(exclude={"environment"})
    for cost in fields["costs"]:
        del cost["seconds"]
    return fields
