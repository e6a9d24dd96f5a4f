"""The beam in the head: points, patches, lenses, maps, and their files."""

from .expose import expose
from .exposure_files import write_exposure_csv, write_exposure_json
from .field import Field
from .head import Head
from .lens_estimate import estimated_lenses
from .lenses import Lens, lenses_of
from .matter import Matter
from .skin import Skin
from .skin_map import SkinMap
from .skin_picture import write_skin_picture
from .skull_frame import skull_from_ct
from .structures import Structure
from .summary import summary_of
from .track_exposure import FrameExposure, expose_track
from .tube_output import TubeOutput
from .uncertainty import covariance_of_sd
from .view_exposure import COLUMNS, ViewExposure

__all__ = [
    "COLUMNS",
    "Field",
    "FrameExposure",
    "Head",
    "Lens",
    "Matter",
    "Skin",
    "SkinMap",
    "Structure",
    "TubeOutput",
    "ViewExposure",
    "covariance_of_sd",
    "estimated_lenses",
    "expose",
    "expose_track",
    "lenses_of",
    "skull_from_ct",
    "summary_of",
    "write_exposure_csv",
    "write_exposure_json",
    "write_skin_picture",
]
