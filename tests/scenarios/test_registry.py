"""Registries: listed from source, extended by plug-ins, and no foreign file breaks them with a traceback."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from refusals import refusal

from benchmark.catalogue import PROPERTIES
from scenarios.catalogue import SCENARIOS, SOURCES, list_scenarios
from scenarios.options import options_of
from scenarios.registry import Registry, load_plugin, source_digest
from scenarios.scenario import scenario_reference
from strategies.catalogue import NETWORKS, STRATEGIES

REGISTRIES: list[Registry[Any]] = [SCENARIOS, SOURCES, STRATEGIES, NETWORKS, PROPERTIES]
HOUSE = Path(__file__).parents[2]
COINS = '''
from scenarios.scenario import register

@register("{name}")
def {name}(seed, *, tasks: int = 2, fair: bool = True):
    """Heads or tails,
    thrown.

    At length.
    """
'''
FAMILY = '''
from scenarios.images import transformed_tasks
from scenarios.scenario import register

@register("upside-down")
def upside_down(source, seed, *, kind: str = "domain"):
    """All images on their heads."""
    return transformed_tasks(
        source, seed, [lambda x: x.flip(-2)], ["flipped"],
        kind=kind, active="seen", validation=0.1, standardise=False,
    )
'''

pytestmark = pytest.mark.usefixtures("fresh_registries")

Write = Callable[[str], str]


@pytest.fixture
def plugin(tmp_path: Path) -> Write:
    """Writes a plug-in; its path."""
    count = iter(range(9))

    def write(text: str) -> str:
        file = tmp_path / f"mine{next(count)}.py"
        file.write_text(text)
        return str(file)

    return write


def test_listing_everything_imports_no_torch() -> None:
    script = """
import sys
from scenarios.catalogue import SOURCES, list_scenarios
from strategies.catalogue import NETWORKS, STRATEGIES
from benchmark.catalogue import PROPERTIES
assert len(list_scenarios()) >= 6
assert all(registry.entries() for registry in (SOURCES, NETWORKS, STRATEGIES, PROPERTIES))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], cwd=HOUSE, check=True, timeout=60)


@pytest.mark.parametrize("registry", REGISTRIES, ids=[registry.kind for registry in REGISTRIES])
def test_what_the_source_says_is_what_the_code_takes(registry: Registry[Any]) -> None:
    for name, entry in registry.entries().items():
        thing = registry.get(name)
        assert entry.name == name
        assert entry.module == thing.__module__
        assert entry.summary
        assert entry.summary == " ".join((thing.__doc__ or "").partition("\n\n")[0].split())
        if entry.options:
            assert list(entry.options) == list(options_of(thing))


def test_a_family_is_listed_once_a_source() -> None:
    listed = list_scenarios()["split-digits"]
    assert listed.summary.startswith("Each task brings its own classes")
    assert "handwritten digits" in listed.summary
    assert listed.options["tasks"] == ": PositiveInt = 5"


def test_a_plugin_is_listed_and_found(plugin: Write) -> None:
    load_plugin(plugin(COINS.format(name="coins")))
    entry = list_scenarios()["coins"]
    assert entry.summary == "Heads or tails, thrown."
    assert entry.options == {"tasks": ": int = 2", "fair": ": bool = True"}
    assert scenario_reference("coins:3").options == {"tasks": 3, "fair": True}


def test_a_family_with_a_hyphen_in_its_name_works_over_every_source(plugin: Write) -> None:
    load_plugin(plugin(FAMILY))
    assert {"upside-down-digits", "upside-down-fashion"} <= set(list_scenarios())
    assert scenario_reference("upside-down-digits").build().name == "upside-down-digits:domain"


def test_a_plugin_loaded_twice_is_loaded_once(plugin: Write) -> None:
    path = plugin(COINS.format(name="coins"))
    load_plugin(path)
    coins = SCENARIOS.get("coins")
    load_plugin(path)
    load_plugin(str(Path(path).parent / "." / Path(path).name))
    assert SCENARIOS.get("coins") is coins


def test_a_plugin_can_be_mended_and_loaded_again(plugin: Write) -> None:
    path = plugin(COINS.format(name="coins") + "\nraise ValueError")
    refusal(lambda: load_plugin(path))
    Path(path).write_text(COINS.format(name="coins") + "\n# mended")
    load_plugin(path)
    assert "coins" in SCENARIOS.entries()


def test_a_module_is_a_plugin_too(plugin: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(plugin(COINS.format(name="coins")))
    path.rename(path.with_name("foreign_coins.py"))
    monkeypatch.syspath_prepend(path.parent)
    load_plugin("foreign_coins")
    load_plugin("foreign_coins")
    assert SCENARIOS.entries()["coins"].module == "foreign_coins"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def (", "SyntaxError: invalid syntax, line 1"),
        ("\0", "fails to import"),
        ("\n\n1 / 0", "ZeroDivisionError: division by zero, line 3"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines, line 1"),
        ("raise KeyError", "KeyError: no message"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import no_such_thing", "No module named 'no_such_thing'"),
        ("from scenarios.scenario import nothing", "cannot import name 'nothing'"),
        ("from scenarios.errors import RequestError\nraise RequestError('ask nicely')", "ask nicely"),
    ],
)
def test_a_plugin_that_does_not_import_is_refused_with_its_name(plugin: Write, text: str, says: str) -> None:
    path = plugin(text)
    message = refusal(lambda: load_plugin(path))
    assert says in message
    assert path in message


def test_a_plugin_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("register me")
    (tmp_path / "folder.py").mkdir()
    assert "is not there" in refusal(lambda: load_plugin(str(tmp_path / "missing.py")))
    assert "is not there" in refusal(lambda: load_plugin(str(tmp_path / "folder.py")))
    assert "is not there" in refusal(lambda: load_plugin(str(tmp_path)))
    assert "is not there" in refusal(lambda: load_plugin(""))
    assert "is no Python file" in refusal(lambda: load_plugin(str(tmp_path / "notes.txt")))
    assert "No module named 'no_such_module'" in refusal(lambda: load_plugin("no_such_module"))
    assert "fails to import" in refusal(lambda: load_plugin("not a name"))
    assert "is not there" in refusal(lambda: load_plugin(".."))


def test_a_built_in_name_is_taken(plugin: Write) -> None:
    path = plugin(COINS.format(name="split"))
    assert "'split' is taken by scenarios.split: choose another" in refusal(lambda: load_plugin(path))
    assert SCENARIOS.get("split").__module__ == "scenarios.split"


def test_the_name_of_another_plugin_is_taken(plugin: Write) -> None:
    load_plugin(plugin(COINS.format(name="coins")))
    second = plugin(COINS.format(name="coins"))
    assert "'coins' is taken by plugin_mine0_" in refusal(lambda: load_plugin(second))


def test_one_file_cannot_give_two_things_one_name(plugin: Write) -> None:
    path = plugin(COINS.format(name="coins") + COINS.format(name="coins").replace("def coins", "def dice"))
    assert "'coins' is taken" in refusal(lambda: load_plugin(path))


def test_a_scenario_cannot_take_the_name_of_a_family_over_a_source(plugin: Write) -> None:
    load_plugin(plugin(COINS.format(name="coins").replace('"coins"', '"split-digits"')))
    assert "'split-digits'" in refusal(list_scenarios)
    assert "is taken by" in refusal(lambda: scenario_reference("split-digits"))


CURRENCIES = '''
from scenarios.catalogue import SCENARIOS

@SCENARIOS.register_family("{name}/NAME")
def {name}(rest):
    """Coins of any country."""
    def build(seed, *, tasks: int = 2):
        return rest
    return build
'''


def test_a_family_gives_what_is_named_after_it(plugin: Write) -> None:
    load_plugin(plugin(CURRENCIES.format(name="money")))
    assert "money/NAME" in SCENARIOS.families()
    assert "money/NAME" not in SCENARIOS.entries()
    assert SCENARIOS.get("money/franc")(0) == "franc"
    assert SCENARIOS.get("money/franc") is SCENARIOS.get("money/franc")
    assert "there is no scenario 'dollar/franc'" in refusal(lambda: SCENARIOS.get("dollar/franc"))
    assert "did you mean 'money/NAME'?" in refusal(lambda: SCENARIOS.get("money"))


Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package of one module, `foreign_pack`, that brings one scenario by entry point."""
    site = tmp_path / "site"

    def installed(entry_points: str, text: str) -> None:
        about = site / "foreign_pack-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-pack\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[forgetless.scenarios]\n{entry_points}\n")
        (site / "foreign_pack.py").write_text(text)
        monkeypatch.syspath_prepend(site)

    return installed


def test_an_installed_package_brings_a_scenario_without_being_imported(install: Install) -> None:
    install("coins = foreign_pack", COINS.format(name="coins"))
    entry = list_scenarios()["coins"]
    assert entry.summary == "Heads or tails, thrown."
    assert "foreign_pack" not in sys.modules
    assert SCENARIOS.get("coins").__module__ == "foreign_pack"


def test_an_installed_package_cannot_take_a_built_in_name(install: Install) -> None:
    install("split = foreign_pack", COINS.format(name="split"))
    assert "'split' of foreign_pack is taken" in refusal(SCENARIOS.entries)


@pytest.mark.parametrize(
    ("entry_points", "text", "says"),
    [
        ("coins = foreign_pack", "def (", "fails to import: SyntaxError"),
        ("coins = foreign_pack", "1 / 0", "fails to import: ZeroDivisionError"),
        ("coins = foreign_pack", COINS.format(name="dice"), "foreign_pack does not register it"),
        ("coins = foreign_gone", "", "No module named 'foreign_gone'"),
        ("coins = foreign_pack.part", "1 / 0", "fails to import"),
        ("coins = foreign_pack.part", "raise SystemExit", "fails to import"),
    ],
)
def test_a_broken_package_harms_nobody_who_does_not_ask_for_it(
    install: Install, entry_points: str, text: str, says: str
) -> None:
    install(entry_points, text)
    assert {"coins", "split-digits"} <= set(list_scenarios())
    message = refusal(lambda: SCENARIOS.get("coins"))
    assert "'coins'" in message
    assert says in message


def test_the_digest_of_a_thing_is_that_of_its_source(plugin: Write) -> None:
    for name, note in (("coins", ""), ("dice", ""), ("cards", "# marked")):
        load_plugin(plugin(COINS.format(name=name) + note))
    digests = {name: source_digest(SCENARIOS.get(name)) for name in ("coins", "dice", "cards")}
    assert len(set(digests.values())) == 3
    assert digests["coins"] == source_digest(SCENARIOS.get("coins"))


def test_a_change_in_what_a_file_imports_from_beside_it_changes_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "helper_of_coins.py").write_text("FAIR = True\n")
    (tmp_path / "coins.py").write_text("import helper_of_coins\n" + COINS.format(name="tossed"))
    load_plugin(str(tmp_path / "coins.py"))
    before = source_digest(SCENARIOS.get("tossed"))
    (tmp_path / "helper_of_coins.py").write_text("FAIR = False\n")
    assert source_digest(SCENARIOS.get("tossed")) != before
