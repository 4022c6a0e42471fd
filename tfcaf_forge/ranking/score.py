"""The replay score: how well local Q-values, mixed by a candidate, can explain the returns that followed.

For each transition the target is the discounted return G_t = sum_k gamma^k r_{t+k} of the logged episode. The local
Q-value of agent i is q_i = phi(o_i, a_i) . w with shared weights w (`ranking.features`), so that for a candidate with
credit c_i(s) and bias b(s)

    Q_tot = sum_i c_i(s) phi(o_i, a_i) . w + b(s) + const

is linear in w, which a ridge regression fits in closed form. The score is the out-of-fold explained variance
R^2 = 1 - SSE / SST over folds of whole episodes. Equal weights (VDN) go through the same fit.

It measures whether a candidate's credit helps local values to explain what the team earned. It says nothing about
exploration, and a high score does not promise a better policy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfcaf_forge.ranking.features import Floats

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

METHOD = (
    "the order is that in which training is predicted to go, by a rule over figures of the replay that was fitted to real training on other "
    "tasks; equal weights have 0. The score is the out-of-fold explained variance (R²) of the discounted return by local Q-values, linear in fixed random features "
    "and mixed by the candidate; 5 folds of whole episodes, 95 % percentile bootstrap over episodes"
)
FOLDS = 5
RIDGE = 1e-2
"""Ridge penalty as a share of the mean diagonal of the Gram matrix."""


@dataclass(frozen=True)
class Mixing:
    """A candidate on the replayed transitions.

    Attributes:
        credit: [M, N] dQ_tot/dQ_i.
        bias: [M] Q_tot at zero local Q-values.
    """

    credit: Floats
    bias: Floats
