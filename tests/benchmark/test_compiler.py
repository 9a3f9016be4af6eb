"""torch's compiler is imported before the first task of a run that comes to need it, and of no other."""

import subprocess
import sys
from pathlib import Path

import pytest
from support import kinds_of, tiny_spec

from benchmark.compiler import imports_compiler

TESTS = Path(__file__).parents[1]


def alone(script: str, folder: Path) -> None:
    """Run a script in a process that has imported nothing yet."""
    script = f"import sys\nsys.path.insert(0, {str(TESTS)!r})\n{script}"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("name", "does"), [("gem", True), ("ewc", True), ("naive", False)])
def test_a_source_says_whether_it_does(name: str, does: bool) -> None:
    assert imports_compiler(tiny_spec(f"split-digits:{kinds_of(name)[0]}", name)) == does


def test_no_strategy_imports_it_unsaid(tmp_path: Path) -> None:
    alone(
        """
from support import PAIRS, tiny_spec, trained
from benchmark.compiler import imports_compiler
for name, kind in dict(PAIRS).items():
    if not imports_compiler(tiny_spec(f"split-digits:{kind}", name)):
        trained(f"split-digits:{kind}", name, iterations=2)
        assert "torch._dynamo" not in sys.modules, name
""",
        tmp_path,
    )


def test_a_small_run_imports_nothing_that_takes_seconds_and_is_not_needed(tmp_path: Path) -> None:
    alone(
        """
from contextlib import suppress
from forgetless.cli import main
sys.argv = ["forgetless", *"run split-digits:task naive --iterations 2 --network mlp:4 --quiet".split()]
with suppress(SystemExit):
    main()
from pathlib import Path
assert list(Path("runs").rglob("record.json"))
assert "torch" in sys.modules
heavy = {"torch._dynamo", "sklearn", "scipy.stats", "sqlalchemy", "pandas", "wandb"} & set(sys.modules)
assert not heavy, heavy
""",
        tmp_path,
    )
