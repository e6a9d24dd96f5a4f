"""Autoscoper's .tra and .cfg: every layout, the volume's frame, what is refused."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import Rigid
from registration.autoscoper_cfg import cfg_text, read_cfg
from registration.autoscoper_tra import local_from_ct, read_tra, tra_text
from registration.body_motion import BodyMotion

RNG = np.random.default_rng(0)
ANGLES = RNG.uniform(-80, 80, (2, 4, 3))  # yaw, pitch, roll
T = RNG.normal(0, 300, (2, 4, 3))
R = Rotation.from_euler("ZYX", ANGLES.reshape(-1, 3), degrees=True).as_matrix().reshape(2, 4, 3, 3)


def motion():
    R_known, t_known = R.copy(), T.copy()
    R_known[1, 2], t_known[1, 2] = np.nan, np.nan
    return BodyMotion(("volume1", "volume2"), np.arange(4), Rigid(R_known, t_known), (None, None))


def lines(blocks, separator=","):
    """Rows of the file, a block of numbers a volume."""
    cells = np.moveaxis(np.array(blocks), 0, 1).reshape(len(blocks[0]), -1)
    return "".join(separator.join(map(repr, row)) + "\n" for row in cells.tolist())


def matrices(columns=False, scale=1.0):
    M = np.tile(np.eye(4), (2, 4, 1, 1))
    M[..., :3, :3], M[..., :3, 3] = R, T * scale
    M[1, 2] = np.nan
    return (np.swapaxes(M, -1, -2) if columns else M).reshape(2, 4, 16)


def euler(scale=1.0, radians=False):
    blocks = np.concatenate([T * scale, np.radians(ANGLES) if radians else ANGLES], axis=-1)
    blocks[1, 2] = np.nan
    return blocks


def read(tmp_path, text, **options):
    (tmp_path / "a.tra").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_tra(tmp_path / "a.tra", **{"unit": "mm", **options})


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (lines(matrices()), {}),
        (lines(matrices(), " "), {}),
        (lines(matrices(), ", "), {}),
        (lines(matrices()).replace("\n", "\r\n"), {}),
        (b"\xef\xbb\xbf" + lines(matrices()).encode() + b"\n\n", {}),
        (lines(matrices(columns=True)), {}),
        (lines(matrices(scale=0.1)), {"unit": "cm"}),
        (lines(euler()), {"angles": "deg"}),
        (lines(euler(radians=True)), {"angles": "rad"}),
        (lines(euler(scale=0.1)), {"angles": "deg", "unit": "cm"}),
    ],
    ids=["rows", "blanks", "blanks too", "CRLF", "mark", "columns", "cm", "deg", "rad", "e cm"],
)  # fmt: skip
def test_section_8_every_layout_holds_the_same_motion(tmp_path, text, options):
    found = read(tmp_path, text, **options)
    assert found.names == ("volume1", "volume2") and found.frame.tolist() == [0, 1, 2, 3]
    expected = motion().world_from_body.matrix()
    np.testing.assert_allclose(found.world_from_body.matrix(), expected, atol=1e-9)


@pytest.mark.parametrize("unit", ["mm", "cm"])
def test_section_17_writing_and_reading_is_exact_and_stable(tmp_path, unit):
    text = tra_text(motion(), unit)
    found = read(tmp_path, text, unit=unit)
    np.testing.assert_array_equal(found.world_from_body.matrix(), motion().world_from_body.matrix())
    assert tra_text(found, unit) == text
    assert text.splitlines()[2].endswith(",".join(["NaN"] * 16))
    assert text.splitlines()[0].split(",")[12:16] == ["0", "0", "0", "1"]


def test_frames_that_a_motion_leaves_out_are_unsolved_rows(tmp_path):
    one = BodyMotion(("a",), np.array([1, 3]), Rigid(R[:1, :2], T[:1, :2]), (None,))
    found = read(tmp_path, tra_text(one, "mm")).world_from_body.matrix()
    assert found[0, [0, 2]].isnan().any(-1).any(-1).all()
    np.testing.assert_array_equal(found[0, [1, 3]], one.world_from_body.matrix()[0])


EYE = "1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1"
NAN16, NAN48 = ",".join(["NaN"] * 16), ",".join(["NaN"] * 48)


def test_section_17_a_file_where_nothing_is_solved_has_no_layout_to_ask_for(tmp_path):
    found = read(tmp_path, f"{NAN16}\n{NAN16}\n")
    assert found.world_from_body.t.isnan().all() and len(found.frame) == 2


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (EYE, {}, "can be read as rows or as columns"),
        (f"{EYE}\n{EYE}\n", {}, "can be read as rows or as columns"),
        (NAN48, {}, "can be read as rows or as columns or as euler.* 16 or 6 a volume; say which"),
        ("1,2,3,4,5,6", {}, "does not store the unit of its angles; give deg or rad"),
        ("1,0,0,5,0,1,0,6,0,0,1,7,0,0,0,1", {"layout": "columns"}, "cannot be columns: only rows"),
        ("1,0,0,5,0,1,0,6,0,0,1,7,0,0,0,1", {"layout": "euler"}, "cannot be euler: only rows"),
        ("1,0,0,5,0,1,0,6,0,0,1,7,8,0,0,1", {}, "not matrices"),
        ("1,0,0,5,0,1,0,6,0,0,1,7,0,0,0,2", {}, "not matrices"),
        ("1,0,0,5,0,1,0,6,0,0,-1,7,0,0,0,1", {}, r":1: volume1: .*mirror image"),
        ("1,0,0,5,0,2,0,6,0,0,1,7,0,0,0,1", {}, r":1: volume1: not a rigid motion"),
        (
            "1,0,0,NaN,0,1,0,6,0,0,1,7,0,0,0,1",
            {"layout": "rows"},
            "volume 1: NaN must stand in all",
        ),
        ("1,2,3", {}, "expected 16 or 6 columns a volume, found 3"),
        ("", {}, "expected 16 or 6 columns a volume, found 0"),
        (f"{EYE}\n1,2\n", {"layout": "rows"}, ":2: expected 16 cells, found 2"),
        (EYE.replace("1", "x", 1), {}, ":1: expected a number or NaN, found 'x'"),
        (EYE, {"unit": None}, "no unit was given .*an Autoscoper .tra"),
    ],
)
def test_section_8_what_can_be_read_in_two_ways_or_none_is_refused(
    tmp_path, text, options, message
):
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path, text, **options)
    assert "a.tra" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_section_8_a_layout_that_was_given_settles_it(tmp_path, layout):
    found = read(tmp_path, EYE, layout=layout)
    np.testing.assert_array_equal(found.world_from_body.matrix()[0, 0], np.eye(4))


def test_section_8_the_last_token_decides_as_for_autoscoper(tmp_path):
    found = read(tmp_path, f"{lines(matrices()[:1, :1])}{EYE[:-1]}NaN\n")
    assert found.world_from_body.t[0, 1].isnan().all()


def test_section_8_the_volume_frame_is_that_of_the_source(tmp_path):
    """x = (i + 0.5) sx, y = (H - j - 0.5) sy, z = -(k + 0.5) sz for the voxel [i, j, k]."""
    spacing, shape = np.array([0.4, 0.5, 0.625]), (30, 40, 20)
    ct_from_voxel = np.eye(4)
    turned = Rotation.from_rotvec([0.2, 0.9, -0.4]).as_matrix()
    ct_from_voxel[:3, :3] = turned * spacing
    ct_from_voxel[:3, 3] = [-200, 100, 420]
    moved = local_from_ct(ct_from_voxel, shape)
    voxels = RNG.uniform(0, 20, (50, 3))
    points_ct = voxels @ ct_from_voxel[:3, :3].T + ct_from_voxel[:3, 3]
    i, j, k = voxels.T
    expected = np.stack([(i + 0.5) * 0.4, (40 - j - 0.5) * 0.5, -(k + 0.5) * 0.625], axis=1)
    np.testing.assert_allclose(moved @ points_ct, expected, atol=1e-10)
    ct_from_voxel[:, 2] *= -1
    with pytest.raises(ValueError, match=r"does not lie in the CT as a body: .*mirror image"):
        local_from_ct(ct_from_voxel, shape)


CFG = """# a comment
Version 1.1
FilterFolder xParameters
mayaCam_csv  Calibration/cam 01.txt
CameraRootDir XMA_UND\\cam01
mayaCam_csv Calibration/cam02.txt
CameraRootDir XMA_UND/cam02

VolumeFile Models/rad.tif
VolumeFlip 0 1 0
VoxelSize 0.39625 0.39625 0.625
VolumeFile Models/uln.tif
VoxelSize 1 2 3
RenderResolution 512 512
OptimizationOffsets 0.1 0.1 0.1 0.1 0.1 0.1
"""


def cfg(tmp_path, text):
    (tmp_path / "trial.cfg").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_cfg(tmp_path / "trial.cfg")


@pytest.mark.parametrize(
    "text",
    [CFG, CFG.replace("\n", "\r\n"), b"\xef\xbb\xbf" + CFG.encode(), CFG.replace("\n", " \n")],
)
def test_section_8_a_cfg_is_read_with_its_paths_beside_it(tmp_path, text):
    found = cfg(tmp_path, text)
    assert found.mayacam == tuple(tmp_path / "Calibration" / f for f in ("cam 01.txt", "cam02.txt"))
    assert found.frames == (tmp_path / "XMA_UND/cam01", tmp_path / "XMA_UND/cam02")
    first, second = found.volumes
    assert first.file == tmp_path / "Models/rad.tif" and first.mesh is None
    assert first.flipped == (False, True, False) and second.flipped == (False,) * 3
    assert first.voxel_mm == (0.39625, 0.39625, 0.625) and second.voxel_mm == (1, 2, 3)


def test_section_17_a_cfg_is_stable_also_from_another_folder(tmp_path):
    first = cfg(tmp_path, CFG)
    text = cfg_text(first, tmp_path)
    again = cfg(tmp_path, text)
    assert again == first and cfg_text(again, tmp_path) == text and text.startswith("Version 1.1\n")
    (tmp_path / "sub").mkdir()
    assert cfg(tmp_path / "sub", cfg_text(first, tmp_path / "sub")).mayacam[1].resolve() == (
        tmp_path / "Calibration/cam02.txt"
    )


def test_section_8_version_1_2_has_a_mesh_for_every_volume(tmp_path):
    both = CFG.replace("Version 1.1", "Version 1.2") + "MeshFile a.stl\nMeshFile b.stl\n"
    found = cfg(tmp_path, both)
    assert [volume.mesh for volume in found.volumes] == [tmp_path / "a.stl", tmp_path / "b.stl"]
    assert cfg_text(found, tmp_path).startswith("Version 1.2\n")


def test_section_8_an_unknown_key_is_left_out_and_said(tmp_path):
    with pytest.warns(UserWarning, match=r"trial.cfg:1: unknown key 'Colour', left out"):
        assert cfg(tmp_path, "Colour red\n" + CFG) == cfg(tmp_path, CFG)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CFG + "MeshFile a.stl\n", "MeshFile stands for 1 of 2 volumes, must be for all or none"),
        (CFG.replace("CameraRootDir XMA_UND/cam02\n", ""), "found 2 cameras and 1 folders"),
        (CFG.replace("VoxelSize 1 2 3\n", ""), "found 2 files, 1 sizes"),
        (CFG.replace("VoxelSize 1 2 3\n", "VoxelSize 1 2 0\n"), "VoxelSize must be positive"),
        (CFG.replace("VoxelSize 1 2 3\n", "VoxelSize 1 2 nan\n"), "expected 3 numbers"),
        (CFG.replace("VolumeFlip 0 1 0", "VolumeFlip 0 1"), ":10: expected 3 numbers"),
        (CFG.replace("Models/rad.tif", "/no/such/rad.tif"), ":9: there is no .*version 1.0"),
        (CFG.replace("Models/rad.tif", "C:\\data\\rad.tif"), r":9: there is no 'C:/data/rad.tif'"),
        (CFG.replace("Version 1.1", "Version 2.0"), ":2: Version must be 1.0, 1.1 or 1.2"),
        (CFG.replace("Version 1.1", "Version 1.3"), ":2: Version must be"),
        (CFG.replace("Version 1.1", "Version one"), ":2: Version must be"),
        ("hello\n", "none of its keys is there"),
        ("", "none of its keys is there"),
        (CFG.replace("VolumeFile Models/rad.tif", "VolumeFile"), ":9: VolumeFile has no value"),
    ],
)  # fmt: skip
def test_section_8_what_a_cfg_must_not_be(tmp_path, text, message, recwarn):
    with pytest.raises(ValueError, match=message) as caught:
        cfg(tmp_path, text)
    assert "trial.cfg" in str(caught.value) and "\n" not in str(caught.value)


def test_section_8_version_1_0_says_that_it_holds_absolute_paths(tmp_path):
    (tmp_path / "rad.tif").touch()
    old = CFG.replace("Version 1.1\n", "").replace("Models/rad.tif", f"{tmp_path}/rad.tif")
    assert cfg(tmp_path, old).volumes[0].file == Path(tmp_path, "rad.tif")
    with pytest.raises(ValueError, match=r"files of version 1\.0 hold absolute paths"):
        cfg(tmp_path, old.replace("rad.tif", "gone.tif"))
