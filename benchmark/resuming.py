"""What of a trainer goes into a checkpoint, and how it comes back."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmark.checkpoint import Checkpoint, Position, load_state

if TYPE_CHECKING:
    from benchmark.trainer import Trainer


def checkpoint_of(trainer: "Trainer") -> Checkpoint:
    """The whole state of a trainer between two steps; its outcome is not copied."""
    tensors = {f"strategy/{name}": tensor for name, tensor in trainer.strategy.state_dict().items()}
    tensors["random/strategy"] = trainer.strategy.generator.get_state()
    tensors["random/order"] = trainer.pass_began if trainer.position.step else trainer.order.get_state()
    tensors["random/cpu"] = torch.get_rng_state()
    if trainer.device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(trainer.device)
    facts: dict[str, Any] = {
        "position": asdict(trainer.position),
        "seconds": trainer.seconds,
        "steps": trainer.steps,
        "examples": trainer.examples,
        "total_steps": trainer.total_steps,
    }
    if trainer.optimizer is not None and (trainer.position.begun or trainer.spec.carry_optimizer):
        for index, state in trainer.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items()}
    if trainer.plateau is not None and trainer.position.begun:
        facts["plateau"] = trainer.plateau.facts()
        tensors |= {f"plateau/{index}": tensor for index, tensor in enumerate(trainer.plateau.weights)}
    return Checkpoint(tensors, facts, trainer.outcome)


def restore(trainer: "Trainer", checkpoint: Checkpoint) -> None:
    """Bring a freshly made trainer to where the checkpoint was taken; the optimiser follows in its task."""
    facts = checkpoint.facts
    trainer.resumed = checkpoint
    trainer.position = Position(**facts["position"])
    trainer.seconds, trainer.steps, trainer.examples = facts["seconds"], facts["steps"], facts["examples"]
    trainer.total_steps = facts["total_steps"]
    load_state(trainer.strategy, checkpoint.part("strategy"))
    trainer.strategy.generator.set_state(checkpoint.tensors["random/strategy"])
    trainer.order.set_state(checkpoint.tensors["random/order"])
    torch.set_rng_state(checkpoint.tensors["random/cpu"])
    if trainer.device.type == "cuda":
        torch.cuda.set_rng_state(checkpoint.tensors["random/cuda"], trainer.device)
    trainer.outcome.rows += checkpoint.outcome.rows
    trainer.outcome.anytime += checkpoint.outcome.anytime
    trainer.outcome.costs += checkpoint.outcome.costs
    for index, row in enumerate(trainer.outcome.rows):
        trainer.observer.evaluated(index, row.accuracy)


def restore_optimizer(trainer: "Trainer", checkpoint: Checkpoint) -> None:
    """Give the optimiser of the interrupted task the state it had."""
    assert trainer.optimizer is not None
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in checkpoint.part("optimizer").items():
        index, _, key = name.partition("/")
        state.setdefault(int(index), {})[key] = tensor.clone()
    trainer.optimizer.load_state_dict({**trainer.optimizer.state_dict(), "state": state})
    if not trainer.position.begun:
        trainer.resumed = None  # it was between tasks: nothing else is left to restore


def restore_pass(trainer: "Trainer", checkpoint: Checkpoint) -> None:
    """Give the schedule of the interrupted phase the state it had."""
    if trainer.plateau is not None and "plateau" in checkpoint.facts:
        weights = checkpoint.part("plateau")
        trainer.plateau.restore(checkpoint.facts["plateau"], [weights[str(index)] for index in range(len(weights))])
    if trainer.position.step:
        trainer.pass_began = checkpoint.tensors["random/order"]
    trainer.resumed = None
