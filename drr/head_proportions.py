"""The proportions, teeth and posture of one digital head; the defaults are the mean head.

`head_shape` draws a person, and `head_map` says how the mean head becomes a head of this shape.
"""

from dataclasses import dataclass

from .head_dentition import ALL_TEETH
from .head_solids import Number


@dataclass(frozen=True)
class HeadShape:
    """Sizes in mm, HU, degrees and shares of one head.

    Raises:
        ValueError: a field is no number, or beyond what can be built (`LIMITS`), or two of them
            do not go together, or there is no tooth of that number.
    """

    cranial_length_mm: Number = 183.0
    """Glabella to opisthocranion."""
    cranial_breadth_mm: Number = 140.0
    """Euryon to euryon."""
    auricular_height_mm: Number = 118.0
    """Frankfort plane to vertex."""
    nasion_depth_mm: Number = 93.0
    """Porion to nasion along y."""
    nasion_height_mm: Number = 28.0
    """Nasion over the Frankfort plane."""
    upper_face_height_mm: Number = 69.0
    """Nasion to prosthion."""
    face_height_mm: Number = 117.5
    """Nasion to menton."""
    prosthion_depth_mm: Number = 96.603
    """Porion to prosthion along y: how far the upper jaw stands out."""
    pogonion_depth_mm: Number = 90.302
    """Porion to pogonion along y: how far the chin stands out."""
    bizygomatic_mm: Number = 134.0
    """Zygion to zygion."""
    bigonial_mm: Number = 99.0
    """Gonion to gonion."""
    vault_thickness_mm: Number = 6.0
    """Of the vault's bone away from temples, brow and inion."""
    bone_density: Number = 1.0
    """HU of all bone but teeth, over the mean's."""
    sutures: Number = 1.0
    """How open the vault's sutures are: 0 closed, 1 the mean's, less dense by half."""
    frontal_sinus: Number = 1.0
    """Linear size over the mean's."""
    frontal_sinus_skew: Number = 0.125
    """By so much of the mean's is the right one larger, and the left one smaller."""
    maxillary_sinus: Number = 1.0
    """Linear size over the mean's."""
    sphenoid_sinus: Number = 1.0
    """Linear size over the mean's."""
    mastoid_cells: Number = 1.0
    """Linear size of the space with air cells, over the mean's."""
    ventricles: Number = 1.0
    """Width of the brain's ventricles over the mean's: more with age."""
    pineal_hu: Number = 180.0
    """HU of the pineal gland, often full of lime."""
    nose: Number = 1.0
    """Length of the soft nose over the mean's."""
    flesh_mm: Number = 0.0
    """Thickness of the flesh over the mean's, everywhere."""
    left_breadth: Number = 0.99
    """Breadth of the left half over that of the right."""
    skew: Number = 0.012
    """mm that the right side lies behind, per mm from the middle."""
    chin_deviation_mm: Number = 0.0
    """Of the chin to the right; nothing at the Frankfort plane."""
    missing_teeth: tuple[int, ...] = ()
    """FDI numbers of the teeth that are not there; `ALL_TEETH` is a mouth without any."""
    metal_crowns: tuple[int, ...] = ()
    """FDI numbers of teeth with a metal crown."""
    fillings: tuple[int, ...] = ()
    """FDI numbers of teeth with a metal filling."""
    upper_ridge_loss_mm: Number = 0.0
    """Height of the ridge of the upper teeth that is gone: with age, or without teeth."""
    lower_ridge_loss_mm: Number = 0.0
    """The same of the lower jaw."""
    jaw_opening_deg: Number = 0.0
    """Turn of the jaw about the condyles, which glide forward with it."""
    neck_flexion_deg: Number = 0.0
    """Chin toward the chest, of the head against the lowest neck."""
    neck_turn_deg: Number = 0.0
    """Face toward the right."""
    neck_tilt_deg: Number = 0.0
    """Right ear toward the right shoulder."""
    seed: int = 0
    """Of the small smooth variations, the texture and the noise."""

    def __post_init__(self):
        """ValueError as the class says."""
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be {low:g} to {high:g}, found {value}")
        for name in ("missing_teeth", "metal_crowns", "fillings"):
            unknown = [n for n in getattr(self, name) if n not in ALL_TEETH]
            if unknown:
                raise ValueError(f"{name} holds FDI numbers such as 11 or 48, found {unknown[0]}")
        if not self.upper_face_height_mm + 30 <= self.face_height_mm:
            raise ValueError(
                f"face_height_mm must be 30 mm above upper_face_height_mm, found "
                f"{self.face_height_mm:g} and {self.upper_face_height_mm:g}"
            )


LIMITS: dict[str, tuple[float, float]] = {
    "cranial_length_mm": (150, 220),
    "cranial_breadth_mm": (110, 175),
    "auricular_height_mm": (95, 145),
    "nasion_depth_mm": (70, 115),
    "nasion_height_mm": (18, 38),
    "upper_face_height_mm": (50, 90),
    "face_height_mm": (90, 150),
    "prosthion_depth_mm": (70, 125),
    "pogonion_depth_mm": (60, 125),
    "bizygomatic_mm": (100, 165),
    "bigonial_mm": (70, 130),
    "vault_thickness_mm": (3, 11),
    "bone_density": (0.4, 1.4),
    "sutures": (0, 1.5),
    "frontal_sinus": (0.3, 1.45),
    "frontal_sinus_skew": (-0.3, 0.3),
    "maxillary_sinus": (0.5, 1.3),
    "sphenoid_sinus": (0.5, 1.3),
    "mastoid_cells": (0.2, 1.15),
    "ventricles": (0.3, 2.0),
    "pineal_hu": (0, 1000),
    "nose": (0.6, 1.5),
    "flesh_mm": (-3, 8),
    "left_breadth": (0.9, 1.1),
    "skew": (-0.1, 0.1),
    "chin_deviation_mm": (-12, 12),
    "upper_ridge_loss_mm": (0, 6),
    "lower_ridge_loss_mm": (0, 7),
    "jaw_opening_deg": (0, 35),
    "neck_flexion_deg": (-35, 35),
    "neck_turn_deg": (-50, 50),
    "neck_tilt_deg": (-25, 25),
    "seed": (0, 2**63 - 1),
}
