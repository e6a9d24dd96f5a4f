import numpy as np
import pytest

from calibration.bead_object import (
    BeadObject,
    checkerboard_object,
    read_bead_object,
    read_reference_names,
)

BEADS = "0,0,0,a\n30,0,0,b\n0,30,0,c\n0,0,40,d\n"


def written(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_our_csv_is_read_in_its_unit(tmp_path):
    file = written(tmp_path / "cube.csv", "x,y,z,name\n" + BEADS)
    beads = read_bead_object(file, unit="cm")
    np.testing.assert_array_equal(beads.points_mm[1], [300, 0, 0])
    assert beads.names == ("a", "b", "c", "d") and not beads.flat


def test_columns_come_in_any_order_and_names_may_be_missing(tmp_path):
    file = written(tmp_path / "cube.csv", "z, x, y\n0,1,2\n0,30,0\n5,0,30\n9,9,9\n")
    beads = read_bead_object(file, unit="mm")
    np.testing.assert_array_equal(beads.points_mm[0], [1, 2, 0])
    assert beads.names == ("1", "2", "3", "4")


@pytest.mark.parametrize("header", ["x y z", "white", "anything at all", ""])
def test_a_framespec_of_xmalab_has_a_free_first_line(tmp_path, header):
    text = f"{header}\r\n" + BEADS.replace("\n", "\r\n")
    beads = read_bead_object(
        written(tmp_path / "cube.csv", b"\xef\xbb\xbf" + text.encode()), unit="mm"
    )
    np.testing.assert_array_equal(beads.points_mm[3], [0, 0, 40])


def test_a_framespec_may_scale_its_axes(tmp_path):
    file = written(tmp_path / "cube.csv", "s2,s2,s0.5,x\n" + BEADS)
    np.testing.assert_array_equal(read_bead_object(file, unit="mm").points_mm.max(0), [60, 60, 20])


def test_a_file_without_a_header_loses_no_bead(tmp_path):
    assert len(read_bead_object(written(tmp_path / "cube.csv", BEADS), unit="mm")) == 4


def test_a_ref_file_names_beads_by_their_number_from_one(tmp_path):
    file = written(tmp_path / "cube.csv", "x,y,z\n" + BEADS.replace(",a", "").replace(",b", ""))
    ref = written(tmp_path / "cube.ref", "1 Top left\n2 B\n3 C\n4 D\n")
    assert read_bead_object(file, unit="mm", ref=ref).names == ("Top left", "B", "C", "D")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 A\n1 B\n2 C\n3 D\n", r"cube.ref:1: expected a bead's number from 1 to 4"),
        ("1 A\n2 B\n9 C\n3 D\n", r"cube.ref:3: expected a bead's number from 1 to 4"),
        ("1 A\n2 B\n", "names 2 beads, a reference file has at least 4"),
        ("one A\n", "cube.ref:1"),
    ],
)
def test_a_wrong_ref_file_is_refused(tmp_path, text, said):
    with pytest.raises(ValueError, match=said):
        read_reference_names(written(tmp_path / "cube.ref", text), 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y,z,name\n0,0,0,a\n1,nan,0,b\n", r"cube.csv:3: expected x, y, z as finite numbers"),
        ("x,y,z,name\n0,0,0,a\n1,2\n", r"cube.csv:3: expected x, y, z"),
        ("x,y,z,colour\n0,0,0,a\n", r"cube.csv:1: unknown column 'colour'; known: x, y, z, name"),
        ("x,y,z,name\n0,0,0,a\n1,0,0,b\n", "an object of 2 beads; a calibration needs 4"),
        ("", "an object of 0 beads"),
        ("x,y,z\n0,0,0\n1,1,1\n2,2,2\n5,5,5\n", "all beads of the object lie on one line"),
        ("x,y,z,name\n" + BEADS + "0,0,40,e\n", "beads 'd' and 'e' are at the same place"),
        ("x,y,z,name\n" + BEADS + "9,9,9,d\n", "two beads have the name 'd'"),
        ("x,y,z\n" + "1,2,3\n" * 3000, "more than 2000 beads"),
        (b"\xff\xfe\x00x", "not a bead file"),
    ],
)
def test_what_is_no_object_is_refused_with_its_place(tmp_path, text, said):
    with pytest.raises(ValueError, match=said):
        read_bead_object(written(tmp_path / "cube.csv", text), unit="mm")


def test_the_unit_must_be_given_and_the_file_there(tmp_path):
    file = written(tmp_path / "cube.csv", BEADS)
    with pytest.raises(ValueError, match="no unit was given"):
        read_bead_object(file)
    with pytest.raises(FileNotFoundError, match=r"none\.csv: there is no such bead file"):
        read_bead_object(tmp_path / "none.csv", unit="mm")


def test_infinite_coordinates_are_refused():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, np.inf]])
    with pytest.raises(ValueError, match="bead 'd' has a coordinate that is not finite"):
        BeadObject(points, tuple("abcd"))


def test_a_checkerboard_is_flat_and_named_by_column_and_row():
    board = checkerboard_object(4, 3, 10.0)
    assert board.flat and len(board) == 12
    np.testing.assert_array_equal(board.points_mm[board.names.index("3,2")], [30, 20, 0])
