"""From the tube's output to dose: the factors' published numbers, units, ranges and refusals."""

import numpy as np
import pytest

from calibration import Rig, Rigid
from exposure import Head, TubeOutput, expose
from exposure.dose import dose_at_entry, reference_kerma
from exposure.dose_factors import Refused, backscatter_factor, medium_factor

BEAM = {"kvp": 80.0, "al_mm": 3.1, "cu_mm": 0.3}


@pytest.mark.parametrize(
    ("side_cm", "expected"), [(5, 1.3), (10, 1.458), (20, 1.589), (25, 1.617), (35, 1.639)]
)
def test_backscatter_is_that_of_the_published_polynomial(side_cm, expected):
    """PySkinDose's own tests, 80 kV, HVL 7.88 mm."""
    assert backscatter_factor(80, 7.88, side_cm) == pytest.approx(expected, rel=1e-3)


def test_backscatter_grows_with_the_field_between_the_tabulated_sides():
    values = [backscatter_factor(80, 5.0, side) for side in np.linspace(5, 35, 40)]
    assert (np.diff(values) > -2e-4).all()  # the spline bends by as much at its end


@pytest.mark.parametrize(("side_cm", "expected"), [(5, 1.027), (10, 1.026), (35, 1.025)])
def test_the_medium_factor_is_the_tabulated_one(side_cm, expected):
    assert medium_factor(80, 4.99, side_cm) == expected


@pytest.mark.parametrize(
    ("kvp", "hvl", "side", "message"),
    [(45, 3, 10, "45 kVp"), (80, 15, 10, "15 mm Al"), (80, 3, 4, "4 cm"), (80, 3, 36, "36 cm")],
)
def test_outside_of_the_tables_there_is_no_factor(kvp, hvl, side, message):
    for factor in (backscatter_factor, medium_factor):
        refused = factor(kvp, hvl, side)
        assert isinstance(refused, Refused) and message in refused.reason


def test_each_step_multiplies_and_is_named():
    output = TubeOutput(kerma_mGy=0.5, support_transmission=0.8, **(BEAM | {"kvp": 81.4}))
    dose = dose_at_entry(output, 1.2, 1e4, 1e4)
    assert dose.hvl_mm_al == pytest.approx(6.533, rel=0.01)  # SpekPy
    assert dose.incident_kerma_mGy == pytest.approx(0.5 * 1.2 * 0.8)
    assert dose.backscatter == backscatter_factor(81.4, dose.hvl_mm_al, 10)
    assert dose.surface_kerma_mGy == pytest.approx(dose.incident_kerma_mGy * dose.backscatter)
    assert dose.skin_dose_mGy == pytest.approx(dose.surface_kerma_mGy * dose.medium)
    assert dose.notes == ()


def test_what_is_missing_is_said_and_nothing_is_assumed():
    unknown = dose_at_entry(TubeOutput(), 1.2, 1e4, 1e4)
    assert unknown.incident_kerma_mGy is None
    assert unknown.notes == ("no kerma given: relative values only",)
    no_beam = dose_at_entry(TubeOutput(kerma_mGy=0.5), 1.2, 1e4, 1e4)
    assert no_beam.incident_kerma_mGy == pytest.approx(0.6) and no_beam.skin_dose_mGy is None
    assert "kVp" in no_beam.notes[0]
    small = dose_at_entry(TubeOutput(kerma_mGy=0.5, **BEAM), 1.2, 1e4, 900.0)
    assert small.surface_kerma_mGy is None
    assert any("3 cm field side is outside" in note for note in small.notes)
    assert dose_at_entry(TubeOutput(on=False, kerma_mGy=1.0), 1.2, 1e4, 1e4).notes == (
        "tube off: no exposure",
    )


def test_kap_gives_kerma_by_the_fields_area_and_is_checked_against_it():
    assert reference_kerma(TubeOutput(kap_Gycm2=0.05), 1e4)[0] == pytest.approx(0.5)
    kerma, ratio, notes = reference_kerma(TubeOutput(kerma_mGy=0.5, kap_Gycm2=0.055), 1e4)
    assert (kerma, ratio, notes) == (0.5, pytest.approx(1.1), ())
    _, ratio, notes = reference_kerma(TubeOutput(kerma_mGy=0.5, kap_Gycm2=0.08), 1e4)
    assert ratio == pytest.approx(1.6) and "expected near 1" in notes[0]


def test_kap_does_not_depend_on_where_it_is_measured(fine_sphere, make_camera, cone):
    rig = Rig((make_camera(0.0),))
    found = [
        expose(Rigid.identity(), rig, Head(fine_sphere), [cone(5)], reference_mm,
               outputs={"A": TubeOutput(kap_Gycm2=0.05)})[0].entrance_kerma_mGy
        for reference_mm in (500.0, 600.0, 900.0)
    ]  # fmt: skip
    assert found == pytest.approx([found[0]] * 3, rel=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [{"kerma_mGy": -1.0}, {"kvp": 400.0}, {"support_transmission": 0.0}, {"al_mm": float("nan")}],
)
def test_what_no_tube_gives_out_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TubeOutput(**wrong)
