"""Whether a track's deviations are true: errors in units of the deviation stated with them.

`sd_rotation_deg` and `sd_translation_mm` are root-trace norms: the mean square of the error's norm
is their square, whatever the shape of the covariance. So `rms` is 1 where they are right, and above
1 where they are too small. The shares depend a little on the shape, for normal errors:

    within               1 sd      2 sd
    one axis alone       68.3 %    95.4 %     (chi-square of 1 degree of freedom)
    all axes alike       60.8 %    99.3 %     (chi-square of 3 degrees of freedom, below 3 and 12)
"""

import numpy as np
from jaxtyping import Float


def sd_coverage(
    error: Float[np.ndarray, "frame"], sd: Float[np.ndarray, "frame"]
) -> dict[str, float | int] | None:
    """Shares of the frames whose error is within 1 and 2 of its deviations, and the RMS ratio.

    Only frames with both count; None where there is none.
    """
    known = np.isfinite(error) & np.isfinite(sd) & (sd > 0)
    if not known.any():
        return None
    ratio = error[known] / sd[known]
    return {
        "frames": int(known.sum()),
        "within_1_sd": float((ratio <= 1).mean()),
        "within_2_sd": float((ratio <= 2).mean()),
        "rms": float(np.sqrt(np.square(ratio).mean())),
    }
