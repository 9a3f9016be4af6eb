"""Brain-inspired replay (van de Ven, Siegelmann & Tolias 2020)."""

import copy
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from scenarios.task import Task
from strategies.dreamer import on_unit_scale
from strategies.feedback import Feedback, log_normal
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy, Work, register


@register("bi-r")
class BIR(Strategy):
    """Brain-inspired replay: the network dreams itself, of classes it chooses, through feedback connections.

    Deep generative replay (`dgr`) with five changes (Methods, "Brain-inspired modifications"):

    1. Replay through feedback: there is no second network. The features h of the one lead to a code, μ and log σ²
       linear in h, and feedback connections (see `Feedback`) back to the pixels.
    2. Conditional replay: the prior is Σ_c p_c N(z; μ_c, σ_c²), a mode for each class, whose means and variances
       are learned; p is the label, or what the old network says of a dream. Dreams are of classes drawn evenly.
    3. Gating by context: each class switches off a share of the units of the decoder, drawn at random; where
       tasks share their classes, each task does. A dream's gates are the mean of those of its classes, by p.
    4. Internal replay, of what frozen convolutions give, matters only where there are such: here, as in the
       authors' runs on MNIST, pixels are replayed.
    5. Distillation: the old network's answers are probabilities at temperature T.

    The loss of an example is, with z = μ + σ·ε of N pixels x,

        L = H(y, ŷ) + λ [ −log p(x|z) + log q(z|h) − log p(z) ] / N

    and that of task t is L(x)/t + (1 − 1/t) L(x'), over as many dreams x' as examples, for which the cross-entropy
    is that with p at T, as in the authors' code without a factor T². log p(z) is that of the one z drawn. With
    `conditional=false`, `gated=0` and `targets=hard` it is replay through feedback (van de Ven & Tolias 2018, RtF).

    Where each task has outputs of its own, the authors' code dreams as often of every earlier task; here tasks are
    drawn. Without modes it has every dream answered by all heads, here by one that is drawn.

    Stored are code, feedback, gates, and copies of the network and its feedback. A dream is an image of floats on
    [0, 1], and so must the inputs be, or bytes. Train it with Adam: the generator's loss is a mean over pixels.

    Args:
        network: what is trained; its features are the encoder.
        conditional: whether the prior has a mode for each class; else it is N(0, 1).
        gated: share of the decoder's hidden units that are switched off for a class.
        targets: what the old network gives: "soft" targets or "hard" labels.
        temperature: T of soft targets.
        generative: λ, the weight of the generator's loss; 1 in the paper.
        hidden, latent: units of the decoder's hidden layers, and of the latent code.
    """

    paper = "van de Ven et al. 2020, Nature Communications 11:4069"
    needs = frozenset({"task boundaries", "one output a class"})
    seen: Tensor
    class_gates: Tensor
    task_gates: Tensor

    def __init__(
        self,
        network: Network,
        *,
        conditional: bool = True,
        gated: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        targets: Literal["soft", "hard"] = "soft",
        temperature: PositiveFloat = 2.0,
        generative: NonNegativeFloat = 1.0,
        hidden: PositiveInt = 400,
        latent: PositiveInt = 100,
    ) -> None:
        super().__init__(network)
        self.conditional = conditional
        self.gated = gated
        self.targets = targets
        self.temperature = temperature
        self.generative = generative
        self.hidden = hidden
        self.latent = latent
        classes = network.classes
        self.mean = nn.Linear(network.output.in_features, latent)
        self.log_variance = nn.Linear(network.output.in_features, latent, bias=False)
        self.feedback = Feedback(network.input_shape, classes, hidden, latent)
        self.old_network = copy.deepcopy(network).requires_grad_(False)
        self.old_feedback = copy.deepcopy(self.feedback).requires_grad_(False)
        # Which units of each layer are open, bool [classes or tasks, layers, hidden]; only one of both has rows.
        for gates in ("class_gates", "task_gates"):
            self.register_buffer(gates, torch.empty(0, 2, hidden, dtype=torch.bool))
        # The classes that each earlier task brought, and those its answers were among, bool [2, tasks, classes].
        self.register_buffer("seen", torch.zeros(2, 0, classes, dtype=torch.bool))

    def growth(self, tasks: int, sets: int) -> int:
        classes = self.seen.shape[-1]
        contexts = tasks if sets == tasks * classes else classes
        return 2 * tasks * classes + contexts * 2 * self.hidden

    def start_task(self, task: Task) -> None:
        if task.index > 0:
            return
        tasks, classes = self.masks.shape
        sharing = len(task.classes) == classes  # every task has all classes
        openness = torch.rand(tasks if sharing else classes, 2, self.hidden, generator=self.generator)
        gates = (openness >= self.gated).to(self.masks.device)
        self.task_gates, self.class_gates = (gates, gates[:0]) if sharing else (gates[:0], gates)
        self.seen = self.masks.new_zeros(2, tasks, classes)

    def end_task(self, task: Task) -> None:
        self.old_network.load_state_dict(self.network.state_dict())
        self.old_feedback.load_state_dict(self.feedback.state_dict())
        self.seen[0, task.index, list(task.classes)] = True
        self.seen[1] = self.masks

    @torch.no_grad()
    def prepare(self, batch: Batch) -> Batch:
        size = len(batch.y)
        beliefs = one_hot(batch.y, self.masks.shape[1]).float()
        gates = self.gates(batch.task.expand(size), beliefs)
        pairs = self.seen[0].nonzero()
        if len(pairs) == 0:
            own = {"noise": self.draw(size), "beliefs": beliefs, "gates": gates}
            return batch._replace(extras={**batch.extras, **own})
        chosen = torch.randint(len(pairs), (size,), generator=self.generator)
        tasks, classes = pairs[chosen.to(pairs.device)].unbind(1)
        dreams = self.dream(tasks, classes)
        believed = self.believed(self.old_network.eval()(dreams), self.seen[1][tasks])
        beliefs, gates = torch.cat([beliefs, believed]), torch.cat([gates, self.gates(tasks, believed)])
        both = {"noise": self.draw(2 * size), "beliefs": beliefs, "gates": gates, "dreams": dreams, "tasks": tasks}
        return batch._replace(extras={**batch.extras, **both})

    def draw(self, count: int) -> Tensor:
        """Standard normal numbers, [count, latent]."""
        return torch.randn(count, self.latent, generator=self.generator).to(self.masks.device)

    def gates(self, tasks: Tensor, beliefs: Tensor) -> Tensor:
        """How far the decoder's units are open [B, layers, hidden], for tasks [B] and beliefs in classes."""
        if len(self.task_gates):
            return self.task_gates[tasks].float()
        return (beliefs @ self.class_gates.flatten(1).float()).view(-1, 2, self.hidden)

    def dream(self, tasks: Tensor, classes: Tensor) -> Tensor:
        """Inputs that the old network dreams of classes [B] of earlier tasks [B]."""
        noise = self.draw(len(classes))
        code = self.old_feedback.codes(classes, noise) if self.conditional else noise
        gates = self.gates(tasks, one_hot(classes, self.masks.shape[1]).float())
        return self.old_feedback.decode(code, gates).sigmoid().view(-1, *self.network.input_shape)

    def believed(self, answers: Tensor, among: Tensor) -> Tensor:
        """The probabilities that the old network gives to classes, of those among which it chose, [B, classes]."""
        answers = torch.where(among, answers, -torch.inf)
        if self.targets == "hard":
            return one_hot(answers.argmax(1), answers.shape[1]).float()
        return (answers / self.temperature).softmax(1)

    def loss(self, batch: Batch) -> Tensor:
        if "noise" not in batch.extras:
            return super().loss(batch)  # outside training
        x, size = batch.x, len(batch.y)
        if "dreams" in batch.extras:
            x = torch.cat([on_unit_scale(x), batch.extras["dreams"]])
        features = self.network.features(x)
        logits, dreaming = self.network.output(features), self.generative * self.dreaming(batch, x, features)
        fresh = self.network.criterion(batch.masked(logits[:size]), batch.y) + dreaming[:size].mean()
        if "dreams" not in batch.extras:
            return fresh
        replayed = self.recall(batch, logits[size:]) + dreaming[size:].mean()
        share = 1 / (1 + self.seen[0].any(1).sum())
        return share * fresh + (1 - share) * replayed

    def dreaming(self, batch: Batch, x: Tensor, features: Tensor) -> Tensor:
        """The generator's loss of each input [B, …] and its features, by pixel: [B]."""
        x = on_unit_scale(x).flatten(1)
        mean, log_variance = self.mean(features), self.log_variance(features)
        code = mean + (log_variance / 2).exp() * batch.extras["noise"]
        logits = self.feedback.decode(code, batch.extras["gates"])
        wrong = binary_cross_entropy_with_logits(logits, x, reduction="none").mean(1)
        if self.conditional:
            divergence = log_normal(code, mean, log_variance) - self.feedback.log_prior(code, batch.extras["beliefs"])
        else:
            divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        return wrong + divergence / x.shape[1]

    def recall(self, batch: Batch, logits: Tensor) -> Tensor:
        """How far logits of dreams are from what the old network believes, each by the outputs of its task."""
        among = batch.masks.index_select(0, batch.extras["tasks"])
        scale = self.temperature if self.targets == "soft" else 1.0
        likelihoods = torch.where(among, logits / scale, -torch.inf).log_softmax(1)
        believed = batch.extras["beliefs"][-len(logits) :]
        return -(believed * torch.where(among, likelihoods, 0.0)).sum(1).mean()

    def step_work(self, batch: Batch) -> Work:
        fresh = batch.y.shape[-1]
        dreams = fresh if "dreams" in batch.extras else 0
        # Network and feedback on both; before, the old feedback dreams and the old network answers.
        return Work(2 * (fresh + dreams) + 2 * dreams, 2 * (fresh + dreams))
