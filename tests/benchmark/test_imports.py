"""What takes seconds to import is imported by those who need it."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def alone(script: str, folder: Path) -> None:
    """Run a script in a process that has imported nothing yet."""
    script = f"import sys\nsys.path.insert(0, {str(TESTS)!r})\n{script}"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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
