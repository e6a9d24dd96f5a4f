import importlib.util
import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration import Rig
from dualfluoro.calibration_file import load_calibration
from dualfluoro.cli import main

DRAWING = Path(__file__).parents[2] / "benchmarks" / "bead_images.py"


@pytest.fixture(scope="module")
def drawing():
    """Images drawn by NumPy and OpenCV, without our camera."""
    spec = importlib.util.spec_from_file_location("bead_images_drawing", DRAWING)
    module = importlib.util.module_from_spec(spec)
    sys.modules["bead_images_drawing"] = module
    spec.loader.exec_module(module)
    module.SIZE = 512  # half of the size, at twice the spacing, takes a quarter of the time
    return module


def half_size(truth):
    """The truth with pixels of twice the spacing, and beads of twice the size."""
    K = truth.K.copy()
    K[:, [0, 1], [0, 1]] /= 2
    fields = {name: getattr(truth, name) for name in truth.__dataclass_fields__}
    return type(truth)(**fields | {"K": K, "spacing_mm": 0.6, "bead_diameter_mm": 4.0})


@pytest.fixture(scope="module")
def truth(drawing):
    return half_size(drawing.random_truth(11, positions=2))


@pytest.fixture(scope="module")
def made(drawing, truth, tmp_path_factory):
    """A calibration that was run once."""
    folder = tmp_path_factory.mktemp("calibration") / "cube"
    file = drawing.write_calibration(truth, folder, sid_error=0.95)
    assert main(["calibrate", str(file), "--quiet"]) == 0
    return folder


@pytest.fixture
def spoilt(made, tmp_path):
    """A copy without the results, to be spoiled."""
    folder = tmp_path / "cube"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("rig.json", "*.html"))
    return folder


def test_the_rig_is_the_one_that_drew_the_images(made, truth):
    rig = Rig.read(made / "rig.json")
    assert rig.names == ("A", "B")
    points = np.random.default_rng(0).uniform(-40, 40, (50, 3))
    pixels = []
    for v, camera in enumerate(rig):
        m = truth.cam_from_world[v]
        turn = cv2.Rodrigues(m[:3, :3])[0]
        pixels.append(cv2.projectPoints(points, turn, m[:3, 3], truth.K[v], None)[0][:, 0])
        assert camera.K[0, 0] == pytest.approx(truth.K[v, 0, 0], rel=0.01)
        assert (camera.width, camera.height, camera.distortion) == (512, 512, None)
        assert camera.pixel_spacing_mm == 0.6
    found = rig.triangulate(np.array(pixels)).numpy()
    assert np.median(np.linalg.norm(found - points, axis=1)) < 0.05


def test_the_rig_file_tells_its_uncertainty_and_the_page_its_figures(made, truth):
    content = json.loads((made / "rig.json").read_text())
    assert list(content) == ["format", "version", "unit", "cameras", "uncertainty"]
    names = content["uncertainty"]["parameters"]
    assert names[0] == "A.fx_px" and len(content["uncertainty"]["covariance"]) == len(names)
    page = (made / "calibration.html").read_text()
    for said in ("reprojection 0.", "left-out beads are 0.0", "Beads left out", "The rig in space"):
        assert said in page
    assert "http://" not in page.split("</script>")[-1] and page.count("<img") == 4


def test_the_result_is_told_in_lines(spoilt, capsys):
    assert main(["calibrate", str(spoilt), "--out", str(spoilt / "new" / "my.json")]) == 0
    out = capsys.readouterr().out
    assert "outliers; reprojection 0." in out and "left-out beads 0.0" in out
    assert (spoilt / "new" / "my.json").is_file() and (
        spoilt / "new" / "calibration.html"
    ).is_file()
    assert not (spoilt / "rig.json").exists()


def test_a_grid_takes_the_distortion_away(drawing, tmp_path):
    truth = half_size(drawing.random_truth(12, positions=1, distorted=True))
    file = drawing.write_calibration(truth, tmp_path / "cube", grid=True, pitch_mm=20.0)
    assert main(["calibrate", str(file), "--quiet"]) == 0
    rig = Rig.read(tmp_path / "cube" / "rig.json")
    assert rig["A"].distortion is not None
    assert rig["A"].pixel_spacing_mm == pytest.approx(0.6, rel=2e-3)
    points = np.random.default_rng(0).uniform(-40, 40, (50, 3))
    pixels = []
    for K, m in zip(truth.K, truth.cam_from_world, strict=True):
        turn = cv2.Rodrigues(m[:3, :3])[0]
        straight = cv2.projectPoints(points, turn, m[:3, 3], K, None)[0][:, 0]
        pixels.append(drawing.raw_of(straight))
    found = rig.triangulate(np.array(pixels), distorted=True).numpy()
    assert np.median(np.linalg.norm(found - points, axis=1)) < 0.05
    assert "held-out holes" in (tmp_path / "cube" / "calibration.html").read_text()


def turn_of(x, y, z):
    m = np.eye(4)
    m[:3, :3] = cv2.Rodrigues(np.array([x, y, z], float))[0]
    return m


def board_images(folder, drawing):
    """A checkerboard in two views 57 deg apart, warped by the homographies of a known rig."""
    truth = half_size(drawing.random_truth(3, np.zeros((4, 3)), positions=4))
    truth.cam_from_world[1, :3, :3] = (turn_of(0, 1.0, 0) @ truth.cam_from_world[0])[:3, :3]
    square, columns, rows = 18.0, 6, 5  # mm, inner corners
    colours = np.indices((rows + 1, columns + 1)).sum(0) % 2 * 180 + 40
    pattern = np.kron(colours, np.ones((40, 40))).astype(np.uint8)
    pattern = cv2.copyMakeBorder(pattern, *[40] * 4, cv2.BORDER_CONSTANT, value=220)
    board_from_pixel = np.diag([square / 40, square / 40, 1.0])
    board_from_pixel[:2, 2] = square / 80 - 2 * square  # the first inner corner is the origin
    middle = np.eye(4)
    middle[:2, 3] = -square * (columns - 1) / 2, -square * (rows - 1) / 2
    lines = ["[object]", f"checkerboard = [{columns}, {rows}]", f"square_mm = {square}"]
    tilts = [[0, 0, 0], [0.5, 0.1, 0.2], [-0.4, 0.15, -0.1], [0.2, -0.2, 0.5]]
    for v in range(2):
        files = []
        for p, tilt in enumerate(tilts):
            m = truth.cam_from_world[v] @ turn_of(0, -0.5, 0) @ turn_of(*tilt) @ middle
            H = truth.K[v] @ m[:3, [0, 1, 3]] @ board_from_pixel
            image = cv2.warpPerspective(pattern, H, (512, 512), borderValue=220)
            files.append(f"{'AB'[v]}_{p}.png")
            cv2.imwrite(str(folder / files[-1]), cv2.GaussianBlur(image, (0, 0), 0.8))
        named = ", ".join(f'"{file}"' for file in files)
        lines += ["[[view]]", f'name = "{"AB"[v]}"', f"object = [{named}]"]
    (folder / "calibration.toml").write_text("\n".join(lines) + "\n")
    return truth


def test_a_checkerboard_in_many_positions_gives_the_rig(drawing, tmp_path, capsys):
    truth = board_images(tmp_path, drawing)
    assert main(["calibrate", str(tmp_path)]) == 0
    assert "looks alike in 4 ways" in capsys.readouterr().out
    rig = Rig.read(tmp_path / "rig.json")
    for v, camera in enumerate(rig):
        assert camera.K[0, 0] == pytest.approx(truth.K[v, 0, 0], rel=0.03)
        assert camera.pixel_spacing_mm is None
    between = rig["B"].cam_from_world.R.numpy() @ rig["A"].cam_from_world.R.numpy().T
    true = truth.cam_from_world[1, :3, :3] @ truth.cam_from_world[0, :3, :3].T
    turn = np.degrees(np.linalg.norm(cv2.Rodrigues(between @ true.T)[0]))
    assert turn < 1.0


def edited(name, old, new):
    def edit(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return edit


def a_blank_image(folder):
    image = np.random.default_rng(0).normal(30000, 300, (512, 512)).astype(np.uint16)
    cv2.imwrite(str(folder / "B_cube_2.png"), image)


def another_size(folder):
    cv2.imwrite(str(folder / "B_cube_2.png"), np.zeros((400, 512), np.uint16))


def cut_off(folder):
    file = folder / "A_cube_1.png"
    file.write_bytes(file.read_bytes()[:5000])


def on_a_line(folder):
    rows = [f"{i},{2 * i},{3 * i},b{i}" for i in range(30)]
    (folder / "cube.csv").write_text("x,y,z,name\n" + "\n".join(rows) + "\n")


def flat_once(folder):
    text = (folder / "cube.csv").read_text().splitlines()
    rows = [",".join([*line.split(",")[:2], "0", line.split(",")[3]]) for line in text[1:]]
    (folder / "cube.csv").write_text("x,y,z,name\n" + "\n".join(rows) + "\n")
    for view in "AB":
        edited("calibration.toml", f', "{view}_cube_2.png"', "")(folder)


def references(text):
    def edit(folder):
        edited("calibration.toml", 'name = "B"', 'name = "B"\nreferences = "refs.csv"')(folder)
        (folder / "refs.csv").write_text(text)

    return edit


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / "B_cube_2.png").unlink(), "[[view]] object: there is no file"),
        (another_size, "B_cube_2.png: the image is 512 x 400 pixels, but B_cube_1.png"),
        (cut_off, "A_cube_1.png: the image cannot be read"),
        (a_blank_image, "B_cube_2.png: only"),
        (on_a_line, "all beads of the object lie on one line"),
        (flat_once, "one position of a plane fixes no focal length"),
        (edited("cube.csv", "name\n", "name\nnan,0,0,bad\n"), "cube.csv:2: expected x, y, z"),
        (edited("calibration.toml", "sid_mm", "sid"), "unknown key; did you mean 'sid_mm'?"),
        (edited("calibration.toml", "[object]", "[objct]"), "did you mean 'object'?"),
        (edited("calibration.toml", 'unit = "mm"', ""), 'write unit = "mm"'),
        (edited("calibration.toml", "= 4.0", "= nan"), "bead_diameter_mm must be a finite number"),
        (edited("calibration.toml", "= 4.0", "= -4.0"), "bead_diameter_mm must be above 0"),
        (edited("calibration.toml", "[[view]]", "[view]"), "not TOML"),
        (edited("calibration.toml", ', "B_cube_2.png"', ""), "'A' has 2, 'B' has 1"),
        (edited("calibration.toml", 'name = "B"', 'name = "A"'), "have the name 'A'"),
        (edited("calibration.toml", 'name = "B"', 'name = "B"\ngrid = "g.png"'), "a table [grid]"),
        (edited("calibration.toml", "[object]", "lens_terms = 3\n[object]"), "lens_terms counts"),
        (references("image,name,u,v\nB_cube_1.png,b99,1,2\n"), "refs.csv:2: no bead 'b99'"),
        (references("image,name,u,v\nB_cube_9.png,b9,1,2\n"), "no object image 'B_cube_9.png'"),
        (references("image,name,u,v\nB_cube_1.png,b9,nan,2\n"), "refs.csv:2: u and v must be"),
        (references("picture,name,u,v\n"), "refs.csv:1: expected the header image,name,u,v"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(spoilt, capsys, spoil, said):
    spoil(spoilt)
    before = sorted(path.name for path in spoilt.iterdir())
    assert main(["calibrate", str(spoilt / "calibration.toml")]) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert sorted(path.name for path in spoilt.iterdir()) == before


def test_a_missing_file_and_a_folder_for_the_rig_are_named(tmp_path, spoilt, capsys):
    assert main(["calibrate", str(tmp_path / "none.toml")]) == 1
    assert "none.toml: there is no such file" in capsys.readouterr().err
    assert main(["calibrate", str(spoilt), "--out", str(spoilt)]) == 1
    assert "is a folder; --out names the rig file" in capsys.readouterr().err


def test_a_ref_file_beside_the_framespec_names_its_beads(spoilt):
    edited("calibration.toml", "cube.csv", "frame.csv")(spoilt)
    lines = (spoilt / "cube.csv").read_text().splitlines()[1:]
    rows = [",".join(line.split(",")[:3]) for line in lines]
    (spoilt / "frame.csv").write_text("x y z\n" + "\n".join(rows) + "\n")
    (spoilt / "frame.ref").write_text("1 A\n2 B\n3 C\n4 D\n")
    assert load_calibration(spoilt).bead_object.names[:5] == ("A", "B", "C", "D", "5")
