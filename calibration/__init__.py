"""Frames, cameras and the rig. Imports nothing from the other packages."""

from .camera import Camera
from .mayacam import read_mayacam
from .rig import Rig
from .rigid import Rigid

__all__ = ["Camera", "Rig", "Rigid", "read_mayacam"]
