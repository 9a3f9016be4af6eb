"""What `forgetless tune` has found, as a file that `forgetless run --tuned` takes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmark.files import write_atomically
from benchmark.spec import RunSpec, Scalar, Strict, Tuning, digest, one_line
from scenarios.errors import RequestError


class Tuned(Strict):
    """Hyper-parameters that were chosen, and what for.

    Attributes:
        strategy, scenario: what they are for.
        setting: network, optimiser and budget that they were tried with; they hold for no other.
        tuning: how they were chosen, and what was chosen.
        trials: every one: its values, its score, how many of its runs diverged, and why it failed if it did.
    """

    schema_: str = "forgetless.tuned/1"
    strategy: str
    scenario: str
    setting: dict[str, Scalar]
    tuning: Tuning
    trials: list[dict[str, Any]]

    @staticmethod
    def setting_of(spec: RunSpec) -> dict[str, Scalar]:
        """What of a specification has to be as it was while tuning, the hyper-parameters that were fixed among it."""
        names = ("network", "optimizer", "momentum", "weight_decay", "schedule", "carry_optimizer")
        budget = ("batch_size", "epochs", "iterations")
        return {name: getattr(spec, name) for name in (*names, *budget)}

    def write(self, path: Path) -> None:
        """Write the file whole, or not at all.

        Raises:
            RequestError: where that cannot be done.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(self.model_dump(mode="json"), indent=1).encode())
        except OSError as error:
            raise RequestError(f"{path} cannot be written: {error.strerror or error}") from None

    def applied(self, spec: RunSpec) -> RunSpec:
        """The specification with what was chosen.

        Raises:
            RequestError: where it is not what was tuned for.
        """
        found = {"scenario": spec.scenario, **self.setting_of(spec)}
        for name, value in {"scenario": self.scenario, **self.setting}.items():
            if found.get(name) != value:
                raise RequestError(
                    f"--tuned: {self.strategy} was tuned for {name}={value}, and is asked for with {found.get(name)}"
                )
        chosen = dict(self.tuning.chosen)
        lr = chosen.pop("lr", spec.lr)
        fields = spec.model_dump() | {
            "lr": lr,
            "hyperparameters": {**spec.hyperparameters, **chosen},
            "tuning": self.tuning.model_dump(),
        }
        return RunSpec.checked(**fields)


def read_tuned(path: Path) -> Tuned:
    """What a file says.

    Raises:
        RequestError: where it is not there, or no such file.
    """
    try:
        return Tuned.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RequestError(f"--tuned {path} cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        raise RequestError(f"--tuned {path} is not what `forgetless tune` writes: {one_line(error)}") from None


def with_tuned(specs: Sequence["RunSpec"], files: Sequence[Path], settings: Sequence[str]) -> list["RunSpec"]:
    """The same specifications, those of tuned strategies with what was chosen.

    Raises:
        RequestError: where a file is for no strategy that is run, two are for one, or `--set` says otherwise.
    """
    found: dict[str, Tuned] = {}
    names = {spec.strategy for spec in specs}
    for path in files:
        tuned = read_tuned(path)
        if tuned.strategy not in names:
            raise RequestError(f"--tuned {path} is for {tuned.strategy}, which is not run here")
        if tuned.strategy in found:
            raise RequestError(f"--tuned {path}: there is another file for {tuned.strategy}")
        found[tuned.strategy] = tuned
        for name in (setting.partition("=")[0] for setting in settings):
            owner, _, option = name.rpartition(".")
            if option in tuned.tuning.chosen and owner in ("", tuned.strategy):
                raise RequestError(f"--set {name}: it was tuned for {tuned.strategy}; leave it out")
    return [found[spec.strategy].applied(spec) if spec.strategy in found else spec for spec in specs]


def tuned_path(out: Path, tuned: Tuned) -> Path:
    """Where the file goes: a name for its strategy, and for what it was tuned for and how."""
    spelled = "".join(letter if letter.isalnum() or letter in "-_=+" else "-" for letter in tuned.scenario)
    asked = {"space": tuned.tuning.space, "trials": tuned.tuning.trials, "on": tuned.tuning.scenario}
    key = digest([tuned.setting, asked, tuned.tuning.tasks, tuned.tuning.rule])
    return out / spelled / f"{tuned.strategy.replace('/', '-')}-tuned-{key[:8]}.json"
