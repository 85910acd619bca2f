"""Small groups borrow from the others: empirical Bayes for shares and for means."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from allears.errors import Refused

Floats = npt.NDArray[np.float64]


class Prior(NamedTuple):
    """What the other groups say before a group's own answers count."""

    middle: float
    strength: float  # how many answers the prior is worth; infinite when groups do not differ


class Shrunk(NamedTuple):
    """Estimates pulled towards the prior, their standard errors, and the prior."""

    estimate: Floats
    error: Floats
    prior: Prior


def shares(hits: npt.ArrayLike, n: npt.ArrayLike) -> Shrunk:
    """Shrink groups' shares by the beta-binomial model, its prior fitted by marginal likelihood.

    Parameters
    ----------
    hits, n
        Per group, shape ``(groups,)``: how many were so, of how many.

    Returns
    -------
    Shrunk
        Posterior means and standard deviations; ``prior.strength`` is ``a + b``.

    Raises
    ------
    Refused
        Fewer than 2 groups with data.

    Examples
    --------
    >>> shrunk = shares([1, 80, 95, 70], [2, 100, 100, 100])
    >>> bool(shrunk.estimate[0] > 0.4), bool(abs(shrunk.estimate[1] - 0.8) < 0.02)
    (True, True)
    """
    from scipy import optimize, special

    k, m = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    seen = m > 0
    if seen.sum() < 2:
        raise Refused("shrinkage needs two groups with answers")
    pooled = float(np.clip((k[seen].sum() + 0.5) / (m[seen].sum() + 1), 1e-6, 1 - 1e-6))

    def surprise(theta: Floats) -> float:
        middle, strength = special.expit(theta[0]), np.exp(theta[1])
        a, b = middle * strength, (1 - middle) * strength
        return -float(np.sum(special.betaln(k[seen] + a, m[seen] - k[seen] + b) - special.betaln(a, b)))

    # Beyond e^14 answers the groups cannot be told apart; the bound keeps the search finite.
    found = optimize.minimize(
        surprise,
        np.array([special.logit(pooled), np.log(50.0)]),
        method="L-BFGS-B",
        bounds=[(-14, 14), (-1, 14)],
    )
    middle, strength = float(special.expit(found.x[0])), float(np.exp(found.x[1]))
    a, b = k + middle * strength, m - k + (1 - middle) * strength
    return Shrunk(a / (a + b), np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))), Prior(middle, strength))


def means(values: npt.ArrayLike, errors: npt.ArrayLike) -> Shrunk:
    """Shrink groups' means by the normal-normal model, spread between groups by Paule and Mandel.

    Parameters
    ----------
    values, errors
        Per group, shape ``(groups,)``: mean and its standard error above 0; NaN where a group has no data.

    Returns
    -------
    Shrunk
        For a group without data the prior itself, with the spread between groups as error.
        ``prior.strength`` is the error variance of a typical group over the spread: the share of
        typical groups the prior is worth.

    Raises
    ------
    Refused
        Fewer than 2 groups with data.

    Examples
    --------
    >>> shrunk = means([0.2, 0.6, 0.65, 0.55], [0.2, 0.01, 0.01, 0.01])
    >>> bool(shrunk.estimate[0] > 0.4), bool(abs(shrunk.estimate[1] - 0.6) < 0.01)
    (True, True)
    """
    y, e = np.asarray(values, dtype=float), np.asarray(errors, dtype=float)
    seen = np.isfinite(y) & np.isfinite(e)
    if seen.sum() < 2:
        raise Refused("shrinkage needs two groups with answers")
    variance = np.maximum(e[seen], 1e-12) ** 2
    spread = _spread(y[seen], variance)
    weight = 1 / (spread + variance)
    middle = float(np.sum(weight * y[seen]) / weight.sum())
    unsure = 1 / weight.sum()  # the middle is estimated too
    estimate = np.full(y.shape, middle)
    error = np.full(y.shape, np.sqrt(spread + unsure))
    keep = spread / (spread + variance)
    estimate[seen] = middle + keep * (y[seen] - middle)
    error[seen] = np.sqrt(keep * variance + (1 - keep) ** 2 * unsure)
    strength = float(np.median(variance) / spread) if spread > 0 else float("inf")
    return Shrunk(estimate, error, Prior(middle, strength))


def _spread(y: Floats, variance: Floats) -> float:
    # Paule-Mandel: the spread at which the weighted squares equal their expectation, found by bisection.
    def excess(spread: float) -> float:
        weight = 1 / (spread + variance)
        return float(np.sum(weight * (y - np.sum(weight * y) / weight.sum()) ** 2) - (len(y) - 1))

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(np.var(y) * len(y) + variance.max())
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2
