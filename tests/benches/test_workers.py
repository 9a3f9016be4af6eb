"""Those who are timed do the same work, and ratios are taken as they should be."""

from itertools import count

import pytest
import torch

from benches.tables.peers import idx
from benches.tables.step import COLUMNS
from benches.timing import in_turn, ratio
from benches.work import Work, first, floats, scenario, shortened
from benches.workers import forgetless, plain
from scenarios.task import Scenario
from strategies.networks.network import build_network


def digits(network: str = "mlp:16x16", iterations: int | None = 120) -> Work:
    return Work(scenario("split-digits:class,active=all,validation=0"), network, 10, iterations)


def test_workers_take_turns_in_an_order_that_is_turned_round() -> None:
    order: list[str] = []
    measured = in_turn({name: lambda name=name: order.append(name) or 1.0 for name in "abc"}, 2)
    assert "".join(order) == "abccbaabc"
    assert measured == {name: [1.0, 1.0] for name in "abc"}, "the first round is not counted"


def test_without_a_warm_up_every_round_counts() -> None:
    numbers = count()
    assert in_turn({"a": lambda: float(next(numbers))}, 3, warm_up=False) == {"a": [0.0, 1.0, 2.0]}


def test_a_ratio_is_the_median_within_rounds_and_not_of_the_medians() -> None:
    # A machine that is busy in the last round slows both: the ratio stays what it was.
    assert ratio({"ours": [2.0, 3.0, 40.0], "plain": [1.0, 2.0, 20.0]}, "ours", "plain") == 2.0


@pytest.mark.parametrize("network", ["mlp:100x100", "mlp:25x30x35", "cnn"])
def test_the_plain_loop_has_our_network(network: str) -> None:
    fashion = Scenario("", "class", (1, 28, 28), 10, tasks=(), test=())
    ours = [tuple(each.shape) for each in build_network(network, fashion).parameters()]
    theirs = [tuple(each.shape) for each in plain.network(network, fashion.classes).parameters()]
    assert ours == theirs
    assert forgetless.parameters(Work(fashion, network, 10)) == sum(torch.Size(shape).numel() for shape in ours)


def test_the_plain_loop_takes_the_steps_it_is_asked_for() -> None:
    assert [len(batch) for batch in plain.batches(25, 10, None)] == [10, 10, 5]
    assert [len(batch) for batch in plain.batches(25, 10, 5)] == [10, 10, 5, 10, 10]


def test_learning_is_what_is_timed() -> None:
    learner = forgetless.Learner(digits())
    before = learner.numbers().clone()
    assert learner.learn(0) > 0
    assert not torch.equal(learner.numbers(), before)


def test_a_step_of_the_second_task_is_timed_for_each_way_to_take_it() -> None:
    work = digits()
    assert set(COLUMNS) == {"eager", "compiled"}
    for replicas in (1, 3):
        assert 0 < forgetless.second_task(work, replicas=replicas)() < 1


def test_what_was_to_be_compiled_and_is_not_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise NotImplementedError("no compiler")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    with pytest.raises(RuntimeError, match="was not compiled"):
        forgetless.second_task(digits(), compiled=True)()


def test_shortened_scenarios_hold_some_of_the_same_examples() -> None:
    whole = scenario("split-digits:task")
    short = shortened(whole, 7, 3)
    assert [len(task.training) for task in short.tasks] == [7] * 5
    assert [len(examples) for examples in short.test] == [3] * 5
    x, _ = floats(whole.tasks[0].training)
    some, _ = floats(first(whole.tasks[0].training, 7))
    assert all((x == one).flatten(1).all(1).any() for one in some)


def test_others_read_our_data_in_their_format(tmp_path: object) -> None:
    from torchvision.datasets.mnist import read_image_file

    images = torch.randint(0, 256, (5, 28, 28), dtype=torch.uint8)
    path = f"{tmp_path}/images"
    with open(path, "wb") as file:
        file.write(idx(images))
    assert torch.equal(read_image_file(path), images)
