"""What the tube gave out for one image, as far as the user or a dose report says."""

import math
from dataclasses import dataclass, fields

LEAST_KVP, MOST_KVP = 40.0, 150.0


@dataclass(frozen=True, kw_only=True)
class TubeOutput:
    """Output and quality of one image of one view; None is unknown, and nothing is assumed for it.

    `kerma_mGy` is incident air kerma at the reference distance, `kap_Gycm2` the kerma-area product;
    both are of this image alone. `support_transmission` is the share of the kerma that the table or
    head rest in this beam lets through; 1 is no support. `al_mm` is all filtration that counts as
    aluminium, the tube's own included.
    """

    on: bool = True
    kerma_mGy: float | None = None
    kap_Gycm2: float | None = None
    kvp: float | None = None
    al_mm: float | None = None
    cu_mm: float | None = None
    support_transmission: float = 1.0

    def __post_init__(self):
        """ValueError on what no tube gives out."""
        for part in fields(self):
            value = getattr(self, part.name)
            if part.name == "on" or value is None:
                continue
            if not 0 <= value < math.inf:
                raise ValueError(f"{part.name} must be 0 or above and finite, found {value}")
        if not 0 < self.support_transmission <= 1:
            raise ValueError(
                f"support_transmission is a share above 0, at most 1; "
                f"found {self.support_transmission:g}"
            )
        if self.kvp is not None and not LEAST_KVP <= self.kvp <= MOST_KVP:
            raise ValueError(
                f"kvp must be within {LEAST_KVP:g} and {MOST_KVP:g} kV, found {self.kvp:g}"
            )
