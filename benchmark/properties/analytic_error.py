"""The true rate of errors, where the distribution of inputs is known."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveInt
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import beta, norm
from torch import Tensor

from benchmark.properties.property import ONE_CLASS, Measurement, Property, Subject, register
from scenarios.spheres import Spheres

CONFIDENCE = 0.95
"""Of the bound on an estimated error."""

CPU = torch.device("cpu")

ROUNDING = 1e-15
"""What is smaller than this share of the largest eigenvalue may as well be zero, or have the other sign."""

END = 80.0
"""Where integrals end: what falls as exp(−u / 2) is 10⁻¹⁷ of what it was."""


@register("analytic-error")
class AnalyticError(Property):
    """Share of errors among all points of two spheres, however small: of a quadratic form exactly (Gilmer et al. 2018).

    Where the difference of the two logits is f(x) = xᵀAx + b (found by trying: the model as it stands, with the
    gates and masks of its strategy), and λ_i are the eigenvalues of A, a point of the sphere of radius r is taken for
    an outer one with probability P(Σ (r² λ_i + b) g_i² > 0), g standard normal, as g / |g| is even on the sphere. That
    is the distribution of a quadratic form in normal variables, found by integrating its generating function (as
    Imhof 1961 does; see `chance_above`), to many digits also where it is 10⁻³⁰. The value is the mean over both
    spheres, from which examples are drawn equally often.

    Beside it: `inner` and `outer`, the error on each sphere; `clt`, the paper's estimate of the value, which takes the
    sum for normally distributed; `outside`, how many of the α_i = −λ_i / b lie outside [1/R², 1] (radii 1 and R): if
    any does there are errors, and so adversarial examples; `alpha_min` and `alpha_max`, null where b ≥ 0.

    Any other model is tried on fresh examples. Beside the value are then `inner`, `outer`, `examples`, how many were
    drawn, and `bound`, what the error is below with 95 % confidence (Clopper & Pearson 1934), also where none was seen.

    Args:
        examples: fresh ones drawn where the error is not known exactly, the same after every task.
    """

    unit = "share"
    better = "lower"
    cost = "eigenvalues of a matrix of inputs × inputs, or some ten thousand answers"

    def __init__(self, *, examples: PositiveInt = 20_000) -> None:
        self.examples = examples

    def measure(self, subject: Subject) -> Measurement:
        if len(subject.active) < 2:
            return ONE_CLASS
        if not isinstance(subject.test, Spheres):
            return Measurement(None, "the task is no pair of spheres, so its true error is not known")
        form = quadratic_form(subject, subject.test) if len(subject.active) == 2 else None
        return self.estimated(subject, subject.test) if form is None else exact(*form, subject.test.radii)

    def estimated(self, subject: Subject, spheres: Spheres) -> Measurement:
        """The share of errors among fresh examples."""
        x, y = subject.sample(spheres.fresh("analytic-error", self.examples))
        wrong = subject.answers(x).argmax(1) != y
        outer = y == y.max()
        errors = int(wrong.sum())
        return Measurement(
            errors / self.examples,
            f"estimated from {self.examples} examples, as the answer is not that of one quadratic form",
            {
                "inner": _share(wrong[~outer]),
                "outer": _share(wrong[outer]),
                "bound": upper_bound(errors, self.examples),
                "examples": self.examples,
            },
        )


def _share(wrong: Tensor) -> float | None:
    return float(wrong.double().mean()) if len(wrong) else None


def upper_bound(errors: int, examples: int) -> float:
    """What a rate of errors is below, with confidence, where so many of so many examples were wrong."""
    return 1.0 if errors == examples else float(beta.ppf(CONFIDENCE, errors + 1, examples - errors))


def quadratic_form(subject: Subject, spheres: Spheres) -> tuple[NDArray[np.float64], float] | None:
    """λ and b of the difference of the outer and the inner logit, or None where it is no xᵀAx + b.

    The gradient of such a form at the i-th unit vector is twice the i-th row of A, so one batch is enough. That it is
    one is then seen on test examples. All in double precision, in which weights of single precision are exact.
    """
    double = replace(subject, model=subject.copy().to(CPU).double(), masks=subject.masks.cpu(), device=CPU)

    def difference(x: Tensor) -> Tensor:
        inner, outer = double.logits(x.double()).unbind(1)
        return outer - inner

    unit = torch.eye(spheres.dimension, dtype=torch.double, requires_grad=True)
    difference_there = difference(unit)
    if not difference_there.requires_grad:
        return None
    rows = torch.autograd.grad(difference_there.sum(), unit)[0] / 2
    with torch.no_grad():
        offset = difference(torch.zeros(1, spheres.dimension))
        x = spheres.batch(torch.arange(min(len(spheres), 200)))[0].double()
        found = difference(x)
        expected = (x @ rows * x).sum(1) + offset
        if not torch.allclose(found, expected, rtol=0, atol=1e-9 * float(found.abs().max() + offset.abs())):
            return None
    return np.linalg.eigvalsh(((rows + rows.T) / 2).numpy()), float(offset)


def exact(eigenvalues: NDArray[np.float64], offset: float, radii: tuple[float, float]) -> Measurement:
    """The error of the answer "outer" where Σ λ_i z_i² + b > 0, and else "inner"."""
    inner, outer = (radius**2 * eigenvalues + offset for radius in radii)
    errors, estimates = (
        # Where the logits are equal everywhere, the first is taken.
        (chance(inner), chance(-outer) if outer.any() else 1.0)
        for chance in (chance_above, normal_chance_above)
    )
    alphas = -eigenvalues * radii[0] ** 2 / offset if offset < 0 else None
    return Measurement(
        sum(errors) / 2,
        beside={
            "inner": errors[0],
            "outer": errors[1],
            "clt": sum(estimates) / 2,
            "outside": int(((inner > 0) | (outer <= 0)).sum()),
            "alpha_min": None if alphas is None else float(alphas.min()),
            "alpha_max": None if alphas is None else float(alphas.max()),
        },
    )


def normal_chance_above(weights: NDArray[np.float64]) -> float:
    """P(Σ w_i g_i² > 0), the sum taken for a normal variable of the same mean Σ w_i and variance 2 Σ w_i²."""
    if not weights.any():
        return 0.0
    return float(norm.cdf(weights.sum() / np.sqrt(2 * (weights**2).sum())))


def chance_above(weights: NDArray[np.float64]) -> float:
    """P(Σ w_i g_i² > 0), g standard normal, to about ten digits however small it is.

    With weights ν_i = w_i / max w, the sum has the generating function E exp(z Σ ν_i g_i² / 2) = Π (1 − z ν_i)^(−1/2),
    and the probability is that function over z, integrated along a line parallel to the imaginary axis, over 2πi. Imhof
    (1961) takes the axis itself, where a small probability is the difference of large numbers. Here the line goes
    through the saddle point of the integrand, 0 < t < 1, where it is as small as the probability, and real.

    On the line z = t + i w sinh(u): in u the integrand falls as exp(−|u| / 2) or faster, however different the sizes of
    the weights, and w is the width of its peak.
    """
    weights = np.where(np.abs(weights) < ROUNDING * np.abs(weights).max(), 0.0, weights)
    largest = weights.max()
    if largest <= 0:
        return 0.0
    if weights.min() >= 0:
        return 1.0
    nu = weights / largest

    def slope(t: float) -> float:
        return float((t * nu / (1 - t * nu)).sum() / 2 - 1)

    t = brentq(slope, 0.0, 1 - 1 / (len(nu) + 3), xtol=1e-15)
    curvature = ((nu / (1 - t * nu)) ** 2).sum() / 2 + 1 / t**2
    width = 1 / np.sqrt(curvature)

    def logarithm(z: complex) -> complex:
        return complex(-np.log(1 - z * nu).sum() / 2 - np.log(z))

    peak = logarithm(complex(t)).real

    def integrand(u: float) -> float:
        return float(np.exp(logarithm(t + 1j * width * np.sinh(u)) - peak).real * np.cosh(u))

    area = width * quad(integrand, 0, END, epsabs=1e-12, epsrel=1e-10, limit=500)[0]
    return float(np.clip(np.exp(peak) * area / np.pi, 0.0, 1.0))
