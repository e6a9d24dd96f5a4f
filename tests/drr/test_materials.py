import numpy as np
import pytest

from drr.materials import (
    cortical_hu,
    hu_per_iodine_mg_ml,
    iodine_mg_ml,
    material_attenuation,
)

HU = np.array([-3000, -1024, -1000, -999, -500, 0, 99, 100, 101, 700, 1761, 1763, 2999, 3071, 9000])


def column(values) -> np.ndarray:
    return np.asarray(values).reshape(1, 1, -1)


def whole(data_hu: np.ndarray, mu: float) -> np.ndarray:
    return mu * np.maximum(0, 1 + data_hu / 1000)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("metal_above_hu", [None, 3000])
@pytest.mark.parametrize("iodine", [None, 0.0, 7.0, 1e6])
def test_the_parts_add_up_to_the_whole(dtype, metal_above_hu, iodine):
    data_hu = column(HU).astype(dtype)
    given = None if iodine is None else np.full(data_hu.shape, iodine, np.float32)
    parts = material_attenuation(data_hu, 0.0205, given, metal_above_hu)
    assert len(parts) == (4 if metal_above_hu else 2 if iodine is None else 3)
    assert parts.min() >= 0
    np.testing.assert_allclose(parts.sum(0), whole(data_hu, 0.0205), rtol=1e-5, atol=1e-9)


def test_soft_tissue_has_no_bone_and_dense_bone_no_water():
    water, bone = material_attenuation(column(HU), 1.0)[:, 0, 0]
    assert (bone[HU <= 100] == 0).all()
    assert (water[HU > cortical_hu()] == 0).all()
    assert (np.diff(bone) >= 0).all()


def test_half_a_volume_of_cortical_bone_is_found_as_that():
    hu = 0.5 * (100 + cortical_hu())
    water, bone = material_attenuation(column([hu]), 1.0)[:, 0, 0, 0]
    assert water == pytest.approx(0.5 * 1.1, rel=1e-5)
    assert bone == pytest.approx(0.5 * (1 + cortical_hu() / 1000), rel=1e-5)


def test_cortical_bone_and_iodine_have_the_hu_of_their_composition():
    # at 64 keV, NIST: 1.92 g/cm3 * 0.2880 cm2/g over 0.2000 / cm; 6.36 over 0.2000
    assert cortical_hu() == pytest.approx(1000 * (1.92 * 0.2880 / 0.2000 - 1), rel=0.01)
    assert hu_per_iodine_mg_ml() == pytest.approx(6.37 / 0.2000, rel=0.01)


def test_iodine_comes_back_from_the_hu_that_it_makes():
    mask = column([True, True, False])
    data_hu = column([50 + 10 * hu_per_iodine_mg_ml(), 20.0, 400.0]).astype(np.float32)
    found = iodine_mg_ml(data_hu, mask)
    np.testing.assert_allclose(found[0, 0], [10, 0, 0], rtol=1e-5)
    water, bone, iodine = material_attenuation(data_hu, 1.0, found)[:, 0, 0]
    np.testing.assert_allclose(water[:2], [1.05, 1.02], rtol=1e-5)
    np.testing.assert_allclose(bone[:2], 0)
    assert iodine[0] == pytest.approx(0.01 * hu_per_iodine_mg_ml(), rel=1e-5)
    assert iodine[2] == 0 and bone[2] > 0


def test_metal_is_what_no_bone_reaches():
    parts = material_attenuation(column(HU), 1.0, metal_above_hu=3000)[:, 0, 0]
    assert (parts[3] > 0).tolist() == (HU > 3000).tolist()
    assert (parts[:3, HU > 3000] == 0).all()


def test_iodine_of_another_shape_and_metal_in_soft_tissue_are_refused():
    with pytest.raises(ValueError, match=r"iodine's shape is \(2, 2, 2\), the CT's \(1, 1, 15\)"):
        material_attenuation(column(HU), 0.02, np.zeros((2, 2, 2), np.float32))
    with pytest.raises(ValueError, match="metal_above_hu must be above 100, found 50"):
        material_attenuation(column(HU), metal_above_hu=50)
