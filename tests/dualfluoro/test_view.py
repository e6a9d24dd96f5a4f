"""The room: what is where on the screen, what is said, and the files that are made of it."""

import base64
import gzip
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dualfluoro import load_trial
from dualfluoro.cli import main
from dualfluoro.offscreen import can_draw
from dualfluoro.recording import open_tracked
from dualfluoro.scene import scene_of
from dualfluoro.view_page import page_data, room_html, write_page
from dualfluoro.view_words import caption, landmark_lines


@pytest.fixture(scope="module")
def scene(tracked_trial):
    loaded = load_trial(tracked_trial)
    views, track = open_tracked(loaded, tracked_trial / "track.csv")
    found = scene_of(loaded, views, track, tracked_trial / "track.csv")
    flags = ((), ("not_converged",), ())
    status = replace(track, status=("ok", "doubtful", "lost"), flags=flags)
    return replace(found, track=status)


@pytest.fixture(scope="module")
def room(scene):
    if not can_draw():
        pytest.skip("no OpenGL on this machine")
    from dualfluoro.view_room import room_of

    made = room_of(scene, 0, size=(300, 256))
    yield made
    made.plotter.close()


def on_screen(room, point):
    renderer = room.plotter.renderer
    renderer.SetWorldPoint(*point, 1.0)
    renderer.WorldToDisplay()
    return np.array(renderer.GetDisplayPoint()[:2])


def test_the_eye_of_a_source_sees_points_where_its_image_has_them(room, scene):
    """A 128 px image fills 256 rows: half a pixel of the image is one of the screen."""
    from dualfluoro.view_room import look_through, show_frame

    show_frame(room, 0)
    for view, camera in enumerate(scene.rig):
        look_through(room, view)
        room.plotter.render()
        points = (
            scene.track.world_from_ct[0] @ np.array(list(scene.landmarks_ct.values()))
        ).numpy()
        pixels = camera.project(points).numpy()
        scale = 256 / camera.height
        left = (300 - scale * camera.width) / 2
        for point, (u, v) in zip(points, pixels, strict=True):
            expected = [left + (u + 0.5) * scale - 0.5, 255 - ((v + 0.5) * scale - 0.5)]
            assert np.abs(on_screen(room, point) - expected).max() < 0.5 * scale


def test_a_bad_frame_is_unmistakable(room, scene):
    from dualfluoro.view_room import BONE, look_at_room, photograph, show_frame

    look_at_room(room)
    seen = {}
    for frame in range(3):
        show_frame(room, frame)
        seen[frame] = photograph(room)
        assert bool(room.bone.visibility) == (frame != 2)
    show_frame(room, 0)
    assert room.bone.prop.color == BONE
    edge = {frame: image[2, 100:200].mean(0) for frame, image in seen.items()}
    assert np.ptp(edge[0]) < 25  # the grey of the background
    assert edge[1][0] > 180 > edge[1][2] and edge[2][0] > 180 > edge[2][2]
    assert "DOUBTFUL" in caption(scene, 1, None) and "not_converged" in caption(scene, 1, None)
    assert "LOST" in caption(scene, 2, None) and "sd" not in caption(scene, 2, None)


def test_a_landmark_is_picked_where_it_is_drawn(room, scene):
    from dualfluoro.view_marks import nearest_landmark
    from dualfluoro.view_room import look_at_room, show_frame

    show_frame(room, 0)
    look_at_room(room)
    room.plotter.render()
    name = list(scene.landmarks_ct)[5]
    place = on_screen(room, (scene.track.world_from_ct[0] @ scene.landmarks_ct[name]).tolist())
    assert nearest_landmark(room.plotter, room.marks, scene, 0, tuple(place)) == name
    assert nearest_landmark(room.plotter, room.marks, scene, 0, (-500.0, 0.0)) is None
    assert nearest_landmark(room.plotter, room.marks, scene, 2, tuple(place)) is None
    lines = landmark_lines(scene, 0, name)
    assert lines[0] == name and any(line.startswith("A ") for line in lines)


def test_every_key_does_what_is_listed(room, scene):
    from dualfluoro.view_room import show_frame
    from dualfluoro.view_window import keys_of
    from dualfluoro.view_words import HELP

    show_frame(room, 0)
    keys = keys_of(room, lambda frame: show_frame(room, min(max(round(frame), 0), 2)))
    moved = []
    for key in ("Right", "Right", "Right", "Left", "Home", "End"):
        keys[key]()
        moved.append(room.shows["frame"])
    assert moved == [1, 2, 2, 1, 0, 2]
    keys["Home"]()
    for key, what in (("k", "skin"), ("l", "landmarks"), ("y", "rays"), ("h", "help")):
        before = room.shows[what]
        keys[key]()
        assert room.shows[what] != before and f"{key} " in HELP
        keys[key]()
    for key in ("a", "b", "o"):
        keys[key]()
    keys["m"]()
    assert room.shows["sums"].max() == 4  # two frames with a pose, two views
    keys["m"]()
    assert room.shows["sums"] is None


@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
def test_a_movie_has_every_frame(room, scene, tmp_path, name):
    import imageio.v2 as imageio

    from dualfluoro.view_movie import write_movie

    write_movie(room, tmp_path / name, 30.0)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert sum(1 for _ in imageio.get_reader(tmp_path / name)) == len(scene.track)


def test_the_page_holds_the_room_and_needs_nothing_else(scene, tmp_path):
    write_page(scene, tmp_path / "room.html", "<script>alert(1)</script>")
    text = (tmp_path / "room.html").read_text()
    assert "<script>alert" not in text and "http" not in text
    packed = re.search(r'<script type="text/plain">([^<]*)</script>', text)
    assert packed is not None
    content = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    assert [frame["status"] for frame in content["frames"]] == ["ok", "doubtful", "lost"]
    assert "pose" not in content["frames"][2] and len(content["frames"][2]["views"]) == 2
    pose = np.array(content["frames"][0]["pose"]).reshape(3, 4)
    np.testing.assert_allclose(pose, scene.track.world_from_ct[0].matrix().numpy()[:3], atol=1e-5)
    bone = content["bone"]
    steps = np.frombuffer(base64.b64decode(bone["vertices"]), np.uint16).reshape(-1, 3)
    found = steps * bone["step"] + bone["low"]
    np.testing.assert_allclose(found, scene.surfaces.bone.vertices_ct, atol=0.01)


def test_a_landmarks_name_cannot_leave_the_page(scene):
    named = replace(scene, landmarks_ct={"</script><b>": next(iter(scene.landmarks_ct.values()))})
    assert "</script>" in page_data(named)["landmarks"].popitem()[0]
    assert room_html(named).count("</script>") == 1


def test_the_command_refuses_what_it_cannot_write(tracked_trial, tmp_path, capsys, monkeypatch):
    for option, name in (("--screenshot", "a.txt"), ("--movie", "a.avi"), ("--html", "a.png")):
        assert main(["view", str(tracked_trial), option, str(tmp_path / name)]) == 1
        assert f"{name}: " in capsys.readouterr().err
    assert main(["view", str(tracked_trial), "--eye", "C"]) == 1
    assert "the views are A, B" in capsys.readouterr().err
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert main(["view", str(tracked_trial)]) == 1
    assert "no display to open a window on" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_picture_and_a_page(tracked_trial, tmp_path):
    folder = tmp_path / "trial"
    shutil.copytree(tracked_trial, folder)
    tokens = ["view", str(folder), "--html", str(tmp_path / "room.html"), "--quiet"]
    if can_draw():
        tokens += ["--screenshot", str(tmp_path / "eye.png"), "--eye", "B", "--frame", "1"]
    assert main(tokens) == 0
    assert (tmp_path / "room.html").stat().st_size > 100_000
    if can_draw():
        assert np.asarray(Image.open(tmp_path / "eye.png").convert("L")).std() > 10


def test_a_film_from_a_source_stays_in_the_source(room, scene, tmp_path):
    from dualfluoro.view_movie import write_movie
    from dualfluoro.view_room import look_at_room, look_through, show_frame

    show_frame(room, 0)
    look_through(room, 1)
    write_movie(room, tmp_path / "eye.mp4", 30.0)
    source = scene.rig.cameras[1].center_world.numpy()
    np.testing.assert_allclose(room.plotter.camera.position, source, atol=1e-6)
    assert not any(beam.names.GetVisibility() for beam in room.beams)
    look_at_room(room)
    assert all(beam.names.GetVisibility() for beam in room.beams)
