"""Addition facts: the experiment that gave catastrophic interference its name (McCloskey & Cohen 1989)."""

from typing import Literal

import torch
from torch import Tensor

from scenarios.examples import TensorExamples
from scenarios.readout import Codes
from scenarios.scenario import register, usual
from scenarios.task import Scenario, Task

BANK = 12
"""Units in which a digit is written."""

OPERATOR = 4
"""Units that stand for the plus."""

LARGEST = 18
"""The largest sum of two digits: an answer is one of 0…18."""


def digit(value: int) -> Tensor:
    """A digit as a pattern over a bank: three neighbouring units are on, so that near numbers look alike."""
    bank = torch.zeros(BANK)
    bank[value : value + 3] = 1
    return bank


def number(value: int) -> Tensor:
    """A number of two digits, tens and ones, as a pattern over two banks."""
    return torch.cat([digit(value // 10), digit(value % 10)])


def facts(addend: int) -> list[tuple[int, int]]:
    """The 17 problems with this addend: 1+1 … 9+1 and 1+2 … 1+9 for one."""
    return [(first, addend) for first in range(1, 10)] + [(addend, other) for other in range(1, 10) if other != addend]


def examples(addend: int, task: int) -> TensorExamples:
    """The problems as patterns over 28 units, each with its sum."""
    problems = facts(addend)
    x = torch.stack([torch.cat([digit(a), torch.ones(OPERATOR), digit(b)]) for a, b in problems])
    return TensorExamples(x, torch.tensor([a + b for a, b in problems]), task)


@register("addition-facts", classes=19, tasks=2, data="written out here")
@usual(
    network="mlp:50,activation=sigmoid,initial=0.3",
    optimizer="sgd",
    lr=0.25,
    momentum=0.9,
    batch_size=1,
    epochs=1000,
    schedule="criterion",
    evaluate_every=17,
)
def addition_facts(seed: int | None, *, kind: Literal["task", "domain"] = "task") -> Scenario:
    """The 17 facts of adding one, then the 17 of adding two: as children learn them (McCloskey & Cohen 1989).

    28 input units: 12 for each operand, of which three neighbours are on, and 4 for the plus, which are on. 24
    output units: tens and ones, coded alike. An answer is the number of 0 to 18 whose pattern the output is nearest
    to, in either kind; all that "task" tells is which facts are asked for. As usually run it is the network of the
    paper, 28-50-24 sigmoid units and weights within ± 0.3, with the squared error of back-propagation after each
    problem (rate 0.25, momentum 0.9), until every output unit is within 0.1 of its pattern for all facts. After each
    pass all facts are tested: the record's `anytime` rows. Of the facts, 1+2 and 2+1 are in both sets.

    Facts are what is to be remembered, not a sample of something: they are tested on the facts themselves.

    Where memory of the paper had to fill in: which units stand for the plus, and among which numbers the best match
    is sought. The first is the same in all problems.

    Args:
        seed: draws nothing.
        kind: whether a strategy is told which facts are asked for.
    """
    names = ("ones facts", "twos facts")
    tasks = [
        Task(
            index,
            name,
            tuple(range(LARGEST + 1)),
            tuple(map(str, range(LARGEST + 1))),
            *(examples(index + 1, index),) * 2,
        )
        for index, name in enumerate(names)
    ]
    return Scenario(
        name="",
        kind=kind,
        input_shape=(2 * BANK + OPERATOR,),
        classes=LARGEST + 1,
        tasks=tuple(tasks),
        test=tuple(examples(index + 1, index) for index in range(len(names))),
        readout=Codes(torch.stack([number(value) for value in range(LARGEST + 1)])),
        recalls=True,
    )
