import json

import numpy as np
import pytest

from calibration import Camera, Rig, Rigid

K = np.array([[3000.1, 0, 480.7], [0, 3060.3, 530.9], [0, 0, 1]])
LENS = {"model": "opencv", "coefficients": [0.2, -0.1, 0.001, 0.002]}


def rig():
    turn = np.array([1.0, 2.0, 750.0, 0.3, -0.7, 1.9])
    return Rig(
        (
            Camera(K, Rigid.exp(turn), 1024, 960, "A", pixel_spacing_mm=0.371, distortion=LENS),
            Camera(K, Rigid.exp(-turn), 512, 480, "B"),
        )
    )


@pytest.fixture
def written(tmp_path):
    rig().write(tmp_path / "rig.json")
    return tmp_path / "rig.json"


def changed(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def test_writing_and_reading_gives_the_same_numbers(written):
    for before, after in zip(rig(), Rig.read(written), strict=True):
        np.testing.assert_array_equal(after.K, before.K)
        np.testing.assert_array_equal(after.cam_from_world, before.cam_from_world)
        assert (after.name, after.width, after.height) == (before.name, before.width, before.height)
        assert after.pixel_spacing_mm == before.pixel_spacing_mm
        assert after.distortion == before.distortion


def test_writing_what_was_read_gives_the_same_bytes(written, tmp_path):
    Rig.read(written).write(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == written.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.json", "rig.json"]


def test_the_file_has_the_layout_of_the_contract(written):
    content = json.loads(written.read_text())
    assert {key: content[key] for key in ("format", "version", "unit")} == {
        "format": "dualfluoro-rig",
        "version": 1,
        "unit": "mm",
    }
    second = content["cameras"][1]
    assert list(second)[:5] == ["name", "width", "height", "K", "cam_from_world"]
    assert second["pixel_spacing_mm"] is None and second["distortion"] is None
    assert np.shape(second["K"]) == (3, 3) and np.shape(second["cam_from_world"]) == (4, 4)


def test_a_byte_order_mark_crlf_and_left_out_options_are_accepted(written):
    for key in ("pixel_spacing_mm", "distortion"):
        changed(written, lambda content, key=key: content["cameras"][1].pop(key))
    text = written.read_text().replace("{", "{\r\n", 1)
    written.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert Rig.read(written)["B"].pixel_spacing_mm is None


def test_a_failed_write_leaves_the_old_file_and_nothing_else(written, monkeypatch):
    before = written.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        rig().write(written)
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["rig.json"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.json: there is no such rig file"):
        Rig.read(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"rig\.json:1: not JSON"),
        (b'{\n"format": "dualfluoro-rig",\n', r"rig\.json:3: not JSON: .* at column"),
        (b"\xff\xfe\x00", "expected JSON text in UTF-8"),
        (b"[" * 200_000, "nested too deep"),
        (b"[]", r'not a rig file, expected a JSON object with "format": "dualfluoro-rig"'),
        (b'{"format": "something"}', "not a rig file"),
    ],
)
def test_a_file_that_is_no_rig_is_refused(tmp_path, content, message):
    (tmp_path / "rig.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        Rig.read(tmp_path / "rig.json")


def in_camera(key, value):
    return lambda content: content["cameras"][0].update({key: value})


def mirrored(content):
    rows = content["cameras"][0]["cam_from_world"]
    rows[1] = [-value for value in rows[1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(version=2), "version is 2, this program reads version 1"),
        (lambda c: c.pop("version"), "version is None"),
        (lambda c: c.update(unit="cm"), "unit is 'cm', must be \"mm\"; convert .* times 10"),
        (lambda c: c.pop("unit"), "missing unit"),
        (lambda c: c.update(untit="mm"), "unknown key 'untit'; the nearest known one is 'unit'"),
        (lambda c: c.update(cameras=[]), "a list of at least one camera"),
        (lambda c: c["cameras"].append(7), r"cameras\[2\]: expected an object"),
        (lambda c: c["cameras"][1].update(name="A"), "unique names; given twice: A"),
        (lambda c: c["cameras"][1].pop("K"), r"cameras\[1\]: missing K"),
        (in_camera("pixel_spacing", 0.3), "'pixel_spacing'; .* 'pixel_spacing_mm'"),
        (in_camera("name", ""), r"cameras\[0\]\.name: expected a text"),
        (in_camera("name", 3), r"cameras\[0\]\.name: expected a text, found 3"),
        (in_camera("width", 10.5), r"cameras\[0\]\.width: expected a whole number .* 10.5"),
        (in_camera("width", True), r"cameras\[0\]\.width: expected a whole number .* True"),
        (in_camera("width", 10**400), r"cameras\[0\]\.width: expected a whole number"),
        (in_camera("height", "960"), r"cameras\[0\]\.height: expected a whole number .* '960'"),
        (in_camera("height", 0), r"cameras\[0\] \('A'\): height is 0"),
        (in_camera("pixel_spacing_mm", "0.3"), r"pixel_spacing_mm: expected a number or null"),
        (in_camera("pixel_spacing_mm", -1), "pixel_spacing_mm is -1.0"),
        (in_camera("distortion", [0.1]), r"distortion: expected an object or null"),
        (in_camera("distortion", {"model": "x"}), r"cameras\[0\] \('A'\): distortion is"),
        (in_camera("K", [[1, 0, 0], [0, 1, 0]]), r"cameras\[0\]\.K: expected 3 rows of 3"),
        (in_camera("K", [[1, 0, 0], [0, 1, 0], [0, 1]]), r"\.K: expected 3 rows of 3"),
        (in_camera("K", [[1, 0, "a"], [0, 1, 0], [0, 0, 1]]), r"\.K: expected finite .* 'a'"),
        (in_camera("K", [[-5, 0, 0], [0, 5, 0], [0, 0, 1]]), r"\('A'\): K has fx = -5"),
        (in_camera("cam_from_world", [[1, 2]]), r"\.cam_from_world: expected 4 rows of 4"),
        (in_camera("cam_from_world", [[np.nan] * 4] * 4), r"\.cam_from_world: .* found nan"),
        (mirrored, r"rig\.json: cameras\[0\] \('A'\): .*mirror image"),
    ],
)
def test_a_malformed_rig_is_refused_naming_the_place(written, change, message):
    with pytest.raises(ValueError, match=message):
        Rig.read(changed(written, change))
