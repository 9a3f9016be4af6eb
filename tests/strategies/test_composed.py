"""Strategies that train together."""

import pytest
import torch
from support import tiny_spec, trained, trainer_for, weights

from scenarios.errors import RequestError
from strategies.catalogue import STRATEGIES
from strategies.strategy import hyperparameters_of


def test_each_part_at_its_limit_leaves_the_other_alone() -> None:
    both, rehearsal = (trainer_for(tiny_spec("split-digits:domain", name)) for name in ("rehearsal+ewc", "rehearsal"))
    for trainer in (both, rehearsal):
        trainer.learn(0)  # then EWC draws from the generator that both share
    assert torch.equal(weights(both), weights(rehearsal))

    both = trained("split-digits:domain", "rehearsal+ewc", memory=0)
    ewc = trained("split-digits:domain", "ewc")
    assert torch.equal(weights(both), weights(ewc))


def test_what_is_remembered_is_the_sum_and_the_network_is_counted_once() -> None:
    costs = {
        name: trained("split-digits:domain", name).outcome.costs[-1] for name in ("rehearsal", "ewc", "rehearsal+ewc")
    }
    assert costs["rehearsal+ewc"].bytes_remembered == (
        costs["rehearsal"].bytes_remembered + costs["ewc"].bytes_remembered
    )
    assert costs["rehearsal+ewc"].parameters == costs["ewc"].parameters
    assert costs["rehearsal+ewc"].examples_forward > costs["rehearsal"].examples_forward


def test_hyperparameters_keep_their_names_and_shared_ones_get_the_part_in_front() -> None:
    rehearsal, ewc = hyperparameters_of("rehearsal"), hyperparameters_of("ewc")
    assert list(hyperparameters_of("rehearsal+ewc")) == [*rehearsal, *ewc]
    both = hyperparameters_of("gdumb+a-gem")
    assert {"gdumb_memory", "a_gem_memory"} <= both.keys()
    assert "memory" not in both


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ewc+ewc", "ewc\\+ewc: a strategy cannot be composed with itself"),
        ("ewc+nothing", "there is no strategy 'nothing'"),
        ("joint+hat+joint", "cannot be composed with itself"),
        ("der+++der", "der\\+\\+ and der cannot be composed: each has a `loss` of its own"),
    ],
)
def test_what_cannot_be_composed_is_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        STRATEGIES.get(name)


def test_a_composition_needs_all_that_its_parts_need() -> None:
    trainer = trainer_for(tiny_spec("split-digits:task", "ewc+hat"))
    assert trainer.strategy.needs == {"task at test time", "task boundaries", "fresh optimiser"}
