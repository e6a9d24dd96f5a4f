"""From the tube's output to kerma and dose at the entry point: each step with its factor named."""

import math
from dataclasses import dataclass
from functools import lru_cache

from drr.spectrum import half_value_layer_mm_al, spectrum

from .dose_factors import Refused, backscatter_factor, medium_factor
from .tube_output import TubeOutput

CHAMBER_RANGE = (0.7, 1.3)  # of KAP / (kerma * area): displays may be off by 35 % each


@dataclass(frozen=True)
class Dose:
    """At the entry point; None where something is missing, and `notes` says what.

    `incident_kerma_mGy` is air kerma without backscatter, behind a support if there is one;
    `surface_kerma_mGy` has backscatter, `skin_dose_mGy` is in water. `kap_ratio` is
    KAP / (kerma * area at the reference distance), 1 for instruments that agree.
    """

    reference_kerma_mGy: float | None = None
    incident_kerma_mGy: float | None = None
    surface_kerma_mGy: float | None = None
    skin_dose_mGy: float | None = None
    backscatter: float | None = None
    medium: float | None = None
    support_transmission: float = 1.0
    hvl_mm_al: float | None = None
    kap_ratio: float | None = None
    notes: tuple[str, ...] = ()


def dose_at_entry(
    output: TubeOutput, k_isq: float | None, reference_mm2: float | None, entrance_mm2: float | None
) -> Dose:
    """The dose of one image where the beam enters; areas are the field's, at the two distances."""
    if not output.on:
        return Dose(notes=("tube off: no exposure",))
    kerma, ratio, notes = reference_kerma(output, reference_mm2)
    if kerma is None or k_isq is None:
        why = (
            "no kerma given" if kerma is None else "no distance to the reference point or no entry"
        )
        return Dose(kap_ratio=ratio, notes=(*notes, f"{why}: relative values only"))
    incident = kerma * k_isq * output.support_transmission
    hvl = half_value_layer(output)
    found: dict[str, float | None] = {"backscatter": None, "medium": None}
    if hvl is None or output.kvp is None or entrance_mm2 is None:
        notes += ("no backscatter and medium factor: kVp (50 to 120) and filtration are needed",)
    else:
        side_cm = math.sqrt(entrance_mm2) / 10
        for name, factor in (
            ("backscatter", backscatter_factor(output.kvp, hvl, side_cm)),
            ("medium", medium_factor(output.kvp, hvl, side_cm)),
        ):
            if isinstance(factor, Refused):
                notes += (f"no {name} factor: {factor.reason}",)
            else:
                found[name] = factor
    surface = None if found["backscatter"] is None else incident * found["backscatter"]
    skin = None if surface is None or found["medium"] is None else surface * found["medium"]
    return Dose(
        reference_kerma_mGy=kerma,
        incident_kerma_mGy=incident,
        surface_kerma_mGy=surface,
        skin_dose_mGy=skin,
        support_transmission=output.support_transmission,
        hvl_mm_al=hvl,
        kap_ratio=ratio,
        notes=notes,
        **found,
    )


def reference_kerma(
    output: TubeOutput, reference_mm2: float | None
) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Kerma (mGy) at the reference distance, KAP over kerma * area, and remarks.

    A kerma that is given counts; from a KAP alone it is KAP / area (1 Gy cm^2 = 1e5 mGy mm^2).
    """
    if not output.on:
        return None, None, ()
    if output.kap_Gycm2 is None or reference_mm2 is None:
        return output.kerma_mGy, None, ()
    by_area = output.kap_Gycm2 * 1e5 / reference_mm2
    if output.kerma_mGy is None:
        return by_area, None, ("kerma from the kerma-area product and the field's area",)
    if output.kerma_mGy == 0:
        return 0.0, None, ()
    ratio = by_area / output.kerma_mGy
    if not CHAMBER_RANGE[0] <= ratio <= CHAMBER_RANGE[1]:
        return output.kerma_mGy, ratio, (f"KAP / (kerma * area) is {ratio:.2f}, expected near 1",)
    return output.kerma_mGy, ratio, ()


def half_value_layer(output: TubeOutput) -> float | None:
    """Half-value layer (mm Al) of the beam; None where voltage or filtration is unknown."""
    if output.kvp is None or output.al_mm is None:
        return None
    return _half_value_layer(output.kvp, output.al_mm, output.cu_mm or 0.0)


@lru_cache(maxsize=256)
def _half_value_layer(kvp: float, al_mm: float, cu_mm: float) -> float | None:
    try:
        return half_value_layer_mm_al(spectrum(kvp, al_mm, cu_mm))
    except ValueError:  # a voltage beyond the spectra
        return None
