"""Growth of everything else: what a campaign or a season explains of a series' rise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from allears.foresee.grid import Matrix, trailing

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
WINDOWS = (6, 24)
PRIOR, MOST = 10.0, 20.0


def growth_of_others(
    count: Matrix, due: Matrix, hours: int, topics: Ints, plain: Bools, topic: Ints, whole: Ints
) -> Floats:
    """Factor, 1 or more, by which all but a series' own topic grew: in its origin or over all, whichever is more.

    Parameters
    ----------
    count, due
        Seen and expected, shape (series, a day and the last ``hours``).
    topics
        Topic of each series, -1 for everything.
    plain
        Which series are not slices.
    topic, whole
        For each series the row of its whole topic, and of everything, from the same origin; its own if there is none.
    """
    growth = np.ones((len(count), hours))
    for window in WINDOWS:
        got, expected = trailing(count, window, hours), trailing(due, window, hours)
        others = np.maximum(got[whole] - got[topic], 0) + PRIOR
        usual = np.maximum(expected[whole] - expected[topic], 0) + PRIOR
        growth = np.maximum(growth, np.where((topic != whole)[:, None], others / usual, 1.0))
        growth = np.maximum(growth, _everywhere(got, expected, topics, plain))
    return np.minimum(growth, MOST)


def _everywhere(got: Floats, expected: Floats, topics: Ints, plain: Bools) -> Floats:
    """Growth of everything but the series' own topic, over all origins; total series are not lifted."""
    most = int(topics.max()) + 2
    sums = []
    for values in (got, expected):
        by_topic = np.zeros((most, values.shape[1]))
        np.add.at(by_topic, topics[plain] + 1, values[plain])
        others = by_topic[0][None, :] - by_topic
        others[0] = 0.0
        sums.append(np.maximum(others, 0)[topics + 1] + PRIOR)
    common: Floats = sums[0] / sums[1]
    return common
