"""A linear model that learns what a start value missed: softmax regression with an offset.

The ridge pulls the weights toward zero, so with few examples the answer stays near the start value and with many it
follows the examples. One optimiser for sentiment and for taught topics.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from allears.understand.words import Numbers


def fit_softmax(
    features: Any,
    labels: Numbers,
    classes: int,
    *,
    offset: Numbers | None = None,
    weights: Numbers | None = None,
    ridge: float = 1.0,
    steps: int = 60,
) -> tuple[Numbers, Numbers]:
    """Fit coefficients and intercepts of a softmax regression.

    Parameters
    ----------
    features
        Matrix, sparse or dense, shape ``(n, d)``.
    labels
        Class of each row, 0 to ``classes - 1``.
    offset
        Log-odds to start from, shape ``(n, classes)``; zero when absent.
    weights
        How much each row counts; 1 when absent.
    ridge
        Strength of the pull toward zero, in rows.

    Returns
    -------
    coefficients, intercepts
        Shapes ``(d, classes)`` and ``(classes,)``.

    Notes
    -----
    L-BFGS from zero: the same rows give the same answer.
    """
    from scipy.optimize import minimize

    rows, columns = features.shape
    start = np.zeros((rows, classes)) if offset is None else offset
    weight = np.ones(rows) if weights is None else weights
    wanted = np.zeros((rows, classes))
    wanted[np.arange(rows), labels] = 1
    turned = features.T.tocsr() if hasattr(features, "tocsr") else features.T

    def loss(flat: Numbers) -> tuple[float, Numbers]:
        matrix = flat.reshape(columns + 1, classes)
        log_p = log_softmax(start + features @ matrix[:-1] + matrix[-1])
        miss = (np.exp(log_p) - wanted) * weight[:, None]
        value = -(weight[:, None] * wanted * log_p).sum() + ridge / 2 * (flat**2).sum()
        slope = np.vstack((turned @ miss, miss.sum(axis=0)))
        return float(value), (slope + ridge * matrix).ravel()

    with single_thread():
        done = minimize(
            loss, np.zeros((columns + 1) * classes), jac=True, method="L-BFGS-B", options={"maxiter": steps}
        )
    matrix = done.x.reshape(columns + 1, classes)
    return matrix[:-1].astype(np.float32), matrix[-1].astype(np.float32)


def fit_few(
    features: Any, labels: Numbers, classes: int, *, weights: Numbers | None = None, ridge: float
) -> Numbers:
    """Fit `fit_softmax` where rows are few and columns many: the same answer, found in the space the rows span.

    Returns
    -------
    coefficients
        Shape ``(d, classes)``; there is no intercept.
    """
    kernel = np.asarray((features @ features.T).todense(), float)
    with single_thread():
        size, axes = np.linalg.eigh(kernel)
    kept = size > 1e-6 * size[-1]
    root, axes = np.sqrt(size[kept]), axes[:, kept]
    # Stopped early: on few rows further steps only fit their accidents.
    inner, _ = fit_softmax(axes * root, labels, classes, weights=weights, ridge=ridge, steps=15)
    result: Numbers = np.asarray(features.T @ (axes @ (inner / root[:, None])), np.float32)
    return result


def single_thread() -> Any:
    """Keep linear algebra on one thread: the same sums on every machine, and no quarrel over cores with other work."""
    from threadpoolctl import threadpool_limits  # it ships no types

    return threadpool_limits(1)


def log_softmax(scores: Numbers) -> Numbers:
    """Turn scores into log-probabilities, row by row."""
    scores = scores - scores.max(axis=1, keepdims=True)
    result: Numbers = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return result


def fit_temperature(scores: Numbers, labels: Numbers, weights: Numbers | None = None) -> float:
    """Find the factor on held-out scores that makes their probabilities honest (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    weight = np.ones(len(labels)) if weights is None else weights
    row = np.arange(len(labels))
    done = minimize_scalar(
        lambda factor: -(weight * log_softmax(scores * factor)[row, labels]).sum(),
        bounds=(0.2, 5.0),
        method="bounded",
    )
    return float(done.x)


def deal_folds(groups: Numbers, folds: int, seed: int = 0) -> Numbers:
    """Deal rows to folds so that rows of one group stay together."""
    names, member = np.unique(groups, return_inverse=True)
    deal = np.random.default_rng(seed).permutation(len(names)) % folds
    result: Numbers = deal[member]
    return result
