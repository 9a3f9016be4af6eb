"""Mammoth on Split Fashion-MNIST, by its own `main.py`, for the rows "mammoth-here".

python -m fidelity.peers.mammoth CLONE                      all entries, three seeds each
python -m fidelity.peers.mammoth CLONE task/der --seeds 5   some of them, other seeds

CLONE is one of aimagelab/mammoth. It imports what its `requirements.txt` names, pandas and, for GEM, quadprog. Its code
runs as it is, with two things put in place: where it loads MNIST it is given Fashion-MNIST, and open_clip, which others
of its data sets ask for a transform, has none.

A run has both accuracies: the task-incremental one is that of the same model, asked among the classes of a task. Where
`--batch_size` is given, it is what is replayed as well, whatever `--minibatch_size` says.
"""

import sys
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from fidelity.peers.measuring import Accuracies, Peer, importable
from scenarios.sources.source import Source

KINDS = {"class": "class-il", "task": "task-il"}
"""What its accuracies are called, in the order in which it gives them."""


def entries(name: str, options: str, kinds: str = "class task") -> dict[str, dict[str, str]]:
    """What `main.py` is called with, beside the seed, and which of its accuracies is kept, by kind."""
    return {f"{kind}/{name}": {"main.py": f"--model {options}", "accuracy": KINDS[kind]} for kind in kinds.split()}


ENTRIES = {
    **entries("der", "der --buffer_size 200 --alpha 0.2 --lr 0.03"),
    **entries("derpp", "derpp --buffer_size 200 --alpha 0.2 --beta 1 --lr 0.03"),
    **entries("online-ewc", "ewc_on --e_lambda 90 --gamma 1 --lr 0.03", "task"),
    **entries("gem", "gem --buffer_size 200 --gamma 1 --lr 0.01"),
    **entries("agem", "agem --buffer_size 200 --lr 0.1"),
}

ALWAYS = "--dataset seq-mnist --batch_size 10 --n_epochs 1 --num_workers 0 --non_verbose 1"


def run(name: str, clone: Path, source: Source, seed: int) -> Accuracies:
    """The accuracy on each task seen so far, after each task."""
    entry = ENTRIES[name]
    return found(entry["main.py"], clone, source, seed)[entry["accuracy"]]


@cache
def found(options: str, clone: Path, source: Source, seed: int) -> dict[str, Accuracies]:
    """Both accuracies of one run."""
    importable(clone)
    sys.modules.setdefault("open_clip", open_clip())
    accuracies: dict[str, Accuracies] = {name: [] for name in KINDS.values()}
    with (
        tempfile.TemporaryDirectory() as folder,
        chdir(clone),  # where it looks for what it has
        redirect_stdout(StringIO()),
        redirect_stderr(StringIO()),
        patch("torchvision.datasets.MNIST._check_exists", lambda data: True),
        patch("torchvision.datasets.MNIST._load_data", lambda data: images(source, data.train)),
        patch.object(sys, "argv", ["main.py", *f"{ALWAYS} --seed {seed} {options} --base_path {folder}".split()]),
    ):
        main = import_module("main")
        data: Any = import_module("datasets.utils.continual_dataset").ContinualDataset
        evaluate = data.evaluate

        def noted(*values: Any, **named: Any) -> Any:
            both = evaluate(*values, **named)
            for name, shares in zip(accuracies, both, strict=True):
                accuracies[name].append([round(share / 100, 6) for share in shares])
            return both

        torch.set_num_threads(1)  # it asks for two when it is imported
        with patch.object(data, "evaluate", staticmethod(noted)):
            main.main()
    return accuracies


def images(source: Source, train: bool) -> tuple[Tensor, Tensor]:
    """Bytes and labels as `torchvision.datasets.MNIST` reads them."""
    inputs, test_inputs = source.in_memory
    return (inputs.squeeze(1), source.y) if train else (test_inputs.squeeze(1), source.test_y)


def open_clip() -> ModuleType:
    """A module whose networks and transforms are nothing."""
    module: Any = ModuleType("open_clip")
    module.create_model_and_transforms = lambda *_, **__: (None, None, None)
    return module


MAMMOTH = Peer("mammoth", "aimagelab/mammoth", ENTRIES, run)

if __name__ == "__main__":
    MAMMOTH.main()
