"""What an incident did, against what would have been: the counterfactual methods."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from allears.errors import NotReady, Refused

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FEWEST_DAYS_BEFORE = 60


class Effects(NamedTuple):
    """Effects of several windows against the first, with their joint covariance."""

    effect: Floats  # shape (windows,); 0 for the first
    covariance: Floats  # shape (windows, windows)
    freedom: float

    def error(self, k: int) -> float:
        """Give the standard error of one window's effect."""
        return math.sqrt(max(float(self.covariance[k, k]), 0.0))

    def joint_p(self, which: list[int]) -> float:
        """Test that all these effects are 0, by a Wald test."""
        from scipy import stats

        block = self.covariance[np.ix_(which, which)]
        if not which or not np.isfinite(block).all():
            return 1.0
        b = self.effect[which]
        wald = float(b @ np.linalg.pinv(block) @ b) / len(which)
        return float(stats.f.sf(wald, len(which), max(self.freedom, 1.0)))

    def quantile(self, p: float) -> float:
        """Give Student's quantile for these effects."""
        from scipy import special

        return float(special.stdtrit(max(self.freedom, 1.0), p))


def ratio_effects(
    own: Floats, own_days: Floats, other: Floats, other_days: Floats, *, weight: Floats | None = None
) -> Effects:
    """Compare how rates of two groups of customers moved, as log ratios.

    Difference-in-differences with customer and day effects, for counts: with a complete panel the two-way
    Poisson model comes down to the ratio of the groups' ratios. Multiplicative, because a quiet season takes a share
    of everybody's orders, not one order each. Standard errors cluster by customer: each one's whole row is one draw.

    Parameters
    ----------
    own, own_days
        Exposed customers: counts and days observed per window, shape ``(customers, windows)``; the first
        window is the time before.
    other, other_days
        The unexposed ones, likewise.
    weight
        Of each unexposed customer, shape ``(customers,)``; 1 when omitted.

    Returns
    -------
    Effects
        Log of (own rate / own rate before) / (other rate / other rate before).

    Raises
    ------
    Refused
        A group has fewer than 2 customers, or shapes differ.
    """
    if own.shape != own_days.shape or other.shape != other_days.shape or own.shape[1] != other.shape[1]:
        raise Refused("counts and days of both groups need the same windows")
    if min(len(own), len(other)) < 2:
        raise Refused("two groups of customers are compared, of at least 2 each")
    mine, mine_cov = _log_rates(own, own_days, np.ones(len(own)))
    theirs, their_cov = _log_rates(other, other_days, np.ones(len(other)) if weight is None else weight)
    against_first = np.eye(own.shape[1])
    against_first[:, 0] -= 1
    raw, cov = mine - theirs, mine_cov + their_cov
    return Effects(against_first @ raw, against_first @ cov @ against_first.T, float(len(own) - 1))


def _log_rates(counts: Floats, days: Floats, weight: Floats) -> tuple[Floats, Floats]:
    total, exposure = weight @ counts, weight @ days
    total = np.where(total < 1, 0.5, total)
    pull = weight[:, None] * (counts / total - days / np.where(exposure > 0, exposure, np.inf))
    rate = np.log(total) - np.log(np.where(exposure > 0, exposure, np.nan))
    cov = pull.T @ pull * len(counts) / (len(counts) - 1)
    # No customer's luck shows in a window of no events; a Poisson count of a half says at least this much.
    floor = np.where(weight @ counts < 1, 4.0, 0.0)
    return rate, cov + np.diag(floor)


def mean_effects(
    y: Floats, n: Floats, exposed: Flags, window: Ints, stratum: Ints, customer: Ints, *, windows: int
) -> Effects:
    """Compare how means of two groups moved, by least squares with stratum-and-window effects.

    ``y = stratum x window + exposed + exposed x window``: scales of different level do not mix, and each scale may move
    with time. Each customer has a level of their own (random intercept), which takes out that some are harder to please;
    standard errors cluster by customer all the same (CR1).

    Parameters
    ----------
    y, n
        Mean points of each row, and the answers behind it (the weight), shape ``(rows,)``.
    exposed, window, stratum, customer
        Codes of each row; window 0 is the time before.
    windows
        How many windows.

    Returns
    -------
    Effects
        In points; NaN where the exposed gave no answer.
    """
    cells, cell = np.unique(stratum * windows + window, return_inverse=True)
    design = np.zeros((len(y), len(cells) + windows))
    design[np.arange(len(y)), cell] = 1.0
    mine = np.flatnonzero(exposed)
    design[mine, len(cells)] = 1.0
    later = mine[window[mine] > 0]
    design[later, len(cells) + window[later]] = 1.0
    used = np.flatnonzero((design * n[:, None]).sum(0) > 0)
    _, group = np.unique(customer, return_inverse=True)
    beta, cov = _random_intercepts(design[:, used] * np.sqrt(n)[:, None], y * np.sqrt(n), np.sqrt(n), group)
    effect = np.full(windows, np.nan)
    full = np.full((windows, windows), np.nan)
    place = {int(c) - len(cells): i for i, c in enumerate(used) if c >= len(cells)}
    if 0 in place:
        effect[0] = 0.0
        later_places = [k for k in place if k > 0]
        at = [place[k] for k in later_places]
        effect[later_places] = beta[at]
        full[np.ix_(later_places, later_places)] = cov[np.ix_(at, at)]
    return Effects(effect, full, float(max(len(np.unique(customer[exposed])) - 1, 1)))


def _random_intercepts(x: Floats, y: Floats, root: Floats, group: Ints) -> tuple[Floats, Floats]:
    """Fit with one random level per customer (quasi-demeaned least squares), errors clustered by customer."""
    groups = int(group.max()) + 1
    worth = np.bincount(group, root * root, groups)
    e = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    # Products of two answers of one customer hold only what they share.
    sums, squares = np.bincount(group, root * e, groups), np.bincount(group, (root * e) ** 2, groups)
    pairs = float(np.sum(worth**2 - np.bincount(group, root**4, groups)))
    shared = max(float(np.sum(sums**2 - squares)) / pairs, 0.0) if pairs > 0 else 0.0
    own = max(float(np.mean(e * e)) - shared, 1e-9)
    keep = 1 - np.sqrt(own / (own + worth * shared))

    def demean(column: Floats) -> Floats:
        middle = np.bincount(group, root * column, groups) / worth
        moved: Floats = column - root * (keep * middle)[group]
        return moved

    xs, ys = np.column_stack([demean(x[:, j]) for j in range(x.shape[1])]), demean(y)
    bread = np.linalg.pinv(xs.T @ xs)
    beta = np.asarray(bread @ (xs.T @ ys), dtype=np.float64)
    summed = np.zeros((groups, x.shape[1]))
    np.add.at(summed, group, xs * (ys - xs @ beta)[:, None])
    correction = groups / max(groups - 1, 1) * max(len(y) - 1, 1) / max(len(y) - x.shape[1], 1)
    return beta, np.asarray(bread @ (summed.T @ summed) @ bread * correction, dtype=np.float64)


def interrupted(
    y: npt.ArrayLike, day: npt.ArrayLike, window: npt.ArrayLike, *, windows: int, season: int = 7
) -> Effects:
    """Estimate level shifts of one series when everybody was hit: trend, season and AR(1) errors.

    Prais-Winsten with the autocorrelation corrected for its bias in short series (Kendall: ``(1 + 4 r) / n``) and
    Student's quantiles for as many independent days as the autocorrelation leaves; widened where the series shows
    effects at dates before, when nothing began. Plain least squares would cry wolf in a third of cases.

    Parameters
    ----------
    y
        One value per day (log of a count, or a mean), shape ``(days,)``, oldest first.
    day
        Days since any start.
    window
        0 before; 1, 2 ... for each later window whose shift is asked.
    windows
        How many windows, the first included.
    season
        Steps after which the season repeats: 7 days.

    Raises
    ------
    NotReady
        Fewer than 60 days before; ``facts`` holds ``got`` and ``needed``.
    """
    level, at, which = np.asarray(y, float), np.asarray(day, float), np.asarray(window, int)
    before = int((which == 0).sum())
    if before < FEWEST_DAYS_BEFORE:
        raise NotReady(
            "an interrupted series needs 60 days before the start", got=before, needed=FEWEST_DAYS_BEFORE
        )
    phase = (at.astype(int) % season)[:, None] == np.arange(1, season)
    shifts = (which[:, None] == np.arange(1, windows)).astype(float)
    x = np.column_stack([np.ones_like(at), (at - at.mean()) / 30, phase]).astype(float)
    effect, cov = np.zeros(windows), np.zeros((windows, windows))
    effect[1:], cov[1:, 1:], freedom = _shifts(x, level, shifts)
    length = int(max((which == 1).sum(), 3))
    cov *= _cried_wolf(x[which == 0], level[which == 0], length, at_least=45 + 2 * season)
    return Effects(effect, cov, freedom)


def _shifts(x: Floats, level: Floats, shifts: Floats) -> tuple[Floats, Floats, float]:
    x = np.column_stack([x, shifts])
    rho, beta = 0.0, np.linalg.lstsq(x, level, rcond=None)[0]
    for _ in range(20):
        e = level - x @ beta
        raw = float(e[1:] @ e[:-1]) / max(float(e @ e), 1e-12)
        new = min(max(raw + (1 + 4 * raw) / len(e), 0.0), 0.97)
        beta, bread, noise = _prais_winsten(x, level, new)
        if abs(new - rho) < 1e-4:
            break
        rho = new
    freedom = max((len(level) - x.shape[1]) * (1 - rho) / (1 + rho), 3.0)
    k = int(shifts.shape[1])
    return np.asarray(beta[-k:], dtype=np.float64), noise * bread[-k:, -k:], freedom


def _cried_wolf(x: Floats, level: Floats, length: int, *, at_least: int) -> float:
    """Pretend it began earlier, where nothing did: by how much the variance must grow for those effects to be chance.

    Real series have gusts that no AR(1) knows; each series tells how many.
    """
    squares = []
    for end in range(len(level), at_least + length - 1, -length)[:30]:
        pretended = (np.arange(end) >= end - length).astype(float)[:, None]
        effect, cov, _ = _shifts(x[:end], level[:end], pretended)
        squares.append(float(effect[0]) ** 2 / max(float(cov[0, 0]), 1e-12))
    return max(float(np.mean(squares)), 1.0) if len(squares) >= 3 else 1.0


def _prais_winsten(x: Floats, y: Floats, rho: float) -> tuple[Floats, Floats, float]:
    first = math.sqrt(1 - rho * rho)
    xs = np.vstack([first * x[:1], x[1:] - rho * x[:-1]])
    ys = np.concatenate([first * y[:1], y[1:] - rho * y[:-1]])
    bread: Floats = np.asarray(np.linalg.pinv(xs.T @ xs), dtype=np.float64)
    beta: Floats = bread @ (xs.T @ ys)
    e = ys - xs @ beta
    return beta, bread, float(e @ e / max(len(y) - x.shape[1], 1))


def matching_weights(own: Ints, other: Ints) -> Floats:
    """Weigh unexposed customers so that their strata are spread as the exposed customers' are.

    Parameters
    ----------
    own, other
        Stratum of each exposed and each unexposed customer, such as how active they were long before.

    Returns
    -------
    ndarray
        One weight per unexposed customer, mean 1; 0 in strata where nobody was exposed.

    Examples
    --------
    >>> matching_weights(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1])).tolist()
    [0.5, 0.5, 1.5, 1.5]
    """
    size = int(max(own.max(initial=0), other.max(initial=0))) + 1
    mine, theirs = (np.bincount(g, minlength=size).astype(float) for g in (own, other))
    wanted = np.divide(mine / mine.sum(), theirs, out=np.zeros(size), where=theirs > 0)
    weight: Floats = wanted[other]
    scaled: Floats = weight * len(other) / max(weight.sum(), 1e-12)
    return scaled


def cuped(y: npt.ArrayLike, before: npt.ArrayLike) -> tuple[Floats, float]:
    """Take out of a metric what the same metric before explains, leaving its mean (CUPED).

    Parameters
    ----------
    y, before
        Per customer, after and strictly before exposure, shape ``(n,)``.

    Returns
    -------
    tuple
        Adjusted values, and the share of variance that is left, ``1 - correlation ** 2``.

    References
    ----------
    .. [1] A. Deng et al. (2013), Improving the Sensitivity of Online Controlled Experiments by Utilizing
       Pre-Experiment Data, WSDM.

    Examples
    --------
    >>> adjusted, left = cuped([1.0, 2.0, 3.5], [1.0, 2.0, 3.0])
    >>> bool(left < 0.02), round(float(adjusted.mean()), 3)
    (True, 2.167)
    """
    after, x = np.asarray(y, float), np.asarray(before, float)
    if after.shape != x.shape or len(x) < 3:
        raise Refused("expected one value before for each value after, of at least 3 customers")
    if x.var() == 0 or after.var() == 0:
        return after.copy(), 1.0
    covariance = float(np.mean((after - after.mean()) * (x - x.mean())))
    adjusted: Floats = after - covariance / x.var() * (x - x.mean())
    return adjusted, float(adjusted.var() / after.var())
