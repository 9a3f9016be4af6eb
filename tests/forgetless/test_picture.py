"""`forgetless list scenarios --picture` and `--check`, and the page made of all scenarios."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fidelity import scenario_pages
from forgetless.listed_scenarios import all_sources
from scenarios.catalogue import SCENARIOS
from scenarios.options import options_of


def test_a_picture_is_written_where_it_is_said(forgetless: Any, tmp_path: Path) -> None:
    result = forgetless("list", "scenarios", "--picture", "split-digits:class,tasks=2", "--out", "x.png")
    assert (result.code, result.out, result.err) == (0, "x.png\n", "")
    with Image.open("x.png") as image:
        image.load()
        assert image.format == "PNG"
    assert forgetless("list", "scenarios", "--picture", "split-digits:class,tasks=2").out == (
        "split-digits-class-tasks=2-tasks.png\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["split-digits-class-tasks=2-tasks.png", "x.png"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["scenarios", "--picture", "split-digit"], "did you mean 'split-digits'"),
        (["scenarios", "--picture", "split-digits:task,tasks=3"], "do not divide"),
        (["scenarios", "--picture", "nowhere/"], "nowhere"),
        (["scenarios", "--picture", ""], "names nothing"),
        (["scenarios", "--picture", "split-digits", "--out", "x.jpg"], "x.png"),
        (["scenarios", "--picture", "split-digits", "--out", "no/x.png"], "there is no folder no"),
        (["scenarios", "--picture", "split-digits", "--out", "folder.png"], "is a folder"),
        (["scenarios", "--picture", "split-digits", "--out", "/proc/x.png"], "cannot be written"),
        (["strategies", "--picture", "ewc"], "--picture is for scenarios"),
        (["--check", "split-digits"], "--check is for scenarios"),
        (["scenarios", "--check", "split-digit"], "did you mean"),
        (["scenarios", "--check", "split-digits", "--json"], "--json"),
        (["scenarios", "--check", "split-digits", "--out", "x.png"], "--check prints"),
        (["scenarios", "--check", "split-digits", "--picture", "split-digits"], "two requests"),
        (["scenarios", "--out", "x.png"], "--picture NAME"),
        (["scenarios", "--data", "."], "--check NAME"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(forgetless: Any, tmp_path: Path, asked: list[str], said: str) -> None:
    (tmp_path / "folder.png").mkdir()
    result = forgetless("list", *asked)
    assert (result.code, result.out) == (2, "")
    assert len(result.err.splitlines()) == 1
    assert said in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_check_prints_digest_sizes_and_what_training_has_seen(forgetless: Any) -> None:
    from scenarios.scenario import scenario_reference

    result = forgetless("list", "scenarios", "--check", "addition-facts")
    assert (result.code, result.err) == (0, "")
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[0] == "addition-facts:task"
    assert lines[1] == f"digest {scenario_reference('addition-facts').build().digest}"
    # Facts are tested on themselves, and 1+2 and 2+1 are in both sets.
    assert "1 ones facts 19 17 17 17 17 1 (17), 2 (2)" in lines
    assert lines[-1].endswith(": 34 of 34")
    clean = forgetless("list", "scenarios", "--check", "split-digits:class")
    assert clean.out.splitlines()[-1].endswith(": 0 of 355")


PLUGIN = '''
import torch
from scenarios.sources.source import Source, register

@register("kept", classes=2, shape=(3,))
def kept(root):
    """Numbers in a file of the folder that is named."""
    x = torch.frombuffer(bytearray((root / "kept.bin").read_bytes()), dtype=torch.uint8).view(-1, 3).float()
    y = torch.arange(len(x)) % 2
    return Source("kept", ("even", "odd"), x, y, x[:4] + 0.5, y[:4])
'''


def test_data_sets_are_looked_for_where_it_is_said(forgetless: Any, tmp_path: Path) -> None:
    Path("plugin.py").write_text(PLUGIN)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "kept.bin").write_bytes(bytes(range(60)))
    asked = ("split-kept:class,tasks=2", "--plugin", "plugin.py", "--data", "here")
    assert forgetless("list", "scenarios", "--check", *asked).out.splitlines()[-1].endswith(": 0 of 4")
    assert forgetless("list", "scenarios", "--picture", *asked).code == 0


def test_a_check_sees_content_through_the_transform(forgetless: Any, tmp_path: Path) -> None:
    import numpy as np

    x = np.random.default_rng(0).integers(0, 256, (40, 4, 4), dtype=np.uint8)
    y = np.arange(40) % 4
    np.savez("own.npz", x=x, y=y, test_x=np.concatenate([x[1::4][:3], 255 - x[:9]]), test_y=np.array([1, 1, 1, *y[:9]]))
    asked = "own.npz:class,tasks=2,validation=0"
    split = forgetless("list", "scenarios", "--check", asked).out
    assert split.splitlines()[-1].endswith(": 3 of 12")
    assert "1 (3)" in split
    rotated = forgetless("list", "scenarios", "--check", "permuted-own.npz:domain,tasks=2,validation=0").out
    assert rotated.splitlines()[-1].endswith(": 6 of 24")


def test_the_list_itself_does_not_load_what_draws() -> None:
    script = (
        "import sys\nfrom forgetless import cli\nfrom forgetless.listing import Listed, things\n"
        "things(Listed.scenarios)\n"
        "assert not {'torch', 'PIL', 'forgetless.shown_scenario'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True, timeout=60)


def test_the_committed_page_is_what_the_sources_say() -> None:
    found = (scenario_pages.FOLDER / "README.md").read_text(encoding="utf-8")
    assert found == scenario_pages.page(scenario_pages.kept()), "run python -m fidelity.scenario_pages --write"
    for name in scenario_pages.listed():
        assert f"\n### {name}\n" in found
    assert {"split", "permuted", "sequence", "multimodal"} <= set(scenario_pages.listed())


@pytest.mark.parametrize("name", sorted(scenario_pages.listed()))
def test_every_option_is_explained(name: str) -> None:
    text = scenario_pages.section(name, {"kinds": []})
    for option in options_of(SCENARIOS.get(name)):
        (line,) = (line for line in text.splitlines() if line.startswith(f"| `{option}` "))
        said = line.split("|")[3].partition(" One of ")[0].strip()
        assert said, f"the docstring of {name} does not say what {option} is"


def test_every_scenario_whose_data_can_be_had_here_has_a_small_picture() -> None:
    absent = {name for name, item in scenario_pages.listed().items() if item.get("available") is False}
    pictures = [scenario_pages.FOLDER / scenario_pages.file_of(name) for name in scenario_pages.listed()]
    assert {path.name for path in scenario_pages.FOLDER.glob("*.png")} <= {path.name for path in pictures}
    for path in pictures:
        if path.stem in absent and not path.exists():
            continue
        with Image.open(path) as image:
            image.load()
        assert path.stat().st_size < 60_000
    assert sum(path.stat().st_size for path in scenario_pages.FOLDER.glob("*.png")) < 1_000_000


def test_duplicates_are_as_the_page_says() -> None:
    from scenarios.integrity import duplicates
    from scenarios.sources.source import load_source

    kept = scenario_pages.kept()
    assert set(kept) >= {item["name"] for item in all_sources() if item["data"] == "with scikit-learn"}
    for name in ("digits", "iris", "wine", "breast-cancer"):
        source = load_source(name)
        assert kept[name] == f"{len(duplicates(source)):,} of {len(source.test_y):,}"
