"""From a head CT to radiographs: volumes, anatomy, renderer, fluoroscope, digital head."""

from .anatomy import HeadAnatomy, find_anatomy
from .collimation import Collimation, random_collimation
from .couch import without_couch
from .digital_head import DigitalHead, digital_head
from .field import FieldOutline, find_field
from .film import film
from .fluoroscope import Fluoroscope
from .head_landmarks import MANDIBLE_LANDMARKS
from .material_model import MaterialModel, material_model, render_materials, vessel_projectors
from .projector import Projector, render
from .structures import render_structures, structure_projectors
from .torch_renderer import Attenuation, render_torch
from .volume import Volume

__all__ = [
    "MANDIBLE_LANDMARKS",
    "Attenuation",
    "Collimation",
    "DigitalHead",
    "FieldOutline",
    "Fluoroscope",
    "HeadAnatomy",
    "MaterialModel",
    "Projector",
    "Volume",
    "digital_head",
    "film",
    "find_anatomy",
    "find_field",
    "material_model",
    "random_collimation",
    "render",
    "render_materials",
    "render_structures",
    "render_torch",
    "structure_projectors",
    "vessel_projectors",
    "without_couch",
]
