"""The specification of a run: all that it needs to happen again."""

import hashlib
import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from scenarios.errors import RequestError

EVALUATION = "1"
"""Version of the evaluation: it changes when the same run would be measured differently."""

MEMORY = "memory"
"""What the hyper-parameter of a strategy is called that says how many examples it remembers."""

Scalar = bool | int | float | str | None


class Strict(BaseModel):
    """A frozen model that takes no unknown field and no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Seeds(Strict):
    """Where the randomness of a run comes from, one seed a cause.

    Attributes:
        init: first weights, and whatever else a strategy draws when it is made.
        order: order of examples, the strategy's own draws, dropout.
        classes: order of classes, permutations, validation examples; None for the canonical ones.
    """

    init: int = Field(ge=0, lt=2**63)
    order: int = Field(ge=0, lt=2**63)
    classes: int | None = Field(default=None, ge=0, lt=2**63)


class Tuning(Strict):
    """How the hyper-parameters of an entry were chosen. Test examples have no part in it.

    Attributes:
        rule: "first-task": on the first tasks of the scenario alone (Lee et al. 2024); "transfer": on another
            scenario (Cha & Cho 2024); "open": on validation examples of all tasks, which a strategy that learns
            for good could not have.
        scenario: where they were tried.
        tasks: how many of its tasks, the first ones.
        trials: how many combinations were tried.
        space: where each was looked for, by name.
        chosen: what was found.
        score: average accuracy on the validation examples of those tasks after the last of them, in [0, 1].
        seconds: that all trials trained.
    """

    rule: Literal["first-task", "transfer", "open"]
    scenario: str
    tasks: int = Field(ge=1)
    trials: int = Field(ge=1)
    space: dict[str, str]
    chosen: dict[str, Scalar]
    score: float = Field(ge=0, le=1)
    seconds: float = Field(ge=0)


COVERAGE = "^(all|seen|sample=[1-9][0-9]{0,8})$"


def _checked_coverage(text: str) -> str:
    if not re.fullmatch(COVERAGE, text):
        raise ValueError("it should be all, seen, or sample=K for K earlier tasks in every row, as in sample=10")
    return text


class RunSpec(Strict):
    """One run of one strategy on one scenario.

    Attributes:
        scenario, network: references in their canonical spelling.
        strategy, hyperparameters: by name, defaults filled in.
        optimizer, lr, momentum, weight_decay: of plain SGD, Adam or AdamW; momentum is SGD's.
        schedule: "constant", or "plateau": the learning rate is divided by 3 when the validation loss has
            not improved for 5 passes, training of the task stops below 1e-4, and the weights of the best
            pass are restored (protocol of Serrà et al. 2018); or "criterion": training of the task stops after the
            first pass that leaves all its examples answered right (with a readout: within its tolerance).
        carry_optimizer: keep the optimiser's state from task to task instead of a fresh one each.
        batch_size: examples of the task in a step.
        epochs, iterations: passes over a task's examples, or steps a task; one of the two.
        memory_budget: budget in bytes for all that a strategy remembers besides the network it trains; its
            hyper-parameter `memory`, if it has one, is then None: as many examples as there is room for.
        seeds: see `Seeds`.
        properties: names of what is measured besides accuracy.
        evaluate: which tasks are evaluated: "all", "seen" or "sample=K" (see `benchmark.coverage`). It changes
            no number, only how many there are, and is therefore no part of the protocol.
        evaluate_every: accuracy is also measured after every so many steps within a task.
        device, threads: where it runs, and on how many threads.
        compile: whether steps are compiled; "auto": where there are enough of them to be worth it.
        replicas: whether it trains at once with others of its entry (see `benchmark.team`).
        trial: of how many first tasks this is a trial of the tuner's, tested on their validation examples; None
            for a run that counts.
        tuning: how its hyper-parameters were chosen, where the tuner has.
        evaluation: the version of the evaluation that measures it.
    """

    scenario: str
    strategy: str
    hyperparameters: dict[str, Scalar] = {}
    network: str
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: float = Field(default=0.05, gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Literal["constant", "plateau", "criterion"] = "constant"
    carry_optimizer: bool = False
    batch_size: int = Field(default=10, ge=1, lt=2**31)
    epochs: int | None = Field(default=None, ge=1, lt=2**31)
    iterations: int | None = Field(default=None, ge=1, lt=2**31)
    memory_budget: int | None = Field(default=None, ge=0)
    seeds: Seeds
    properties: tuple[str, ...] = ()
    evaluate: Annotated[str, AfterValidator(_checked_coverage), Field(json_schema_extra={"pattern": COVERAGE})] = "all"
    evaluate_every: int | None = Field(default=None, ge=1)
    device: str = "cpu"
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    compile: Literal["auto", "on", "off"] = "auto"
    replicas: bool = False
    trial: int | None = Field(default=None, ge=1)
    tuning: Tuning | None = None
    evaluation: str = EVALUATION

    @model_validator(mode="after")
    def _one_budget(self) -> "RunSpec":
        if (self.epochs is None) == (self.iterations is None):
            raise ValueError("give epochs or iterations, one of the two")
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(f"momentum is an option of sgd; {self.optimizer} has its own")
        return self

    @classmethod
    def checked(cls, **fields: Any) -> "RunSpec":
        """A specification, or a RequestError that says in one line which field is not possible."""
        try:
            return cls(**fields)
        except ValidationError as error:
            raise RequestError(one_line(error)) from None

    @property
    def protocol(self) -> str:
        """Digest of what makes runs comparable: scenario and its options, budget, version of evaluation, and how
        much tuning there was."""
        tuned = {} if self.tuning is None else {"rule": self.tuning.rule, "trials": self.tuning.trials}
        tried = {name: value for name in ("trial", "memory_budget") if (value := getattr(self, name)) is not None}
        return digest(
            {
                **tuned,
                **tried,
                "scenario": self.scenario,
                "classes": "canonical" if self.seeds.classes is None else "by seed",
                "epochs": self.epochs,
                "iterations": self.iterations,
                "batch_size": self.batch_size,
                "evaluation": self.evaluation,
            }
        )

    @property
    def settings(self) -> dict[str, Any]:
        """What an entry of a leaderboard is, besides its protocol: all but seeds and what is measured."""
        return {
            "strategy": self.strategy,
            "hyperparameters": self.hyperparameters,
            "network": self.network,
            "optimizer": self.optimizer,
            "lr": self.lr,
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
            "schedule": self.schedule,
            "carry_optimizer": self.carry_optimizer,
        }

    @property
    def group(self) -> str:
        """Digest of everything but the seeds: runs of one group differ by their seeds alone."""
        return digest([self.protocol, self.model_dump(mode="json", exclude={"seeds"})])


def digest(value: Any) -> str:
    """Twelve hexadecimal digits that identify a JSON value: SHA-256 of its canonical text."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def one_line(error: ValidationError) -> str:
    """The first complaint of a validation error, with the place it is about."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if first["type"] in {"missing", "extra_forbidden"}:
        message = f"{place}: {message}"
    elif place:
        message = f"{place}={first['input']!r} is not possible: {message}"
    return " ".join(message.split())
