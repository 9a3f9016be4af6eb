"""HAT's own sequence: eight data sets of images."""

from pathlib import Path

from scenarios.images import Active, Standardise, Validation
from scenarios.scenario import register
from scenarios.sequence import sequence
from scenarios.task import Kind, Scenario

EIGHT = ("cifar10", "cifar100", "mnist", "svhn", "fashion", "gtsrb", "facescrub", "notmnist")
"""In the order of the authors' code."""


@register("eight")
def eight(
    seed: int | None,
    root: Path | None = None,
    *,
    kind: Kind = "task",
    active: Active = "seen",
    validation: Validation = 0.15,
    standardise: Standardise = True,
) -> Scenario:
    """Eight data sets of 32×32 colour images, a task each, in an order drawn by seed (Serrà et al. 2018).

    CIFAR-10, CIFAR-100, MNIST, SVHN, Fashion-MNIST, German traffic signs (43 classes), FaceScrub (100 people) and
    notMNIST, as in HAT's code (joansj/hat, src/dataloaders/mixture.py): 28×28 images have a black border, grey ones
    three equal channels, 15 % of the training examples are held out, and every data set is standardised by its own
    mean and deviation, border included.

    What differs: validation examples are 15 % of every class, where the authors draw from all; the order of a seed
    is another, as theirs comes of scikit-learn's shuffle; mean and deviation are computed for each channel from the
    training images that are here, where the authors write down figures (and share those of CIFAR-10 with
    CIFAR-100); the labels of SVHN are the digits, where the authors take one off.

    Args:
        seed: draws the order of data sets and the validation examples; None keeps the order above.
        root: a folder where each data set is looked for.
        kind: what is known at test time; "domain" is not possible, as the numbers of classes differ.
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: each data set by its own mean and deviation (inputs are floats then); false leaves bytes; or all
            by one, as 0.1307/0.3081.
    """
    return sequence(
        seed,
        root,
        kind=kind,
        sources="+".join(EIGHT),
        size=32,
        fit="pad",
        active=active,
        validation=validation,
        standardise=standardise,
    )
