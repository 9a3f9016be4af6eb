"""Avalanche's Naive, at its fastest and as its classic benchmarks have it.

Its imports take seconds; they are made inside.
"""

import io
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from benches.work import LR, Work, floats
from benches.workers.plain import EVALUATION_BATCH, accuracies
from scenarios.examples import Examples

Result = tuple[float, float]
"""Seconds, and the accuracy on the last task."""


def lean(work: Work) -> Result:
    """Float tensors in memory, one metric, no logger."""

    def streams() -> tuple[object, list[object]]:
        from avalanche.benchmarks import benchmark_from_datasets
        from avalanche.benchmarks.utils import as_classification_dataset
        from avalanche.evaluation.metrics import accuracy_metrics

        def datasets(parts: Sequence[Examples]) -> list[object]:
            made = []
            for part in parts:
                dataset = TensorDataset(*floats(part))
                dataset.targets = dataset.tensors[1].tolist()
                made.append(as_classification_dataset(dataset))
            return made

        training = datasets([task.training for task in work.scenario.tasks])
        benchmark = benchmark_from_datasets(train=training, test=datasets(work.scenario.test))
        return benchmark, accuracy_metrics(experience=True)

    return whole_run(work, streams, loggers=[])


def classic(work: Work) -> Result:
    """Pictures through ToTensor, accuracy and loss metrics, a text logger."""

    def streams() -> tuple[object, list[object]]:
        from avalanche.benchmarks import nc_benchmark
        from avalanche.evaluation.metrics import accuracy_metrics, loss_metrics
        from torchvision.transforms import ToTensor

        benchmark = nc_benchmark(
            Pictures([task.training for task in work.scenario.tasks]),
            Pictures(work.scenario.test),
            n_experiences=len(work.scenario.tasks),
            task_labels=False,
            fixed_class_order=list(range(work.scenario.classes)),
            train_transform=ToTensor(),
            eval_transform=ToTensor(),
        )
        return benchmark, [*accuracy_metrics(epoch=True, experience=True), *loss_metrics(epoch=True, experience=True)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from avalanche.logging import TextLogger
    return whole_run(work, streams, loggers=[TextLogger(io.StringIO())])


def whole_run(work: Work, streams: Callable[[], tuple[object, list[object]]], loggers: list[object]) -> Result:
    """All tasks, tested on all of them before the first and after each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of loggers and solvers that this does not use
        from avalanche.models import SimpleMLP
        from avalanche.training.plugins import EvaluationPlugin
        from avalanche.training.supervised import Naive

        benchmark, metrics = streams()
        torch.manual_seed(0)
        hidden = work.network.removeprefix("mlp:").split("x")
        model = SimpleMLP(work.scenario.classes, hidden_size=int(hidden[0]), hidden_layers=len(hidden), drop_rate=0)
        strategy = Naive(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=LR),
            criterion=nn.CrossEntropyLoss(),
            train_mb_size=work.batch_size,
            eval_mb_size=EVALUATION_BATCH,
            train_epochs=1,
            evaluator=EvaluationPlugin(*metrics, loggers=loggers),
        )
        start = time.perf_counter()
        strategy.eval(benchmark.test_stream, num_workers=0)
        for experience in benchmark.train_stream:
            strategy.train(experience, num_workers=0)
            strategy.eval(benchmark.test_stream, num_workers=0)
        taken = time.perf_counter() - start
    model.eval()
    return taken, accuracies(model, [floats(work.scenario.test[-1])])[0]


class Pictures(Dataset[tuple[object, int]]):
    """Examples as (PIL image, label), the way torchvision's data sets give them."""

    def __init__(self, parts: Sequence[Examples]) -> None:
        batches = [examples.batch(torch.arange(len(examples))) for examples in parts]
        self.images = np.concatenate([x.squeeze(1).numpy() for x, _ in batches])
        self.targets = torch.cat([y for _, y in batches]).tolist()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[object, int]:
        from PIL import Image

        return Image.fromarray(self.images[index]), self.targets[index]
