"""`forgetless list scenarios`: families and sources apart, every name in JSON, and no torch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from forgetless.listed_scenarios import all_sources, families, others, scenarios
from forgetless.listing import Listed, things
from scenarios.catalogue import list_scenarios
from scenarios.sources.mnist import DATA

HOUSE = Path(__file__).parents[2]


def named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = (item for item in items if item["name"] == name)
    return found


def test_it_shows_families_and_sources_once_each() -> None:
    from forgetless.cli import app

    text = CliRunner().invoke(app, ["list", "scenarios"]).output
    for words in ("split-SOURCE", "rotated-SOURCE", "images only", "10 classes · 1×8×8 · with scikit-learn", "tabular"):
        assert text.count(words) >= 1
    assert "split-digits " not in text.replace("as split-digits)", "")
    assert len(text.splitlines()) < 200


def test_json_has_every_name_with_kinds_tasks_classes_and_data() -> None:
    listed = things(Listed.scenarios)
    assert [item["name"] for item in listed] == [*list_scenarios(), "avalanche/NAME", "continuum/NAME"]
    digits = named(listed, "rotated-digits")
    assert digits["kinds"] == ["task", "domain", "class"]
    assert (digits["tasks"], digits["classes"]) == (10, 10)
    assert (digits["available"], digits["data"]) == (True, "with scikit-learn")
    tabular = named(listed, "tabular")
    assert tabular["kinds"] == ["task", "class"]
    assert (tabular["tasks"], tabular["classes"], tabular["available"]) == (3, 8, True)
    assert tabular["data"] == "of iris, wine, breast-cancer"
    assert json.loads(json.dumps(listed)) == listed
    assert len(families()) * len(all_sources()) >= len(listed) - len(others())


def test_it_says_where_data_is_or_why_it_is_not_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FORGETLESS_DATA", raising=False)
    assert named(all_sources(), "mnist")["available"] is False
    assert "not here; downloaded" in named(scenarios(), "split-mnist")["data"]
    assert "unpack http" in named(all_sources(), "core50")["data"]
    for name in DATA.sums:
        (tmp_path / f"{name}.gz").touch()
    monkeypatch.setenv("FORGETLESS_DATA", str(tmp_path))
    assert named(all_sources(), "mnist")["data"] == str(tmp_path)
    assert named(scenarios(), "permuted-mnist")["available"] is True


def test_it_imports_no_torch() -> None:
    script = """
import sys
from forgetless.listing import Listed, things
assert len(things(Listed.scenarios)) > 30
assert not {"torch", "numpy", "sklearn", "PIL", "torchvision"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], cwd=HOUSE, check=True, timeout=60)
