"""The pages about trainings: the course, what was held out, the card; small and without network."""

import base64
import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from torch import nn

from dualfluoro import load_trial
from dualfluoro.training_pages import judged_detector, write_translator_page
from dualfluoro.training_report import CoursePlot, Judged, read_course, write_training_report
from dualfluoro.training_samples import FOUND_BGR, TILE_PX, TRUE_BGR, sheet_of_tiles, tile_of
from gan import Judgement, Translator, TranslatorCard
from gan.drift import Drift
from gan.networks import Generator

EVIL = "<script>alert(1)</script>"
TABLE = "step,time_s,loss,validation\n1,30.0,2.5,\n2,60.0,1.5,0.7\n"


def test_a_course_is_read_in_minutes_and_an_empty_cell_is_a_gap(tmp_path):
    (tmp_path / "a.csv").write_text(TABLE)
    minutes, values = read_course(tmp_path / "a.csv", ["loss", "validation"])
    np.testing.assert_array_equal(minutes, [0.5, 1.0])
    np.testing.assert_array_equal(values, [[2.5, 1.5], [np.nan, 0.7]])
    assert read_course(tmp_path / "missing.csv", ["loss"])[1].shape == (1, 0)


@pytest.mark.parametrize("text", ["step,loss\n1,2\n", "step,time_s,loss\n1,2,x\n"])
def test_a_damaged_course_is_named(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=r"a\.csv: damaged"):
        read_course(tmp_path / "a.csv", ["loss"])


def test_the_page_holds_course_card_and_samples_and_needs_no_network(tmp_path):
    (tmp_path / "a.csv").write_text(TABLE)
    weights = tmp_path / "net.safetensors"
    weights.with_suffix(".json").write_text(json.dumps({"accuracy": {"mean_mm": 1.25}, EVIL: EVIL}))
    courses = [CoursePlot(tmp_path / "a.csv", EVIL, {"loss": EVIL}, "loss")]
    sample = sheet_of_tiles([np.zeros((TILE_PX, TILE_PX, 3), np.uint8)] * 5)
    judged = [Judged("good", EVIL, EVIL)]
    target = write_training_report(weights, EVIL, judged, "accuracy", courses, [(sample, EVIL)])
    page = target.read_text()
    assert target == tmp_path / "net_training.html" and "1.25" in page
    assert "<script>alert" not in page and len(page) < 2.5e6
    figure = re.search(r'<script type="application/json">(.*?)</script>', page)
    assert figure is not None
    packed = json.loads(figure[1])["data"][0]["y"]["bdata"]
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(packed)), [2.5, 1.5])
    outside = re.sub(r'<script type="text/plain"[^>]*>[^<]*</script>', "", page)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', outside)


def test_a_tile_shows_true_and_found_places_where_they_are():
    image = np.random.default_rng(0).random((60, 120))
    true, found = np.array([[30.0, 20.0], [np.nan, 5.0]]), np.array([[90.0, 40.0], [5.0, 5.0]])
    tile = tile_of(image, true, found).astype(int)
    scale = TILE_PX / 120
    for place, color in ((true[0], TRUE_BGR), (found[0], FOUND_BGR)):
        like = np.abs(tile - color).max(axis=2) < 40
        v, u = np.nonzero(like)
        near = np.hypot(u - place[0] * scale, v - place[1] * scale) < 8
        assert near.sum() > 5
    assert (tile[TILE_PX // 2 + 5 :] == 32).all()  # below a wide image


def test_a_direction_that_is_refused_is_said_first(trial):
    drift = Drift(median_px=2.0, p95_px=6.0, lost=0.1, bias_px=(0.0, 0.0), places=9)
    still = replace(drift, median_px=0.1, p95_px=0.3)
    judgement = Judgement(3.0, 3.0, 1.0, 1.0, drift, still, 0.1, 0.1)
    generators = nn.ModuleDict({name: Generator(8, 1) for name in ("to_drr", "to_film")})
    card = TranslatorCard(
        size_px=32,
        shape={"width": 8, "blocks": 1},
        noise_sd=0.0,
        frames=3,
        judgement=asdict(judgement),
        refused=judgement.refused,
        look=[[0.0], [1.0]],
        recipe={},
    )
    loaded = load_trial(trial)
    loaded.models.mkdir(exist_ok=True)
    translator = Translator(generators, card)
    loaded.translator.with_suffix(".json").write_text(json.dumps(asdict(card)))
    page = write_translator_page(loaded, translator).read_text()
    assert 'class="verdict bad"><b>From frames to radiographs, not to be used' in page
    assert 'class="verdict good"><b>From radiographs to frames, usable' in page
    assert "Too short to have a course" in page


@pytest.mark.parametrize(
    ("median_mm", "kind", "said"),
    [(6.0, "good", "Trained"), (20.0, "fair", "Briefly"), (64.0, "bad", "Not yet of use")],
)
def test_a_detector_that_finds_little_is_not_praised(median_mm, kind, said):
    found = {"in_field_median_mm": median_mm, "in_field_p95_mm": 2 * median_mm, "views": 240.0}
    judged = judged_detector(found)
    assert judged.kind == kind and said in judged.word
