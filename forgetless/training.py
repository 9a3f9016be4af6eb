"""The options that say how a network is trained: those of `forgetless run` and of `forgetless tune`.

One that is not given is what the scenario is usually run with, or else what its help says.
"""

from enum import StrEnum
from typing import Annotated

import typer

from forgetless.plan import DEFAULT_EPOCHS, DEFAULTS


class OptimizerName(StrEnum):
    sgd = "sgd"
    adam = "adam"
    adamw = "adamw"


class ScheduleName(StrEnum):
    constant = "constant"
    plateau = "plateau"
    criterion = "criterion"


def described(text: str, default: object) -> str:
    return f"{text} [default: {default}, or as the scenario is usually run]"


Epochs = Annotated[int | None, typer.Option(help=described("Passes over each task's examples.", DEFAULT_EPOCHS))]
Iterations = Annotated[int | None, typer.Option(help="Steps a task, instead of epochs.")]
BatchSize = Annotated[int | None, typer.Option(help=described("Examples of the task in a step.", 10))]
Optimizer = Annotated[OptimizerName | None, typer.Option(help=described("What follows the gradients.", "sgd"))]
Rate = Annotated[float | None, typer.Option(help=described("Learning rate.", 0.05))]
Momentum = Annotated[float | None, typer.Option(help=described("Of sgd.", 0.0))]
WeightDecay = Annotated[float | None, typer.Option(help="L2 decay (decoupled with adamw). [default: 0.0]")]
Schedule = Annotated[
    ScheduleName | None,
    typer.Option(
        help=described(
            "plateau: drop the rate and stop early by validation loss; criterion: stop once all is learned.", "constant"
        )
    ),
]
CarryOptimizer = Annotated[
    bool | None, typer.Option("--carry-optimizer", help="Keep the optimiser's state from task to task.")
]
NetworkName = Annotated[
    str | None,
    typer.Option("--network", help=described("As mlp:400x400,dropout=0.5, cnn, resnet18.", DEFAULTS["network"])),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Threads = Annotated[
    str, typer.Option(help="Of each run's process: a number, or auto: two where a step has work for them.")
]
