"""Where on the head a beam enters, in words and as spherical coordinates about the skull's origin.

The words divide the head by longitude and latitude in the Frankfort frame, whose origin lies midway
between the ear canals: a site on the skin, not an organ. They are left out where the frame is only
the CT's own.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

VERTEX_DEG = 65.0  # latitude above which the side no longer matters
FRONT_DEG, BACK_DEG = 45.0, 135.0  # longitudes that bound the sides


class EntrySite(NamedTuple):
    """Longitude (0 in front, 90 on the left, as a beam's detector has it), latitude, radius."""

    longitude_deg: float
    latitude_deg: float
    radius_mm: float
    region: str | None


def entry_site(entry_skull: Float[np.ndarray, "3"], anatomical: bool) -> EntrySite:
    """The site of a point on the skin (skull, mm); `anatomical`: the frame is Frankfort's."""
    x, y, z = (float(v) for v in entry_skull)
    longitude = math.degrees(math.atan2(-x, y))
    latitude = math.degrees(math.atan2(z, math.hypot(x, y)))
    region = region_of(longitude, latitude) if anatomical else None
    return EntrySite(longitude, latitude, math.sqrt(x * x + y * y + z * z), region)


def region_of(longitude_deg: float, latitude_deg: float) -> str:
    """`vertex`, `frontal`, `temporoparietal left`, `occipital`, `face`, `cheek left`, `neck`..."""
    if latitude_deg >= VERTEX_DEG:
        return "vertex"
    above = latitude_deg >= 0
    if abs(longitude_deg) <= FRONT_DEG:
        return "frontal" if above else "face"
    if abs(longitude_deg) >= BACK_DEG:
        return "occipital" if above else "neck"
    side = "left" if longitude_deg > 0 else "right"
    return f"{'temporoparietal' if above else 'cheek and jaw'} {side}"
