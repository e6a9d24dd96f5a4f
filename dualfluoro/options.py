"""What every command takes: the trial, the device, the seed, silence."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number


def _path(_: object, tokens: Sequence) -> Path:
    return Path(tokens[0].value)


TrialFolder = Annotated[
    os.PathLike | str,
    Parameter(converter=_path, accepts_keys=False, n_tokens=1, help="Folder with a trial.toml."),
]
"""A trial on the command line is its folder; from Python it may be a loaded one, too."""


Minutes = Annotated[float, Parameter(validator=Number(gt=0, lte=100_000))]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """Options of every command."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks run; auto takes a GPU if there is one."""
    seed: int = 0
    """Decides every random draw."""
    quiet: Annotated[bool, Parameter(negative=())] = False
    """Print nothing but errors."""

    def torch_device(self) -> str:
        """`cpu` or `cuda`; ValueError where a GPU is asked for and there is none."""
        import torch

        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("--device cuda: PyTorch finds no GPU here; use --device cpu or auto")
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
        return wanted if self.device == "auto" else self.device

    def say(self, text: str) -> None:
        """Print a line, unless the user wants silence."""
        if not self.quiet:
            print(text, flush=True)

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar has somebody to look at it."""
        return not self.quiet and sys.stderr.isatty()


DEFAULTS = Common()


@dataclass(frozen=True)
class TrackOptions:
    """How `track` was asked to find the poses; what each means stands there."""

    init: Path | None = None
    refine: bool = True
    translate: bool = True
    look: str = "auto"
