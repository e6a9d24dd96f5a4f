"""From HU to the materials that a beam of many energies tells apart.

A CT gives one number a voxel, so that a rule has to say what it is. With r = max(0, 1 + HU / 1000),
the attenuation over that of water at NOMINAL_KEV:

- up to SOFT_HU all is water-like: air, fat, muscle, brain;
- from there on, a mixture by volume of such tissue and cortical bone (the two-component line of
  Schneider et al. 2000, doi:10.1088/0031-9155/45/2/314, between the same two tissues; the HU of
  cortical bone follows here from its composition, about 1760); above it, dense bone and enamel;
- iodine only where its concentration is given, for its HU are those of bone: painted vessels
  bring it (`with_contrast`), a mask of real ones gives it (`iodine_mg_ml`);
- metal only where asked, above an HU that no bone reaches.

The parts of a voxel always add up to r, so that the images of all materials add up to the image
that `render` makes of the whole.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, Real

from .attenuation_table import BONE_G_CM3, MATERIALS, nominal_mass_attenuation

SOFT_HU = 100.0
BLOOD_HU = 50.0


def material_attenuation(
    data_hu: Real[np.ndarray, "i j k"],
    mu_water_per_mm: float | int = 0.02,
    iodine_mg_ml: Float[np.ndarray, "..."] | None = None,
    metal_above_hu: float | int | None = None,
) -> Float32[np.ndarray, "material i j k"]:
    """Attenuation at NOMINAL_KEV of each of MATERIALS, 1/mm: water and bone, iodine, metal.

    Two volumes; three with iodine; four with metal. They add up to
    mu_water_per_mm * max(0, 1 + HU / 1000), also where the CT shows less than the iodine given.

    Args:
        iodine_mg_ml: what of it the HU contain.
        metal_above_hu: what is above is metal, 3000 say: many CTs store no more than 3071 HU.

    Raises:
        ValueError: the iodine has another shape, or the metal would begin among soft tissue.
    """
    if iodine_mg_ml is not None and iodine_mg_ml.shape != data_hu.shape:
        raise ValueError(f"the iodine's shape is {iodine_mg_ml.shape}, the CT's {data_hu.shape}")
    if metal_above_hu is not None and not metal_above_hu > SOFT_HU:
        raise ValueError(f"metal_above_hu must be above {SOFT_HU:g}, found {metal_above_hu}")
    count = 4 if metal_above_hu is not None else 2 if iodine_mg_ml is None else 3
    parts = np.zeros((count, *data_hu.shape), np.float32)
    per_mg_ml = np.float32(hu_per_iodine_mg_ml() / 1000)
    for i, slice_hu in enumerate(data_hu):
        relative = np.maximum(slice_hu.astype(np.float32) / 1000 + 1, 0)
        if metal_above_hu is not None:
            metal = slice_hu > metal_above_hu
            parts[3, i] = np.where(metal, relative, 0)
            relative[metal] = 0
        if iodine_mg_ml is not None:
            parts[2, i] = np.clip(per_mg_ml * iodine_mg_ml[i], 0, relative)
            relative -= parts[2, i]
        parts[1, i] = _bone_part(relative)
        parts[0, i] = relative - parts[1, i]
    parts *= np.float32(mu_water_per_mm)
    return parts


def iodine_mg_ml(
    data_hu: Real[np.ndarray, "i j k"], mask: Bool[np.ndarray, "i j k"]
) -> Float32[np.ndarray, "i j k"]:
    """The iodine that lifts the blood in a mask to its HU."""
    above = np.maximum(data_hu.astype(np.float32) - np.float32(BLOOD_HU), 0)
    return np.where(mask, above / np.float32(hu_per_iodine_mg_ml()), 0).astype(np.float32)


def cortical_hu() -> float:
    """HU of cortical bone of BONE_G_CM3 at NOMINAL_KEV."""
    return 1000 * (_cortical() - 1)


def areal_density_g_cm2(
    line_integrals: Float[np.ndarray, "*pixel"], material: str
) -> Float[np.ndarray, "*pixel"]:
    """What lies behind line integrals at NOMINAL_KEV: mass of the material for each cm2.

    Raises:
        ValueError: no such material.
    """
    if material not in MATERIALS:
        raise ValueError(f"material must be one of {MATERIALS}, found {material!r}")
    return line_integrals / nominal_mass_attenuation(material)


def hu_per_iodine_mg_ml() -> float:
    """Rise in HU that 1 mg of iodine in 1 ml makes at NOMINAL_KEV."""
    return nominal_mass_attenuation("iodine") / nominal_mass_attenuation("water")


def _cortical() -> float:
    """Attenuation of cortical bone over that of water."""
    return BONE_G_CM3 * nominal_mass_attenuation("bone") / nominal_mass_attenuation("water")


def _bone_part(relative: np.ndarray) -> np.ndarray:
    """The bone's part of r: its share of the volume times r of cortical bone; all of r above."""
    soft, cortical = 1 + SOFT_HU / 1000, _cortical()
    volume_share = np.maximum(relative - np.float32(soft), 0) / np.float32(cortical - soft)
    return np.minimum(volume_share * np.float32(cortical), relative)
