"""What the guard around observers promises: a broken one is reported once, left out, and harms nothing."""

from collections.abc import Sequence

import pytest

from benchmark.observers.observer import Observer, Observers, Step
from benchmark.record import RunRecord
from benchmark.spec import RunSpec, Seeds

SPEC = RunSpec(scenario="split-digits", strategy="naive", network="mlp", epochs=1, seeds=Seeds(init=0, order=0))
STEP = Step(1, 1, 1, [0.5], 1)
RECORD = RunRecord.model_construct()


class Noting(Observer):
    """Notes the name of every call."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def note(self, call: str) -> None:
        self.calls.append(call)

    def run_started(self, spec: RunSpec, tasks: Sequence[str]) -> None:
        self.note("run_started")

    def stepped(self, step: Step) -> None:
        self.note("stepped")

    def evaluated(self, task: int, accuracy: Sequence[float]) -> None:
        self.note("evaluated")

    def run_ended(self, record: RunRecord) -> None:
        self.note("run_ended")


class Breaking(Noting):
    """Raises at one of the calls."""

    def __init__(self, at: str, error: BaseException) -> None:
        super().__init__()
        self.at = at
        self.error = error

    def note(self, call: str) -> None:
        if call == self.at:
            raise self.error
        super().note(call)


CALLS = ["run_started", "stepped", "evaluated", "run_ended"]


def tell_everything(observer: Observer) -> None:
    observer.run_started(SPEC, ["0+1"])
    observer.stepped(STEP)
    observer.evaluated(1, [0.5])
    observer.run_ended(RECORD)


@pytest.mark.parametrize("at", CALLS)
def test_a_broken_observer_is_reported_once_and_the_others_go_on(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = Noting(), Noting()
    broken = Breaking(at, OSError("no network,\nno wandb"))
    tell_everything(Observers([before, broken, after]))
    assert before.calls == after.calls == CALLS
    assert broken.calls == CALLS[: CALLS.index(at)]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "Breaking broke and is left out of this run: no network, no wandb\n"


def test_two_broken_observers_are_each_reported(capsys: pytest.CaptureFixture[str]) -> None:
    good = Noting()
    tell_everything(Observers([Breaking("stepped", ValueError("a")), Breaking("stepped", ValueError("b")), good]))
    assert good.calls == CALLS
    assert [line[-1] for line in capsys.readouterr().err.splitlines()] == ["a", "b"]


def test_an_interruption_is_no_breakage() -> None:
    """Who presses Ctrl-C means the run, whatever was going on at that moment."""
    with pytest.raises(KeyboardInterrupt):
        tell_everything(Observers([Breaking("stepped", KeyboardInterrupt())]))


def test_every_method_may_be_left_out() -> None:
    tell_everything(Observers([Observer()]))
