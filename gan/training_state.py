"""Everything that changes while a CycleGAN trains: what a checkpoint holds, to the bit."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .networks import Discriminator, new_generators

POOL = 50
"""Made batches that the discriminators are also shown (Shrivastava et al. 2017)."""


@dataclass(eq=False)
class Pool:
    """Made pictures of the last steps; half of those asked for are older ones."""

    pictures: list[Tensor] = field(default_factory=list)

    def exchange(self, fresh: Tensor, rng: np.random.Generator) -> Tensor:
        """The fresh picture, or an older one that it takes the place of."""
        if len(self.pictures) < POOL:
            self.pictures.append(fresh)
            return fresh
        if rng.random() < 0.5:
            return fresh
        place = int(rng.integers(POOL))
        older, self.pictures[place] = self.pictures[place], fresh
        return older


class TrainingState:
    """Networks, their moving average, optimisers, pools and the best weights so far."""

    def __init__(self, width: int, blocks: int, judge_width: int, average: float, device: str):
        """Networks drawn from torch's default generator."""
        both = new_generators(width, blocks)
        judges = nn.ModuleDict({name: Discriminator(judge_width) for name in ("drr", "film")})
        self.generators, self.judges = both.to(device), judges.to(device)
        self.averaged = AveragedModel(
            self.generators, multi_avg_fn=get_ema_multi_avg_fn(average), use_buffers=True
        )
        self.teach = torch.optim.Adam(self.generators.parameters(), betas=(0.5, 0.999))
        self.judge = torch.optim.Adam(self.judges.parameters(), betas=(0.5, 0.999))
        self.pools = {"drr": Pool(), "film": Pool()}
        self.step, self.spent_s, self.stopped = 0, 0.0, False
        self.whole = True
        """Whether the last step was taken altogether, its judgement included."""
        self.best: dict[str, dict[str, Tensor]] = {}
        self.best_score: dict[str, float] = dict.fromkeys(("to_drr", "to_film"), float("inf"))
        self.best_step: dict[str, int] = dict.fromkeys(self.best_score, 0)

    def saved(self, key: str) -> dict:
        """Tensors, numbers and strings only: loads with weights_only=True."""
        return {
            "key": key,
            "step": self.step,
            "spent_s": self.spent_s,
            "stopped": self.stopped,
            "generators": self.generators.state_dict(),
            "judges": self.judges.state_dict(),
            "averaged": self.averaged.state_dict(),
            "teach": self.teach.state_dict(),
            "judge": self.judge.state_dict(),
            "pools": {name: list(pool.pictures) for name, pool in self.pools.items()},
            "best": self.best,
            "best_score": self.best_score,
            "best_step": self.best_step,
        }

    def restore(self, state: dict, path: Path) -> None:
        """Go on from what `saved` gave; ValueError, with the file's name, where it does not fit."""
        try:
            self._restore(state)
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path}: damaged, or of another version; delete it to start anew: {error}"
            ) from None

    def _restore(self, state: dict) -> None:
        for name in ("step", "spent_s", "stopped", "best", "best_score", "best_step"):
            setattr(self, name, state[name])
        for name in ("generators", "judges", "averaged", "teach", "judge"):
            getattr(self, name).load_state_dict(state[name])
        device = next(self.generators.parameters()).device
        for name, pictures in state["pools"].items():
            self.pools[name] = Pool([picture.to(device) for picture in pictures])

    def keep_best(self, scores: dict[str, float]) -> None:
        """The averaged generators as they are now, each direction that is better than before."""
        for name, score in scores.items():
            if score < self.best_score[name]:
                weights = cast(nn.ModuleDict, self.averaged.module)[name].state_dict()
                self.best[name] = {key: w.detach().cpu().clone() for key, w in weights.items()}
                self.best_score[name], self.best_step[name] = score, self.step
