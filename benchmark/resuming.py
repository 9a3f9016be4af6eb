"""What of a trainer goes into a checkpoint, and how it comes back."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from benchmark.checkpoint import Checkpoint, Position, load_state
from benchmark.replica import Replica
from strategies.strategy import Work

if TYPE_CHECKING:
    from benchmark.trainer import Trainer


def checkpoint_of(trainer: "Trainer") -> Checkpoint:
    """The whole state of a trainer between two steps; its outcomes are not copied."""
    within = trainer.position.begun
    parts = [_part(replica, within=within, mid_pass=trainer.position.step > 0) for replica in trainer.replicas]
    tensors = {f"{number}/{name}": value for number, part in enumerate(parts) for name, value in part.tensors.items()}
    tensors["random/cpu"] = torch.get_rng_state()
    if trainer.device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(trainer.device)
    if trainer.stepper.optimizer is not None and (within or trainer.stepper.carries):
        tensors |= {f"optimizer/{name}": value for name, value in trainer.stepper.optimizer.state.items()}
    facts = {
        "position": asdict(trainer.position),
        "seconds": trainer.seconds,
        "compiled": trainer.stepper.compiled,
        "seen": trainer.stepper.seen,
        "replicas": [part.facts for part in parts],
    }
    return Checkpoint(tensors, facts, [replica.outcome for replica in trainer.replicas])


def _part(replica: Replica, *, within: bool, mid_pass: bool) -> Checkpoint:
    """What is one replica's own."""
    tensors = {f"strategy/{name}": tensor for name, tensor in replica.state().items()}
    tensors["random/strategy"] = replica.strategy.generator.get_state()
    tensors["random/order"] = replica.order.get_state()
    if mid_pass and replica.learning:
        assert replica.pass_began is not None
        tensors["random/order"] = replica.pass_began
    facts: dict[str, Any] = {
        "waits": replica.frozen is not None,
        "steps": replica.steps,
        "work": asdict(replica.strategy.work),
        "total_steps": replica.total_steps,
        "error": replica.error and [type(replica.error).__name__, str(replica.error)],
    }
    if replica.plateau is not None and within:
        facts["plateau"] = replica.plateau.facts()
        tensors |= {f"plateau/{index}": tensor for index, tensor in enumerate(replica.plateau.weights)}
    return Checkpoint(tensors, facts)


def restore(trainer: "Trainer", checkpoint: Checkpoint) -> None:
    """Bring a freshly made trainer to where the checkpoint was taken; the optimiser follows in its task."""
    facts = checkpoint.facts
    trainer.resumed = checkpoint
    trainer.position = Position(**facts["position"])
    trainer.seconds = facts["seconds"]
    trainer.stepper.compiled, trainer.stepper.seen = facts["compiled"], dict(facts["seen"])
    torch.set_rng_state(checkpoint.tensors["random/cpu"])
    if trainer.device.type == "cuda":
        torch.cuda.set_rng_state(checkpoint.tensors["random/cuda"], trainer.device)
    for number, (replica, outcome) in enumerate(zip(trainer.replicas, checkpoint.outcomes, strict=True)):
        _restore_part(replica, Checkpoint(checkpoint.part(str(number)), facts["replicas"][number], [outcome]))


def _restore_part(replica: Replica, part: Checkpoint) -> None:
    facts, (outcome,) = part.facts, part.outcomes
    replica.steps, replica.total_steps = facts["steps"], facts["total_steps"]
    replica.strategy.work.clear()
    replica.strategy.work.add(Work(**facts["work"]))
    load_state(replica.strategy, part.part("strategy"))
    replica.strategy.generator.set_state(part.tensors["random/strategy"])
    replica.order.set_state(part.tensors["random/order"])
    replica.outcome.rows += outcome.rows
    replica.outcome.anytime += outcome.anytime
    replica.outcome.costs += outcome.costs
    replica.error = facts["error"] and Ended(*facts["error"])
    for index, row in enumerate(replica.outcome.rows):
        replica.observer.evaluated(index, row.accuracy)


class Ended(Exception):
    """What ended a replica before the checkpoint, by the name it had.

    Attributes:
        name: of the exception's class.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def restore_optimizer(trainer: "Trainer", checkpoint: Checkpoint) -> None:
    """Give the optimiser of the interrupted task the state it had."""
    assert trainer.stepper.optimizer is not None
    for name, tensor in checkpoint.part("optimizer").items():
        trainer.stepper.optimizer.state[name].copy_(tensor)
    if not trainer.position.begun:
        trainer.resumed = None  # it was between tasks: nothing else is left to restore


def restore_pass(trainer: "Trainer", checkpoint: Checkpoint) -> None:
    """Give the schedules of the interrupted phase the state they had."""
    for number, replica in enumerate(trainer.replicas):
        part = Checkpoint(checkpoint.part(str(number)), checkpoint.facts["replicas"][number])
        if replica.plateau is not None and "plateau" in part.facts:
            weights = part.part("plateau")
            kept = [weights[str(index)] for index in range(len(weights))]
            replica.plateau.restore(part.facts["plateau"], kept)
        if part.facts["waits"]:
            replica.freeze()
        if trainer.position.step:
            replica.pass_began = part.tensors["random/order"]
    trainer.resumed = None
