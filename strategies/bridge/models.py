"""Our network as the models that Avalanche's strategies know."""

from typing import Any

import torch
from avalanche.models import BaseModel, MultiTaskModule
from torch import Tensor, nn

from strategies.networks.network import Network
from strategies.strategy import Work

INACTIVE = -1000.0
"""The logit of a class that is another task's, as in Avalanche's `MultiHeadClassifier`."""


class Counter:
    """Counts the examples that networks are given, in copies of them as well, while it has somewhere to add them."""

    def __init__(self) -> None:
        self.work: Work | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Counter":
        return self

    def forward(self, features: Tensor) -> Tensor:
        """Count what went through the body of a network, and its gradients as they come."""
        if self.work is not None:
            self.work.forward += len(features)
            self._watch(features)
        return features

    def head(self, features: Tensor, logits: Tensor) -> Tensor:
        """Count the gradients of a last layer that is trained alone, on features without any."""
        if self.work is not None and not features.requires_grad:
            self._watch(logits)
        return logits

    def _watch(self, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(self._backward)

    def _backward(self, gradient: Tensor) -> None:
        if self.work is not None:
            self.work.backward += len(gradient)


class Body(nn.Module):
    """Our network up to its last layer, which is no part of it.

    Avalanche finds, swaps and freezes layers by where they are in a model, as `features` and `classifier`.
    """

    network: Network

    def __init__(self, network: Network, counter: Counter) -> None:
        super().__init__()
        self.__dict__["network"] = network  # not registered, as its last layer would be as well
        self.counter = counter
        for name, child in network.named_children():
            if child is not network.output:
                self.add_module(name, child)
        for name, parameter in network.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        for name, buffer in network.named_buffers(recurse=False):
            self.register_buffer(name, buffer)

    def train(self, mode: bool = True) -> "Body":
        self.network.training = mode
        return super().train(mode)

    def forward(self, x: Tensor) -> Tensor:
        return self.counter.forward(self.network.features(x))


class Model(nn.Module, BaseModel):
    """Our network as one of Avalanche's: a single layer of logits over all classes, none of them masked."""

    def __init__(self, body: Body, classifier: nn.Module) -> None:
        super().__init__()
        self.features = body
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x)
        return self.features.counter.head(features, self.classifier(features))

    def get_features(self, x: Tensor) -> Tensor:
        features: Tensor = self.features(x)
        return features


class MultiHeadModel(MultiTaskModule, BaseModel):
    """Our network as a multi-head one: the outputs of a task are its head, the others are masked.

    Attributes:
        masks: which classes are active for each task, bool [tasks, classes]; none for tasks yet to come.
    """

    def __init__(self, body: Body, classifier: nn.Module) -> None:
        super().__init__()
        self.features = body
        self.classifier = classifier
        self.masks = torch.empty(0)

    def forward(self, x: Tensor, task_labels: Tensor | None) -> Any:
        features = self.features(x)
        logits = self.features.counter.head(features, self.classifier(features))
        if task_labels is None:
            return {task: self.head(logits, torch.tensor([task])) for task in self.known_train_tasks_labels}
        return self.head(logits, task_labels)

    def head(self, logits: Tensor, task: Tensor) -> Tensor:
        active = self.masks.index_select(0, task.to(self.masks.device))
        unknown = ~active.any(1, keepdim=True)  # a task yet to come is asked for in evaluations alone
        return torch.where(active | unknown, logits, INACTIVE)

    def forward_single_task(self, x: Tensor, task_label: int) -> Any:
        return self(x, torch.tensor([task_label]))

    def get_features(self, x: Tensor) -> Tensor:
        features: Tensor = self.features(x)
        return features


class ActiveCrossEntropy(nn.CrossEntropyLoss):
    """Cross-entropy over the classes that are active in the scenario.

    Attributes:
        active: bool [classes].
    """

    active: Tensor | None = None

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        if self.active is not None:
            input = torch.where(self.active, input, -torch.inf)
        return super().forward(input, target)
