"""The beam in the head: points, patches, lenses, maps, and their files."""

from .expose import expose
from .exposure_files import write_exposure_csv, write_exposure_json
from .field import Field
from .head import Head
from .lenses import Lens, lenses_of
from .skin import Skin
from .skin_map import SkinMap
from .skull_frame import skull_from_ct
from .track_exposure import FrameExposure, expose_track
from .uncertainty import covariance_of_sd
from .view_exposure import COLUMNS, ViewExposure

__all__ = [
    "COLUMNS",
    "Field",
    "FrameExposure",
    "Head",
    "Lens",
    "Skin",
    "SkinMap",
    "ViewExposure",
    "covariance_of_sd",
    "expose",
    "expose_track",
    "lenses_of",
    "skull_from_ct",
    "write_exposure_csv",
    "write_exposure_json",
]
