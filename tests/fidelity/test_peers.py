"""What was measured of peers says how it was, and is what their scripts would write."""

import json
from pathlib import Path

import pytest

from fidelity.peers import avalanche


def test_what_is_kept_of_avalanche_is_what_its_entries_say() -> None:
    text = avalanche.FOUND.read_text(encoding="utf-8")
    document = json.loads(text)
    assert avalanche.lines(document) == text
    assert list(document["entries"]) == [name for name in avalanche.ENTRIES if name in document["entries"]]
    for name, found in document["entries"].items():
        entry = avalanche.ENTRIES[name]
        assert (found["strategy"], found["options"], found.get("way", "")) == (entry.strategy, entry.options, entry.way)
        assert found["command"] == f"python -m fidelity.peers.avalanche {name} --seeds {len(found['runs'])}"
        for run in found["runs"]:
            assert len(run["accuracy"]) == (1 if entry.strategy == "JointTraining" else avalanche.TASKS)
            assert all(len(row) == avalanche.TASKS for row in run["accuracy"])
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
