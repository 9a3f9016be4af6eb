"""The experiment of 1989."""

import pytest
import torch
from support import kinds_of, trainer_for

from benchmark.record import AnytimeRow
from benchmark.spec import RunSpec
from forgetless.plan import Plan
from scenarios.addition_facts import digit, facts, number
from scenarios.errors import RequestError
from scenarios.scenario import scenario_reference
from strategies.catalogue import STRATEGIES
from strategies.strategy import check_needs, needs_of


def usual(strategy: str, **options: object) -> RunSpec:
    return Plan("addition-facts", [strategy], options={"threads": 1, **options}).specs()[0]


def test_there_are_seventeen_facts_of_each_and_two_are_in_both() -> None:
    ones, twos = facts(1), facts(2)
    assert len(set(ones)) == len(ones) == len(set(twos)) == len(twos) == 17
    assert set(ones) & set(twos) == {(1, 2), (2, 1)}
    assert all(1 in fact for fact in ones)
    assert all(2 in fact for fact in twos)


def test_numbers_are_written_as_neighbouring_units() -> None:
    assert digit(0).nonzero().flatten().tolist() == [0, 1, 2]
    assert digit(9).nonzero().flatten().tolist() == [9, 10, 11]
    assert number(10).nonzero().flatten().tolist() == [1, 2, 3, 12, 13, 14]
    scenario = scenario_reference("addition-facts").build()
    x, y = scenario.tasks[0].training.batch(torch.tensor([4]))  # 5 + 1
    assert x[0].nonzero().flatten().tolist() == [5, 6, 7, 12, 13, 14, 15, 17, 18, 19]
    assert y.tolist() == [6]
    assert scenario.readout is not None
    assert torch.equal(scenario.readout.patterns[6], number(6))


def test_its_usual_run_is_that_of_the_paper_and_options_go_before_it() -> None:
    spec = usual("naive")
    assert spec.network == "mlp:50,activation=sigmoid,initial=0.3"
    assert (spec.lr, spec.momentum, spec.batch_size, spec.schedule) == (0.25, 0.9, 1, "criterion")
    spec = usual("naive", lr=0.1, iterations=20)
    assert (spec.lr, spec.epochs, spec.iterations, spec.momentum) == (0.1, None, 20, 0.9)


def test_the_ones_facts_collapse_while_the_twos_are_learned() -> None:
    trainer = trainer_for(usual("naive"))
    trainer.run()
    before, ones, end = (row.accuracy for row in trainer.outcome.rows)
    assert ones[0] == 1
    assert before[0] is not None
    assert before[0] < 0.3
    # 2 + 1 and 1 + 2 are in both sets.
    assert end[1] == 1
    assert 2 / 17 <= float(end[0] or 0) <= 0.36
    learning = [row for row in trainer.outcome.anytime if row.task == 2]
    assert at(learning, 1) <= 0.75
    # Training ends with the first pass after which every unit is near enough, long before the budget does.
    assert learning[-1].step < 17 * 1000
    network = trainer.strategy.network
    assert network.readout is not None
    x, y = trainer.scenario.tasks[1].training.batch(torch.arange(17))
    outputs = network.output(network.features(x)).sigmoid()
    assert float((outputs - network.readout.patterns[y]).detach().abs().max()) <= 0.1


def at(rows: list[AnytimeRow], passes: int) -> float:
    return float(next(row.accuracy[0] for row in rows if row.step == 17 * passes) or 0)


def test_a_strategy_learns_it_or_needs_one_output_a_class() -> None:
    scenario = scenario_reference("addition-facts").build()
    refused = {name for name in STRATEGIES.entries() if "one output a class" in needs_of(name)}
    for name in STRATEGIES.entries():
        if name in refused:
            with pytest.raises(RequestError, match="patterns over output units"):
                check_needs(name, scenario)
            continue
        assert "task" in kinds_of(name)
        trainer = trainer_for(usual(name, epochs=2, lr=0.01, momentum=0.0))
        trainer.run()
        assert len(trainer.outcome.rows) == 3
    assert refused == {"bi-r", "icarl", "packnet", "pnn"}


def test_with_classes_for_answers_the_criterion_is_that_all_are_right() -> None:
    options = {"epochs": 200, "schedule": "criterion", "network": "mlp:64", "threads": 1}
    trainer = trainer_for(Plan("split-digits:task", ["naive"], options=options).specs()[0])
    trainer.run()
    strategy, scenario = trainer.strategy, trainer.scenario
    last = scenario.tasks[-1].training
    x, y = last.batch(torch.arange(len(last)))
    answers = strategy.eval()(strategy.batch(x, y, torch.tensor([4]))).argmax(1)
    assert torch.equal(answers, y)
    a_pass = -(-len(last) // trainer.replica.spec.batch_size)
    assert trainer.outcome.costs[-1].steps < 200 * a_pass
    assert trainer.outcome.costs[-1].steps % a_pass == 0


def test_replicas_stop_each_on_its_own() -> None:
    from benchmark.replica import Replica
    from benchmark.run import build_strategy, load_scenario
    from benchmark.trainer import Trainer

    specs = Plan("addition-facts", ["naive"], seeds="3", options={"threads": 1, "epochs": 120}).specs()
    scenario = load_scenario(specs[0].scenario, None, None)
    replicas = [Replica(build_strategy(spec, scenario), scenario, spec) for spec in specs]
    Trainer(replicas).run()
    steps = [replica.outcome.costs[0].steps for replica in replicas]
    assert len(set(steps)) > 1
    assert all(replica.outcome.rows[1].accuracy[0] == 1 for replica in replicas)
