"""van de Ven's continual-learning on Split Fashion-MNIST, by its own `main.py`, for the rows "vandeven-here".

python -m fidelity.peers.vandeven CLONE                      all entries, three seeds each
python -m fidelity.peers.vandeven CLONE task/xdg --seeds 5   some of them, other seeds

CLONE is one of GMvandeVen/continual-learning; torchvision and matplotlib, which it imports, come with the extra
`avalanche`. Its code runs as it is, with two things put in place: where it loads MNIST it is given Fashion-MNIST, and
the classes keep their natural order for every seed, which it does for seed 0 alone.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from functools import partial
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from torch import Tensor
from torch.utils.data import Dataset

from fidelity.peers.measuring import Accuracies, Peer, importable
from scenarios.sources.source import Source


def entry(kind: str, options: str, iterations: int = 500) -> dict[str, str]:
    """What `main.py` is called with, beside the seed."""
    return {"main.py": f"--experiment=splitMNIST --scenario={kind} {options} --iters={iterations}"}


ENTRIES = {
    "class/bi-r 500": entry("class", "--brain-inspired"),
    "class/bi-r 2000": entry("class", "--brain-inspired", 2000),
    "domain/bi-r 500": entry("domain", "--brain-inspired"),
    "domain/bi-r 2000": entry("domain", "--brain-inspired", 2000),
    "task/bi-r 500": entry("task", "--brain-inspired"),
    "task/xdg": entry("task", "--xdg"),
    "class/dgr": entry("class", "--replay=generative"),
    "domain/dgr": entry("domain", "--replay=generative"),
    "task/dgr": entry("task", "--replay=generative"),
    "class/dgr distill": entry("class", "--replay=generative --distill"),
    "domain/dgr distill": entry("domain", "--replay=generative --distill"),
    "task/dgr distill": entry("task", "--replay=generative --distill"),
}

ALWAYS = "--no-gpus --no-save --no-samples --results-dir=. --data-dir=."


class Images(Dataset[tuple[Tensor, int]]):
    """Fashion-MNIST, asked for as `torchvision.datasets.MNIST` is; inputs are what `ToTensor` makes of bytes."""

    def __init__(
        self,
        root: str,
        train: bool,
        transform: object,
        target_transform: Callable[[int], int],
        *,
        source: Source,
        download: bool,
    ) -> None:
        inputs, test_inputs = source.in_memory
        self.inputs = (inputs if train else test_inputs).float() / 255
        self.targets = (source.y if train else source.test_y).tolist()
        self.target_transform = target_transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.inputs[index], self.target_transform(self.targets[index])


def run(name: str, clone: Path, source: Source, seed: int) -> Accuracies:
    """The accuracy on every task at the end."""
    importable(clone)
    main, available, evaluate = (import_module(each) for each in ("main", "data.available", "eval.evaluate"))
    get_context_set, test_acc = main.get_context_set, evaluate.test_acc
    finals: list[float] = []

    def natural_order(**options: Any) -> Any:
        return get_context_set(**{**options, "exception": True})

    def noted(*values: Any, **options: Any) -> float:
        accuracy: float = test_acc(*values, **options)
        if options["test_size"] is None:  # while it trains it asks for some examples alone
            finals.append(round(accuracy, 6))
        return accuracy

    with (
        tempfile.TemporaryDirectory() as folder,
        chdir(folder),
        redirect_stdout(StringIO()),
        redirect_stderr(StringIO()),  # a progress bar for every task
        patch.dict(available.AVAILABLE_DATASETS, MNIST=partial(Images, source=source)),
        patch.object(main, "get_context_set", natural_order),
        patch.object(evaluate, "test_acc", noted),
        patch.object(sys, "argv", ["main.py", *ENTRIES[name]["main.py"].split(), *ALWAYS.split(), f"--seed={seed}"]),
    ):
        main.run(main.handle_inputs())
    return [finals]


VANDEVEN = Peer("vandeven", "GMvandeVen/continual-learning", ENTRIES, run)

if __name__ == "__main__":
    VANDEVEN.main()
