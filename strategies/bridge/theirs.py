"""An instance of one of Avalanche's strategies: made around our network, given tasks, asked for answers."""

import copy
import inspect
from contextlib import ExitStack
from types import GeneratorType
from typing import Any

import torch
from avalanche.models import SCRModel
from avalanche.models.packnet import PackNetModel
from avalanche.training.plugins import EvaluationPlugin
from torch import Tensor, nn

from strategies.bridge.memory import bytes_held, reached
from strategies.bridge.models import ActiveCrossEntropy, Body, Counter, Model, MultiHeadModel
from strategies.bridge.tasks import Experience, Question, Reporter
from strategies.foreign import Budget, Stepped
from strategies.networks.network import Network
from strategies.strategy import Work

PROJECTION = 128
"""Outputs of SCR's projection, a hidden layer as wide as the features below it (Mai et al. 2021)."""

SINGLE_HEADED = {"BiC", "DER", "FeatureReplay", "GSS_greedy", "GenerativeReplay", "ICaRL", "SCR", "StreamingLDA"}
"""Those that know no task labels, whose model cannot be multi-headed."""

UNSEEN = -1e4
"""The logit of a class that a strategy has no output for yet: nearest class means grow with the classes seen."""


class Theirs:
    """A strategy of Avalanche's and what of ours it works with.

    Args:
        kind: its class.
        network: trained in place, or copied by the strategy; `body.network` is the one it uses.
        hyperparameters: arguments of the class.
        budget: for the arguments that the run gives.

    Attributes:
        told: whether tasks have labels, and the model is multi-headed.
    """

    def __init__(self, kind: type, network: Network, hyperparameters: dict[str, Any], budget: Budget) -> None:
        self.told = budget.told and kind.__name__ not in SINGLE_HEADED
        self.masks = torch.empty(0)
        self.counter = Counter()
        self.reporter = Reporter()
        self.criterion = ActiveCrossEntropy()
        self.inputs, self.outputs = network.output.in_features, network.output.out_features
        self.buffers = {name for name, _ in network.named_buffers()}
        model = self._model(kind.__name__, network)
        model.to(budget.device)
        given: dict[str, Any] = {
            **dict.fromkeys(("slda_model", "feature_extractor"), self.body),
            "model": model,
            "classifier": network.output,
            "criterion": self.criterion,
            "optimizer": budget.optimizer_for(model),
            "train_mb_size": budget.batch_size,
            **dict.fromkeys(("train_epochs", "train_passes"), budget.epochs or budget.iterations),
            "eval_mb_size": 1024,
            "device": budget.device,
            "plugins": [self.reporter],
            "evaluator": EvaluationPlugin(),
            "eval_every": -1,
            "verbose": False,
            **dict.fromkeys(("cwr_layer_name", "last_layer_name"), "classifier"),
            "buffer_transform": None,
            **dict.fromkeys(("n_classes", "num_classes"), self.outputs),
        }
        parameters = inspect.signature(kind).parameters
        loss = parameters["criterion"].default if "criterion" in parameters else None
        if loss is not inspect.Parameter.empty and type(loss) is not nn.CrossEntropyLoss:
            # A strategy's own stays its own, but not that of all its instances: it notes classes.
            given["criterion"] = copy.deepcopy(loss)
        if "input_size" in parameters:
            flat = parameters["input_size"].annotation is int
            given["input_size"] = self.inputs if flat else list(budget.input_shape)
        taken = {name: value for name, value in given.items() if name in parameters}
        self.strategy: Any = kind(**taken, **hyperparameters)
        if self.reporter not in self.strategy.plugins:
            self.strategy.plugins.insert(0, self.reporter)  # PackNet drops the plugins it is given

    def _model(self, kind: str, network: Network) -> nn.Module:
        """Our network in the kind of model that a strategy asks for."""
        if kind == "PackNet":
            PackNetModel.wrap(network)
        self.body = Body(network, self.counter)
        if kind == "PackNet":
            return PackNetModel(Model(self.body, network.output))
        if kind == "SCR":
            hidden = nn.Linear(self.inputs, self.inputs)
            projection = nn.Sequential(hidden, nn.ReLU(), nn.Linear(self.inputs, PROJECTION))
            return SCRModel(self.body, projection)
        return (MultiHeadModel if self.told else Model)(self.body, network.output)

    def learn(self, experience: Experience, masks: Tensor, budget: Budget, stepped: Stepped, work: Work) -> None:
        """Train on an experience, counting in `work` what goes through the network and its copies."""
        strategy = self.strategy
        self.masks = masks
        self.criterion.active = None if self.told else masks.any(0)
        for module in strategy.model.modules():
            if isinstance(module, MultiHeadModel):
                module.masks = masks
        if strategy.optimizer is not None and not budget.carry_optimizer:
            strategy.optimizer.state.clear()
        strategy.train_epochs = budget.epochs or budget.iterations
        self.reporter.stepped, self.reporter.left, self.counter.work = stepped, budget.iterations, work
        try:
            strategy.train(experience, eval_streams=[], num_workers=0)
        finally:
            self.reporter.stepped = self.counter.work = None
        # Some strategies put a copy in the place of the model.
        self.body = next((module for module in strategy.model.modules() if isinstance(module, Body)), self.body)

    def answers(self, x: Tensor, task: Tensor, classes: int) -> Tensor:
        """Logits [B, classes] as Avalanche's evaluation has them, its plugins included."""
        strategy = self.strategy
        before = strategy.is_training, strategy.mbatch, strategy.mb_output, strategy.experience
        with ExitStack() as stack:
            if torch.is_inference_mode_enabled():  # a model may note its task: what it notes has to train later
                stack.enter_context(torch.inference_mode(False))
                stack.enter_context(torch.no_grad())
            strategy.is_training = False
            strategy.mbatch = [x, torch.zeros_like(task), task]
            strategy.experience = Question()
            strategy._before_eval_forward()
            strategy.mb_output = strategy.forward()
            strategy._after_eval_forward()
            logits: Tensor = strategy.mb_output
            logits = nn.functional.pad(logits, (0, classes - logits.shape[1]), value=UNSEEN)
        strategy.is_training, strategy.mbatch, strategy.mb_output, strategy.experience = before
        return logits

    def bytes_remembered(self) -> int:
        """Bytes it keeps besides the network: see `bytes_held`."""
        network = self.body.network
        own = [*network.parameters(), *(it for name, it in network.named_buffers() if name in self.buffers)]
        active = () if self.criterion.active is None else (self.criterion.active,)
        ours = {tensor.untyped_storage().data_ptr() for tensor in (*own, *active, self.masks)}
        return bytes_held(self.strategy, ours)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Theirs":
        # Loaders that go on for ever, and outputs of the last step, cannot be copied, and no answer needs them.
        for value in reached(self.strategy):
            if isinstance(value, GeneratorType):
                memo[id(value)] = value
            elif isinstance(value, Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach()
        made = Theirs.__new__(Theirs)
        memo[id(self)] = made
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made
