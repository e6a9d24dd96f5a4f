"""The files of a landmark model: what is refused, and that the error names what differs."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch

from detector.landmark_card import LandmarkCard
from detector.landmark_model import LandmarkModel
from detector.patch_calibration import fitted_stretch, share_within
from detector.patch_network import PatchNetwork


def untrained(dim=2, names=("a", "b")):
    card = LandmarkCard(
        dim=dim,
        landmarks=list(names),
        spacing=4.0,
        zoom=2.0,
        local_px=32,
        shape={"width": 16, "blocks": 1, "features": 16},
        sd_factor=[1.0] * len(names),
        sd_floor=0.5,
        accuracy={},
        recipe={},
    )
    torch.manual_seed(0)
    return LandmarkModel(
        PatchNetwork(card.patch_shape()).eval(), PatchNetwork(card.patch_shape()).eval(), card
    )


@pytest.fixture
def files(tmp_path):
    untrained().write(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def changed(path, **entries):
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(card | entries))
    return path


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"format": "x"}, 'expected "format"'),
        ({"version": 9}, "version 9 is not known"),
        ({"landmarks": ["a", "a"]}, "'landmarks' must be"),
        ({"landmarks": [str(n) for n in range(9999)]}, "'landmarks' must be"),
        ({"dim": 4}, "'dim' must be 2 or 3, found 4"),
        ({"dim": 3}, "tensors differ, first 'global"),
        ({"spacing": 0}, "'spacing' must be"),
        ({"spacing": float("nan")}, "'spacing' must be"),
        ({"local_px": 33}, "'local_px' must be"),
        ({"shape": {"width": 1 << 40, "blocks": 1, "features": 16}}, "'shape' must be"),
        ({"shape": {"width": 128, "blocks": 4, "features": 256}}, "tensors differ"),
        ({"sd_factor": [1.0]}, "'sd_factor' must be a number above 0 for each"),
        ({"sd_factor": [1.0, 10**400]}, "'sd_factor' must be"),
        (
            {"landmarks": ["a", "b", "c"], "sd_factor": [1, 1, 1]},
            r"votes.bias'.*\(6, .*\(9,|differ",
        ),
    ],
)
def test_a_card_that_lies_is_refused(files, entries, said):
    with pytest.raises(ValueError, match=said):
        LandmarkModel.read(changed(files, **entries))


def test_damaged_and_missing_files_are_named(files, tmp_path):
    tensors = safetensors.torch.load_file(files)
    tensors.pop("local.votes.bias")
    safetensors.torch.save_file(tensors, files)
    with pytest.raises(ValueError, match=r"1 tensors differ, first 'local.votes.bias'.*found None"):
        LandmarkModel.read(files)
    files.write_bytes(files.read_bytes()[:500])
    with pytest.raises(ValueError, match="cut short"):
        LandmarkModel.read(files)
    files.with_suffix(".json").write_text("{" * 100)
    with pytest.raises(ValueError, match="not a JSON card"):
        LandmarkModel.read(files)
    files.with_suffix(".json").unlink()
    with pytest.raises(FileNotFoundError, match="dualfluoro train landmarks"):
        LandmarkModel.read(files)


@pytest.mark.parametrize("size", [(2, 2), (5, 300), (64, 48)])
def test_an_image_of_any_size_gets_an_answer(size):
    found = untrained()(np.ones(size, np.float32))
    assert np.isfinite(found.world).all() and (found.sd > 0).all()


def test_values_that_are_no_grey_values_are_refused():
    with pytest.raises(ValueError, match="NaN or infinite"):
        untrained()(np.full((32, 32), np.nan, np.float32))


def test_deviations_fit_errors_of_known_spread():
    rng = np.random.default_rng(0)
    variance = rng.uniform(1, 4, (2000, 3))
    sd = np.array([0.8, 1.0, 1.25]) * np.sqrt(variance + np.median(variance))
    error = sd[..., None] * rng.standard_normal((2000, 3, 2))
    error[::7, 1] = np.nan
    fitted = fitted_stretch(error[:1000], variance[:1000]).sd(variance[1000:])
    for n in range(3):
        share = [share_within(error[1000:, n : n + 1], fitted[:, n : n + 1], t) for t in (1, 2)]
        np.testing.assert_allclose(share, [0.683, 0.954], atol=0.04)
