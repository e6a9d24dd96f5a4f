"""From a head CT to radiographs: volumes, anatomy, renderer, fluoroscope, digital head."""

from .anatomy import HeadAnatomy, find_anatomy
from .collimation import Collimation, random_collimation
from .couch import without_couch
from .deformation import deformed
from .digital_head import DigitalHead, digital_head, head_of
from .field import FieldOutline, find_field
from .film import film, film_sequence
from .fluoroscope import Fluoroscope
from .head_landmark_names import LANDMARK_NAMES
from .head_landmarks import MANDIBLE_LANDMARKS
from .head_motion import with_neck_bent
from .head_shape import HeadShape, drawn_shape
from .label_map import PlacedMask, read_labels
from .material_model import (
    MaterialModel,
    material_model,
    render_materials,
    varied_model,
    vessel_projectors,
)
from .projector import Projector, render
from .structures import render_structures, structure_projectors
from .torch_renderer import Attenuation, render_torch
from .volume import Volume

__all__ = [
    "LANDMARK_NAMES",
    "MANDIBLE_LANDMARKS",
    "Attenuation",
    "Collimation",
    "DigitalHead",
    "FieldOutline",
    "Fluoroscope",
    "HeadAnatomy",
    "HeadShape",
    "MaterialModel",
    "PlacedMask",
    "Projector",
    "Volume",
    "deformed",
    "digital_head",
    "drawn_shape",
    "film",
    "film_sequence",
    "find_anatomy",
    "find_field",
    "head_of",
    "material_model",
    "random_collimation",
    "read_labels",
    "render",
    "render_materials",
    "render_structures",
    "render_torch",
    "structure_projectors",
    "varied_model",
    "vessel_projectors",
    "with_neck_bent",
    "without_couch",
]
