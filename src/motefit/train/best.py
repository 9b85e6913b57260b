"""The best epoch of a training, and the state of its module then."""

import math
from typing import Any

from torch import Tensor, nn

State = dict[str, Tensor]


class Best:
    """The epoch with the highest score; of equal ones the lowest loss; of those, the latest.

    Attributes:
        score: of that epoch.
        loss: of that epoch.
        epoch: its index; -1 before the first offer.
        state: of the module then.
    """

    def __init__(self) -> None:
        self.score, self.loss, self.epoch = -math.inf, math.inf, -1
        self.state: State = {}

    def offer(
        self, score: float, loss: float, epoch: int, module: nn.Module, *, anyway: bool
    ) -> None:
        """Take an epoch if it is at least as good as the best one, or ``anyway``."""
        if anyway or (score, -loss) >= (self.score, -self.loss):
            self.score, self.loss, self.epoch = score, loss, epoch
            self.state = {k: v.detach().clone() for k, v in module.state_dict().items()}

    def facts(self) -> dict[str, Any]:
        """All but the state, as JSON values."""
        return {"best_score": self.score, "best_loss": self.loss, "best_epoch": self.epoch}

    @classmethod
    def from_facts(cls, facts: Any, state: State) -> "Best":  # noqa: ANN401 - JSON
        """What :meth:`facts` told, with the state."""
        best = cls()
        best.score, best.loss = facts["best_score"], facts["best_loss"]
        best.epoch, best.state = facts["best_epoch"], state
        return best
