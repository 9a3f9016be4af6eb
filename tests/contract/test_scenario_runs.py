"""Every scenario is trained on for a few steps by strategies that stand for all, or is refused in one line."""

from functools import cache
from unittest.mock import patch

import pytest
from support import matrix, tiny_spec, trainer_for

from scenarios.catalogue import SCENARIOS, scenario_parts
from scenarios.errors import RequestError
from scenarios.options import options_of
from scenarios.scenario import scenario_reference
from scenarios.sources.files import Files
from scenarios.task import Scenario
from strategies.strategy import check_needs

STRATEGIES = ("naive", "rehearsal", "hat")
NO_DATA = ("cannot be had", "is nowhere")
"""What errors say where data is not on this machine."""

SMALL = {"spheres": "radii=1.3+1.6,dimension=10,examples=200"}
"""Options of scenarios that have a million examples, or one task, where nobody says otherwise."""


def references() -> list[str]:
    """Every family over digits and every scenario with examples of its own: with its default kind, and with "task"."""
    found = []
    for name, (family, source) in scenario_parts().items():
        if source in {None, "digits"}:
            small = SMALL.get(name, "")
            found.append(f"{name}:{small}")
            options = options_of(SCENARIOS.get(family))
            if "kind" in options and "task" in options["kind"].choices:
                found.append(f"{name}:{','.join(filter(None, ('kind=task', small)))}")
    return list(dict.fromkeys(scenario_reference(text).text for text in found))


@cache
def built(text: str) -> Scenario | str:
    """A scenario, or why there is none here; tests download nothing."""
    try:
        with patch.object(Files, "download", lambda self: "not tried"):
            return scenario_reference(text).build(seed=0)
    except RequestError as error:
        return str(error)


@pytest.fixture(params=references())
def scenario(request: pytest.FixtureRequest) -> Scenario:
    found = built(request.param)
    if isinstance(found, str):
        assert any(reason in found for reason in NO_DATA), found
        pytest.skip(found)
    return found


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_learns_it_for_a_few_steps_or_says_in_one_line_why_not(scenario: Scenario, strategy: str) -> None:
    refusal = ""
    try:
        check_needs(strategy, scenario)
    except RequestError as error:
        refusal = str(error)
    if refusal:
        assert len(refusal.splitlines()) == 1
        assert refusal.startswith(f"{strategy} cannot learn {scenario.name}: ")
        assert strategy != "naive"
        return
    trainer = trainer_for(tiny_spec(scenario.name, strategy, iterations=3), scenario)
    trainer.run()
    accuracies = matrix(trainer)
    assert len(accuracies) == len(scenario.tasks) + 1
    assert all(0 <= accuracy <= 1 for row in accuracies for accuracy in row if accuracy is not None)
