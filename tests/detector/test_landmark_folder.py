"""Reading landmarks.csv: what is accepted, and what is refused by file and line."""

import numpy as np
import pytest

from detector.landmark_folder import read_landmark_folder

GOOD = "image,landmark,x,y\n10.png,a,1,2\n2.png,b,3.5,-4\n2.png,a,5,6\n10.png,b,,\n"


def folder_with(tmp_path, text, files=("10.png", "2.png")):
    for name in files:
        (tmp_path / name).touch()
    (tmp_path / "landmarks.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp_path


def test_images_come_in_natural_order_and_gaps_are_nan(tmp_path):
    table = read_landmark_folder(folder_with(tmp_path, GOOD))
    assert [file.name for file in table.files] == ["2.png", "10.png"]
    assert table.names == ("a", "b") and table.dim == 2
    np.testing.assert_array_equal(table.world, [[[5, 6], [3.5, -4]], [[1, 2], [np.nan] * 2]])


def test_excel_and_windows_leave_no_trace(tmp_path):
    text = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").replace("image,", "Image, ").encode()
    assert read_landmark_folder(folder_with(tmp_path, text)).names == ("a", "b")


def test_volumes_have_three_coordinates(tmp_path):
    table = read_landmark_folder(
        folder_with(tmp_path, "image,landmark,x,y,z\nct.nii.gz,a,1,2,3\n", ["ct.nii.gz"])
    )
    assert table.dim == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"line 1: expected image,landmark,x,y"),
        ("a,b\n", r"line 1: expected image,landmark,x,y"),
        ("image,landmark,x,y\n", "no rows"),
        ("image,landmark,x,y\n2.png,a,1\n", "line 2: expected 4 cells, found 3"),
        ("image,landmark,x,y\n2.png,a,1,two\n", "line 2: expected numbers, found '1,two'"),
        ("image,landmark,x,y\n2.png,a,1,nan\n", "line 2: expected finite"),
        ("image,landmark,x,y\n2.png,a,1,1e99\n", "line 2: expected finite"),
        ("image,landmark,x,y\n2.png,,1,2\n", "line 2: the image and the landmark"),
        ("image,landmark,x,y\n../2.png,a,1,2\n", "line 2: '../2.png' is not a file inside"),
        ("image,landmark,x,y\n/2.png,a,1,2\n", "line 2: '/2.png' is not a file inside"),
        ("image,landmark,x,y\n2.png,a,1,2\n\n2.png,a,1,2\n", "line 4: 'a' .* in line 2"),
        ("image,landmark,x,y\n2.png,a,,\n", "landmark 'a' has no coordinates"),
        (b"image,landmark,x,y\n2.png,\xff,1,2\n", "not a table"),
        ('image,landmark,x,y\n2.png,"a,1,2\n', "not a table|expected 4 cells"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(tmp_path, text, said):
    with pytest.raises(ValueError, match=said):
        read_landmark_folder(folder_with(tmp_path, text))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"landmarks.csv: there is no such file"):
        read_landmark_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"line 3: there is no '2.png'"):
        read_landmark_folder(folder_with(tmp_path, GOOD, ["10.png"]))
