"""Strategies of Avalanche (Lomonaco et al. 2021), as entries under our scenarios, evaluation and records."""

import ast
import copy
import importlib
import importlib.util
import inspect
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from scenarios.bridge.surroundings import everyones_randomness, quiet
from scenarios.errors import RequestError
from scenarios.options import suggestion
from scenarios.task import Task
from strategies.catalogue import STRATEGIES
from strategies.foreign import Budget, ForeignStrategy, Stepped
from strategies.networks.network import Network
from strategies.strategy import Batch

PACKAGE = "avalanche.training.supervised"

FURTHER = {"GEM": "quadprog", "LaMAML": "higher", "LearningToPrompt": "timm"}
"""Packages that a strategy needs and Avalanche does without."""

CANNOT = {
    "AETraining": "it trains an autoencoder: there is no class it could answer",
    "AR1": "it trains a MobileNet of its own, whose weights it downloads, not the run's network",
    "CoPE": "it takes a single step an experience, for streams of single batches, and an experience is a task here",
    "ExpertGateStrategy": "it trains experts of its own, on the pretrained features of AlexNet, not the run's network",
    "JointTraining": "it trains once, on a whole stream given at once; joint is ours, Cumulative Avalanche's",
    "LearningToPrompt": "it prompts a pretrained vision transformer, which it downloads, not the run's network",
    "ObjectDetectionTemplate": "it finds objects in pictures: there is no class it could answer",
    "PNNStrategy": "it grows columns of a network of its own (avalanche.models.PNN), not the run's network",
    "VAETraining": "it trains an autoencoder: there is no class it could answer; it is a part of GenerativeReplay",
}
"""Why a strategy cannot be an entry here."""

TOLD = {"PackNet"}
"""Those that must be told the task at test time."""

BY_PASSES = {"GenerativeReplay", "PackNet"}
"""Those that plan ahead by passes over a task, and cannot be given a number of steps."""

PICTURES = (1, 28, 28)
"""What the generator of GenerativeReplay makes."""

if typing.TYPE_CHECKING:
    from strategies.bridge.theirs import Theirs

register_family = STRATEGIES.register_family

Scalar = bool | int | float | str | None


@register_family("avalanche/NAME")
def avalanche(name: str) -> type["AvalancheStrategy"]:
    """Any supervised strategy of Avalanche, as avalanche/EWC; docs/avalanche.md shows all."""
    full = f"avalanche/{name}"
    if importlib.util.find_spec("avalanche") is None:
        raise RequestError(f"{full} needs Avalanche, which is not installed: pip install avalanche-lib")
    known = names()
    if name not in known:
        raise RequestError(f"there is no strategy {full!r} in Avalanche{suggestion(name, known)}")
    if name in CANNOT:
        raise RequestError(f"{full} cannot be run here: {CANNOT[name]}")
    if name in FURTHER and importlib.util.find_spec(FURTHER[name]) is None:
        raise RequestError(f"{full} needs a package that is not installed: pip install {FURTHER[name]}")
    with quiet():
        module = importlib.import_module(known[name])
        found = inspect.unwrap(getattr(module, name))
    needs = {"task boundaries", "one output a class"} | ({"task at test time"} if name in TOLD else set())
    body = {"name": full, "wraps": (found,), "needs": frozenset(needs), "__init__": init_of(options_of(found, full))}
    return type(name, (AvalancheStrategy,), {**body, "__doc__": found.__doc__})


def names() -> dict[str, str]:
    """Every supervised strategy and the module it is in, read from Avalanche's source, which is not imported.

    A strategy is a public class built on one of Avalanche's templates.
    """
    spec = importlib.util.find_spec("avalanche")
    found: dict[str, str] = {}
    for folder in (spec.submodule_search_locations if spec else None) or []:
        for file in sorted(Path(folder, "training", "supervised").glob("*.py")):
            for node in ast.parse(file.read_bytes()).body:
                bases = [ast.unparse(base).partition("[")[0] for base in getattr(node, "bases", [])]
                if isinstance(node, ast.ClassDef) and any(base.endswith("Template") for base in bases):
                    found.setdefault(node.name, f"{PACKAGE}.{file.stem}")
    return dict(sorted(found.items()))


PROVIDED = {
    *("model", "slda_model", "feature_extractor", "classifier", "optimizer", "criterion", "device"),
    *("train_mb_size", "train_epochs", "train_passes", "eval_mb_size", "plugins", "evaluator", "eval_every"),
    *("peval_mode", "verbose", "cwr_layer_name", "last_layer_name", "output_layer_name", "buffer_transform"),
    *("input_size", "n_classes", "num_classes"),
}
"""Arguments that the run gives, or that follow from its network: no hyper-parameters."""


def options_of(strategy: type, label: str) -> list[inspect.Parameter]:
    """The hyper-parameters of a strategy of Avalanche: those of its own arguments that can be written as text.

    Raises:
        RequestError: where an argument without a default is something else.
    """
    options = []
    for name, parameter in inspect.signature(strategy, eval_str=True).parameters.items():
        if name in PROVIDED or parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        kind = _scalar(parameter.annotation, parameter.default)
        if kind is not None:
            options.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=kind))
        elif parameter.default is inspect.Parameter.empty:
            raise RequestError(f"{label} cannot be run here: it needs a {name}, which cannot be given as text")
    return options


def _scalar(hint: Any, default: Any) -> Any:
    """The type of an argument as text can give it, or None. A default that does not fit its annotation goes first."""
    kinds = [hint, *typing.get_args(hint)]
    scalars = [kind for kind in (bool, int, float, str) if kind in kinds]
    if isinstance(default, bool | int | float | str) and type(default) not in scalars:
        if scalars == [float] and type(default) is int:
            return float
        return type(default)
    if not scalars:
        return None
    return scalars[0] | None if type(None) in kinds else scalars[0]


def init_of(options: list[inspect.Parameter]) -> Any:
    """An `__init__` whose signature declares hyper-parameters, as that of every strategy here does."""

    def __init__(self: AvalancheStrategy, network: Network, **hyperparameters: Scalar) -> None:
        AvalancheStrategy.__init__(self, network)
        defaults = {option.name: option.default for option in options}
        self.hyperparameters = {**defaults, **hyperparameters}

    first = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("self", "network")]
    __init__.__signature__ = inspect.Signature([*first, *options])  # type: ignore[attr-defined]
    __init__.__annotations__ = {"network": Network, **{option.name: option.annotation for option in options}}
    return __init__


def refusal(name: str, budget: Budget, given: Mapping[str, Any], outputs: int) -> str | None:
    """Why a strategy cannot learn tasks like those of a run, where Avalanche would find out in the middle of it."""
    if name in BY_PASSES and budget.iterations:
        return "it plans by passes over a task: give a budget in --epochs"
    if name == "GenerativeReplay" and budget.input_shape != PICTURES:
        return f"its generator makes pictures of {PICTURES} alone, not {budget.input_shape}"
    if name == "BiC" and "verbose" not in inspect.signature(torch.optim.lr_scheduler.MultiStepLR).parameters:
        return f"it passes an argument (MultiStepLR's verbose) that torch {torch.__version__} no longer takes"
    # Two draw whole batches from memories, in loops that never end where there is none.
    if name == "FeatureReplay" and given["mem_size"] < given["batch_size_mem"]:
        return f"a memory of mem_size={given['mem_size']} has no batch of batch_size_mem={given['batch_size_mem']}"
    if name == "ER_AML" and given["mem_size"] // outputs < budget.batch_size:
        return f"mem_size={given['mem_size']} over {outputs} classes has no batch of {budget.batch_size} of each"
    return None


class AvalancheStrategy(ForeignStrategy):
    """A strategy of Avalanche around our network, with our optimiser, batches, budget and seeds.

    Each task is an experience of a stream. Where the task is told at test time, experiences have task labels and
    the network is a multi-head one, as with Avalanche's `MultiHeadClassifier`: a task's own outputs are its head, the
    others' logits are -1000. A strategy that knows no task labels learns as if the task were not told, and our masks
    alone know it in predictions. Where it is not told, all task labels are 0, and the network is a single layer of
    logits, as in Avalanche's own baselines. The loss that the run gives is cross-entropy over the scenario's active
    classes; one that a strategy brings itself takes all logits.

    Its hyper-parameters are those of its own arguments that can be written as text. An argument without a default
    has none here either. A budget in iterations is as many steps, whatever a strategy calls a pass.

    Predictions are those of Avalanche's evaluation: its model in evaluation mode, with what its plugins do to the
    output (nearest class means, bias correction), our masks on top.

    Attributes:
        name: as on the command line.
        wraps: the class of Avalanche's.
        theirs: its instance, from the first task on.
    """

    paper = "Lomonaco et al. 2021, arXiv 2104.00405"
    name: ClassVar[str]
    wraps: ClassVar[tuple[type, ...]]
    hyperparameters: dict[str, Scalar]

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.theirs: Theirs | None = None
        self.seen: list[tuple[int, ...]] = []

    def try_out(self, budget: Budget) -> None:
        outputs = self.network.classes
        if reason := refusal(self.wraps[0].__name__, budget, self.hyperparameters, outputs):
            raise RequestError(f"{self.name} cannot be run so: {reason}")
        self.made(copy.deepcopy(self.network), 0, budget)

    def learn(self, task: Task, budget: Budget, stepped: Stepped) -> None:
        from strategies.bridge.tasks import Experience

        seed = int(torch.randint(2**62, (), generator=self.generator))
        self.seen.append(task.classes)
        self.theirs = self.theirs or self.made(self.network, seed, budget)
        with quiet(), everyones_randomness(seed, budget.device):
            experience = Experience(task, self.seen, self.masks.shape[1], told=self.theirs.told)
            self.theirs.learn(experience, self.masks, budget, stepped, self.work)
        self.model = self.theirs.strategy.model
        self.network: Network = self.theirs.body.network

    def made(self, network: Network, seed: int, budget: Budget) -> "Theirs":
        """Avalanche's instance around a network."""
        from strategies.bridge.theirs import Theirs

        with quiet(), everyones_randomness(seed, budget.device):
            return Theirs(self.wraps[0], network, self.hyperparameters, budget)

    def forward(self, batch: Batch) -> Tensor:
        if self.theirs is None:
            return super().forward(batch)
        task = batch.task if self.theirs.told else torch.zeros_like(batch.task)
        return batch.masked(self.theirs.answers(batch.x, task.expand(len(batch.x)), batch.masks.shape[1]))

    def bytes_remembered(self) -> int:
        return self.theirs.bytes_remembered() if self.theirs else 0
