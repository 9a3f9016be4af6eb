"""Online: the tasks of a split in one pass, without a word about where they end."""

import pytest
import torch
from refusals import refusal

from benchmark.run import check
from benchmark.spec import RunSpec
from forgetless.plan import Plan
from scenarios.online import online
from scenarios.scenario import scenario_reference
from scenarios.sources.source import Source
from scenarios.split import split


@pytest.mark.parametrize("kind", ["domain", "class"])
@pytest.mark.parametrize("seed", [None, 3])
def test_its_tasks_are_those_of_a_split(letters: Source, kind: str, seed: int | None) -> None:
    stream = online(letters, seed, kind=kind, tasks=3)  # type: ignore[arg-type]
    tasks = split(letters, seed, kind=kind, tasks=3)  # type: ignore[arg-type]
    assert (stream.boundaries, stream.passes) == (False, 1)
    assert (tasks.boundaries, tasks.passes) == (True, None)
    for mine, other in zip((*stream.tasks, *stream.test), (*tasks.tasks, *tasks.test), strict=True):
        for a, b in ((getattr(mine, "training", mine), getattr(other, "training", other)),):
            everything = torch.arange(len(b))
            assert len(a) == len(b)
            assert all(torch.equal(*pair) for pair in zip(a.batch(everything), b.batch(everything), strict=True))
    assert [task.name for task in stream.tasks] == [task.name for task in tasks.tasks]
    assert stream.digest != tasks.digest


def specs(*strategies: str, settings: dict[str, list[str]] | None = None, **options: object) -> list[RunSpec]:
    return Plan("online-digits", strategies, settings=settings or {}, options=options).specs()


def test_it_is_run_for_one_pass_where_nothing_is_said() -> None:
    (spec,) = specs("naive")
    assert (spec.epochs, spec.iterations) == (1, None)
    check(spec, scenario_reference("online-digits").build())
    (spec,) = specs("naive", iterations=5)
    assert (spec.epochs, spec.iterations) == (None, 5)
    check(spec, scenario_reference("online-digits").build())


@pytest.mark.parametrize(
    ("strategy", "settings", "options", "says"),
    [
        ("ewc", {}, {}, "ewc cannot learn online-digits:class: it must be told where one task ends"),
        ("icarl", {}, {}, "where one task ends"),
        ("rehearsal+ewc", {}, {}, "where one task ends"),
        ("rehearsal", {"store": ["end"]}, {}, "where one task ends"),
        ("naive", {}, {"epochs": 2}, "shows every example once: --epochs 2 is more than that"),
        ("naive", {}, {"iterations": 28}, "shows every example once: --iterations 28 is more than that"),
    ],
)
def test_what_needs_boundaries_or_more_passes_is_refused(
    strategy: str, settings: dict[str, list[str]], options: dict[str, object], says: str
) -> None:
    (spec,) = specs(strategy, settings=settings, **options)
    assert says in refusal(lambda: check(spec, scenario_reference("online-digits").build()))


@pytest.mark.parametrize("strategy", ["naive", "rehearsal", "er-ace", "der", "der++", "joint", "cumulative"])
def test_what_needs_no_boundaries_is_taken(strategy: str) -> None:
    check(specs(strategy)[0], scenario_reference("online-digits").build())


def test_there_is_no_kind_that_tells_the_task() -> None:
    assert "input should be 'domain' or 'class'" in refusal(lambda: scenario_reference("online-digits:task"))


def test_classes_that_do_not_divide_are_refused(letters: Source) -> None:
    message = refusal(lambda: online(letters, 0, tasks=4))
    assert message == "online-letters: 6 classes do not divide into 4 equal tasks: tasks can be 1, 2, 3, 6"
