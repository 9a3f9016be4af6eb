"""What was measured of peers says how it was, and is what their scripts would write."""

import json
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from fidelity.peers import avalanche, mammoth, measuring
from fidelity.peers.gtripl import GTRIPL
from fidelity.peers.mammoth import MAMMOTH
from fidelity.peers.measuring import TASKS, Peer, lines
from fidelity.peers.vandeven import VANDEVEN, Images
from scenarios.sources.source import Source

CLONED = [VANDEVEN, GTRIPL, MAMMOTH]


@pytest.mark.parametrize("peer", CLONED, ids=lambda peer: peer.script)
def test_what_is_kept_of_a_clone_is_what_its_entries_say(peer: Peer) -> None:
    text = peer.found.read_text(encoding="utf-8")
    document = json.loads(text)
    assert lines(document) == text
    assert peer.repository in document["made_with"]
    assert list(document["entries"]) == [name for name in peer.entries if name in document["entries"]]
    for name, found in document["entries"].items():
        assert found == {"command": peer.command(name, len(found["runs"])), **peer.entries[name], "runs": found["runs"]}
        assert [run["seed"] for run in found["runs"]] == [*range(len(found["runs"]))]
        for run in found["runs"]:
            assert len(run["accuracy"][-1]) == TASKS
            assert all(0 <= min(row) <= max(row) <= 1 for row in run["accuracy"])


def test_what_is_kept_of_avalanche_is_what_its_entries_say() -> None:
    text = avalanche.FOUND.read_text(encoding="utf-8")
    document = json.loads(text)
    assert lines(document) == text
    assert list(document["entries"]) == [name for name in avalanche.ENTRIES if name in document["entries"]]
    for name, found in document["entries"].items():
        entry = avalanche.ENTRIES[name]
        assert (found["strategy"], found["options"], found.get("way", "")) == (entry.strategy, entry.options, entry.way)
        assert found["command"] == f"python -m fidelity.peers.avalanche {name} --seeds {len(found['runs'])}"
        for run in found["runs"]:
            assert len(run["accuracy"]) == (1 if entry.strategy == "JointTraining" else TASKS)
            assert all(len(row) == TASKS for row in run["accuracy"])
            assert all(share is None or 0 <= share <= 1 for row in run["accuracy"] for share in row)
            assert None not in run["accuracy"][-1]


def test_an_unknown_entry_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        avalanche.main(["domain/naivety"])
    assert ended.value.code == 2
    assert "domain/naivety: the entries are domain/naive" in capsys.readouterr().err


def test_an_entry_measured_again_replaces_what_was_kept_of_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    first, second = ([{"seed": 0, "accuracy": [[share] * 5]}] for share in (0.5, 0.6))
    avalanche.keep("task/joint", first, path)
    avalanche.keep("domain/joint", first, path)
    avalanche.keep("task/joint", second, path)
    entries = json.loads(path.read_text(encoding="utf-8"))["entries"]
    assert list(entries) == ["domain/joint", "task/joint"]
    assert [entry["runs"] for entry in entries.values()] == [first, second]


def a_peer(folder: Path) -> Peer:
    def run(name: str, clone: Path, source: Source, seed: int) -> list[list[float]]:
        return [[len(name) / 10 + seed / 10] * TASKS]

    return Peer("nobody", "some/body", {"a": {"option": 1}, "ab": {"option": 2}}, run, folder)


def test_a_clone_is_asked_for_its_entries_and_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    subprocess.run([*git, *identity, "commit", "--quiet", "--allow-empty", "--message=all"], check=True)
    told = subprocess.run([*git, "rev-parse", "--short=7", "HEAD"], check=True, capture_output=True, text=True)
    monkeypatch.setattr(measuring, "load_source", lambda name: None)
    peer = a_peer(tmp_path)
    peer.main([str(tmp_path), "ab", "--seeds", "2"])
    peer.main([str(tmp_path), "a", "--seeds", "1"])
    document = json.loads(peer.found.read_text(encoding="utf-8"))
    assert document["made_with"]["some/body"] == told.stdout.strip()
    assert document["entries"] == {
        "a": {
            "command": 'python -m fidelity.peers.nobody CLONE "a" --seeds 1',
            "option": 1,
            "runs": [{"seed": 0, "accuracy": [[0.1] * TASKS]}],
        },
        "ab": {
            "command": 'python -m fidelity.peers.nobody CLONE "ab" --seeds 2',
            "option": 2,
            "runs": [{"seed": 0, "accuracy": [[0.2] * TASKS]}, {"seed": 1, "accuracy": [[pytest.approx(0.3)] * TASKS]}],
        },
    }


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        (["."], "is no clone: git clone https://github.com/some/body makes one"),
        ([".", "b"], "b: the entries are a, ab"),
    ],
)
def test_what_is_no_clone_or_no_entry_is_refused(
    arguments: list[str],
    refused: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        a_peer(tmp_path).main(arguments)
    assert ended.value.code == 2
    assert refused in capsys.readouterr().err


@pytest.fixture
def source() -> Source:
    x = torch.arange(12, dtype=torch.uint8).view(3, 1, 2, 2) * 20
    y = torch.tensor([1, 0, 1])
    return Source("two", ("a", "b"), x, y, x[:1], y[:1])


def test_images_in_place_of_mnist_are_floats_with_their_classes_renamed(source: Source) -> None:
    shares = {
        train: Images("nowhere", train, None, lambda label: 1 - label, source=source, download=True)
        for train in (True, False)
    }
    assert [len(shares[True]), len(shares[False])] == [3, 1]
    image, label = shares[True][1]
    assert label == 1
    assert torch.equal(image, torch.tensor([[[80.0, 100.0], [120.0, 140.0]]]) / 255)
    assert shares[True].targets == [1, 0, 1], "as they are: its own code asks for the transform itself"


A_MAIN = """
import os
import sys
import open_clip
import torch
from torchvision.datasets import MNIST
from torchvision.transforms.functional import to_tensor
from datasets.utils.continual_dataset import ContinualDataset

torch.set_num_threads(2)
assert open_clip.create_model_and_transforms("a network", pretrained="elsewhere")[2] is None


def main():
    options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    assert options["--dataset"] == "seq-mnist" and os.listdir("datasets") == ["utils"], "it looks where it is called"
    train, test = (MNIST(".", train=train, download=True, transform=to_tensor) for train in (True, False))
    assert [len(train), len(test)] == [3, 1]
    image, label = train[1]
    assert label == 0 and torch.equal(image, torch.tensor([[[80, 100], [120, 140]]]) / 255)
    for task in range(5):
        ContinualDataset.evaluate(task, int(options["--seed"]), last=False)
"""

AN_EVALUATION = """
class ContinualDataset:
    @staticmethod
    def evaluate(model, dataset, last):
        return [[25.0 + dataset] * (model + 1), [75.0 + dataset] * (model + 1)]
"""


@pytest.mark.parametrize(("kind", "share"), [("class", 0.26), ("task", 0.76)])
def test_mammoth_is_given_the_images_and_asked_for_the_accuracy_of_a_kind(
    kind: str, share: float, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchvision")
    package = tmp_path / "datasets" / "utils"
    package.mkdir(parents=True)
    (tmp_path / "main.py").write_text(A_MAIN, encoding="utf-8")
    (package / "continual_dataset.py").write_text(AN_EVALUATION, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    with patch.dict(sys.modules):
        for name in ("main", "datasets", "datasets.utils", "datasets.utils.continual_dataset"):
            sys.modules.pop(name, None)
        found = mammoth.run(f"{kind}/der", tmp_path, source, 1)
        assert torch.get_num_threads() == 1, "whatever it asks for itself"
    assert found == [[share] * (task + 1) for task in range(TASKS)]
