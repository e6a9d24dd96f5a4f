"""The uncertainty of a rig.json: there and back, and what is no covariance is refused."""

import json

import numpy as np
import pytest

from calibration import Camera, Rig, Rigid
from calibration.uncertainty_entry import RigUncertainty

K = np.array([[1800.0, 0, 255], [0, 1800, 255], [0, 0, 1]])
CAMERAS = tuple(Camera(K, Rigid.identity(), 512, 512, name) for name in ("A", "B.1"))
NAMES = ("A.fx_px", "A.cx_px", "B.1.wz_rad", "position 2.tx_mm")


def rig() -> Rig:
    return Rig(CAMERAS, known())


def known() -> RigUncertainty:
    mix = np.random.default_rng(0).normal(size=(4, 5)) * [[5], [2], [1e-3], [0.1]]
    return RigUncertainty(NAMES, mix @ mix.T)


def read(path) -> RigUncertainty:
    found = Rig.read(path).uncertainty
    assert found is not None
    return found


@pytest.fixture
def written(tmp_path):
    rig().write(tmp_path / "rig.json")
    return tmp_path / "rig.json"


def test_the_uncertainty_comes_back_and_is_written_again(written, tmp_path):
    assert read(written).names == NAMES
    np.testing.assert_allclose(read(written).covariance, known().covariance, rtol=1e-8)
    assert read(written).sd_of("A.cx_px") == pytest.approx(known().sd[1])
    Rig.read(written).write(tmp_path / "again.json")
    again = read(tmp_path / "again.json")
    np.testing.assert_array_equal(again.covariance, read(written).covariance)


def test_a_rig_without_it_has_none(tmp_path):
    Rig(CAMERAS).write(tmp_path / "rig.json")
    assert Rig.read(tmp_path / "rig.json").uncertainty is None
    assert "uncertainty" not in json.loads((tmp_path / "rig.json").read_text())


def test_a_parameter_that_is_known_exactly_is_no_error(written):
    content = json.loads(written.read_text())
    covariance = np.array(content["uncertainty"]["covariance"])
    covariance[1], covariance[:, 1], content["uncertainty"]["sd"][1] = 0, 0, 0
    content["uncertainty"]["covariance"] = covariance.tolist()
    written.write_text(json.dumps(content))
    assert read(written).sd_of("A.cx_px") == 0


def put(i, j, value, mirrored=True):
    def change(entry):
        entry["covariance"][i][j] = value
        if mirrored:
            entry["covariance"][j][i] = value

    return change


HOSTILE = {
    "a list": (lambda e: [1, 2], "uncertainty: expected an object with the keys"),
    "a key too many": (lambda e: {**e, "x": 1}, "found 'parameters', 'sd', 'covariance', 'x'"),
    "no names": (lambda e: {**e, "parameters": []}, "parameters: expected a list of names"),
    "a number for a name": (lambda e: {**e, "parameters": [1] * 4}, "expected a list of names"),
    "another rig's view": (
        lambda e: {**e, "parameters": ["C.fx_px", *NAMES[1:]]},
        "unknown parameter 'C.fx_px'; the rig's views are A, B.1",
    ),
    "no such parameter": (
        lambda e: {**e, "parameters": ["A.skew", *NAMES[1:]]},
        "unknown parameter 'A.skew'",
    ),
    "a name twice": (
        lambda e: {**e, "parameters": [NAMES[0], NAMES[0], *NAMES[2:]]},
        "'A.fx_px' is given twice",
    ),
    "too few rows": (lambda e: e["covariance"].pop(), "covariance: expected 4 rows, found 3 rows"),
    "a short row": (lambda e: e["covariance"][2].pop(), r"covariance\[2\]: expected 4 numbers"),
    "a huge row": (
        lambda e: e["covariance"][2].extend([0.0] * 100_000),
        r"covariance\[2\]: expected 4 numbers, found 100004",
    ),
    "not a number": (put(0, 1, float("nan")), "expected finite numbers, found nan"),
    "infinite": (put(0, 0, 1e999), "expected finite numbers, found inf"),
    "true": (put(0, 0, True), "expected finite numbers, found True"),
    "a whole number beyond floats": (put(0, 0, 10**400), "expected finite numbers, found 1000"),
    "text": (put(0, 0, "5"), "expected finite numbers, found 5"),
    "asymmetric": (put(0, 1, 0.5, mirrored=False), "covariance: not symmetric at A.fx_px and A.cx"),
    "a negative variance": (put(1, 1, -1.0), "the variance of A.cx_px is negative"),
    "too correlated": (put(0, 1, 1e3), "a correlation beyond 1 at A.fx_px and A.cx_px"),
    "no variance": (put(1, 1, 0.0), "a covariance without a variance at A.fx_px and A.cx_px"),
    "other deviations": (
        lambda e: {**e, "sd": [9.0, *e["sd"][1:]]},
        "sd: A.fx_px is not the root of its variance",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_uncertainty_is_refused_in_one_line(written, name):
    change, message = HOSTILE[name]
    content = json.loads(written.read_text())
    changed = change(content["uncertainty"])
    if isinstance(changed, dict | list) and name not in ("too few rows", "a short row"):
        content["uncertainty"] = changed
    written.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as refusal:
        Rig.read(written)
    assert str(refusal.value).startswith(f"{written}: uncertainty")
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 600


def test_correlations_that_contradict_each_other_are_refused(written):
    content = json.loads(written.read_text())
    sd = np.array(content["uncertainty"]["sd"])
    correlation = np.eye(4)
    correlation[:3, :3] = [[1, 0.9, 0.9], [0.9, 1, -0.9], [0.9, -0.9, 1]]
    content["uncertainty"]["covariance"] = (correlation * np.outer(sd, sd)).tolist()
    written.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="not a covariance, its least eigenvalue is -"):
        Rig.read(written)
