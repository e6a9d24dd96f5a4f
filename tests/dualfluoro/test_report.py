"""The pages: what stands in them is escaped, small, and needs no network."""

import base64
import gzip
import json
import re

import numpy as np
import plotly.graph_objects as go
import plotly.offline
import pytest

from dualfluoro import report_plots as plots
from dualfluoro.report_inputs import card_rows
from dualfluoro.report_page import note, page, picture, plotly_packed, section, table, verdict
from registration import Track

EVIL = '<script>alert("1")</script>&'


def test_text_from_files_is_escaped_everywhere():
    html = page(
        EVIL,
        [
            section(EVIL, note(EVIL), verdict("good", EVIL, EVIL)),
            table([EVIL], [[EVIL]]),
            picture(b"\x89PNG", EVIL),
            plots.html_of(go.Figure(go.Scatter(x=[1], y=[1], text=[EVIL], name=EVIL)), EVIL),
        ],
        plots=False,
    )
    assert "<script>alert" not in html and "</script>&" not in html


def test_a_plot_carries_its_figure_as_json():
    html = plots.html_of(go.Figure(go.Scatter(x=[1], y=[2], text=["</script>"])), "one")
    text = re.search(r'<script type="application/json">(.*?)</script>', html)
    assert text is not None
    assert json.loads(text[1])["data"][0]["text"] == ["</script>"]


def test_plotly_comes_once_whole_and_packed():
    html = plotly_packed()
    packed = re.search(r'id="plotly">([^<]*)<', html)
    assert packed is not None
    program = gzip.decompress(base64.b64decode(packed[1])).decode()
    assert program == plotly.offline.get_plotlyjs()
    assert len(html) < 0.45 * len(program) and html.count("plotly.js v") == 1


def test_the_report_says_what_was_done_links_its_parts_and_stays_small(tracked_trial):
    text = (tracked_trial / "report.html").read_text()
    assert len(text) < 6e6
    targets = re.findall(r'<a href="#([^"]*)">', text)
    assert len(targets) >= 8 and all(f'id="{name}"' in text for name in targets)
    for said in ("SHA-256", "torch", "skin threshold", "Between the optical axes", "Precise"):
        assert said in text
    for private in ("ct.nii.gz", "0000.png", str(tracked_trial)):
        assert private not in text
    outside = re.sub(r'<script type="text/plain"[^>]*>[^<]*</script>', "", text)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', outside) and "//cdn" not in outside
    ids = re.findall(r'<div class="plot" id="([^"]*)"', text)
    assert len(ids) == len(set(ids)) >= 9


def test_bad_stretches_are_shaded(tracked_trial):
    from dataclasses import replace

    track = Track.read(tracked_trial / "track.csv")
    track = replace(track, status=("ok", "doubtful", "lost"))
    figure = plots.with_bad_frames(plots.deviation_plot(track), track)
    assert [s.fillcolor for s in figure.layout.shapes] == [
        plots.STATUS[s] for s in track.status[1:]
    ]


def test_lens_margins_are_drawn_only_where_they_are_known():
    row = {"view": "A", "time_s": "0", "lens_left_margin_mm": "-3.5", "lens_right_margin_mm": ""}
    figure = plots.margin_plot([row])
    assert figure is not None and len(figure.data) == 1
    assert figure.data[0].y[0] == -3.5
    assert plots.margin_plot([{**row, "lens_left_margin_mm": ""}]) is None


def test_a_card_is_shown_whatever_is_in_it():
    deep: dict = {}
    inner = deep
    for _ in range(50):
        inner["a"] = {}
        inner = inner["a"]
    card = {
        "n": 1.23456789,
        "landmarks": {str(i): [0] for i in range(99)},
        "r": {"m": 2},
        "d": deep,
    }
    rows = dict(card_rows(card))
    assert rows["n"] == "1.2346" and rows["r.m"] == "2" and rows["landmarks"] == "99 entries"
    with pytest.raises(ValueError, match="a card is a JSON object"):
        card_rows([1])


def test_speeds_are_those_of_the_track(tracked_trial):
    track = Track.read(tracked_trial / "track.csv")
    figure = plots.speed_plot(track, np.zeros(3))
    step = np.linalg.norm(np.diff(track.world_from_ct.t.numpy(), axis=0), axis=1)
    shown = np.asarray(figure.data[0].y)
    assert shown[1] == pytest.approx(step.sum() / (track.time_s[2] - track.time_s[0]), rel=0.5)


def test_every_flag_has_a_row_on_the_time_line(tracked_trial):
    from dataclasses import replace

    track = Track.read(tracked_trial / "track.csv")
    flags = (("low_similarity",), (), ("low_similarity", "views_disagree"))
    figure = plots.status_plot(replace(track, flags=flags, status=("doubtful", "ok", "doubtful")))
    rows = dict(zip(figure.layout.yaxis.ticktext, (len(t.x) for t in figure.data), strict=True))
    assert rows == {"ok": 1, "doubtful": 2, "lost": 0, "low_similarity": 2, "views_disagree": 1}


def test_two_pictures_share_one_place_and_the_page_brings_the_slider(tracked_trial):
    from dualfluoro.report_wipe import wipe

    part = wipe(b"one", b"two", EVIL, ("frame", EVIL))
    assert "<script>alert" not in part and part.count("data:image/webp") == 2
    assert "report_wipe" not in page("a", [part], plots=False)
    assert 'querySelectorAll(".wipe")' in page("a", [part], plots=False)
    assert 'querySelectorAll(".wipe")' not in page("a", [note("b")], plots=False)
    text = (tracked_trial / "report.html").read_text()
    assert text.count('<figure class="wipe') >= 2
