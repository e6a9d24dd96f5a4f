import numpy as np
import pytest

from dualfluoro.csv_column import read_column


def test_a_column_is_read_by_its_name(tmp_path):
    (tmp_path / "k.csv").write_text("frame,kerma_mGy\n0,0.5\n1,2\n")
    np.testing.assert_array_equal(read_column(tmp_path / "k.csv", "kerma_mGy", 2), [0.5, 2])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"time_s\n0\n1\n", r"k\.csv: expected a column kerma_mGy"),
        (b"kerma_mGy\n0\nx\n", "a column kerma_mGy of numbers"),
        (b"kerma_mGy\n0\n", "expected 2 finite numbers .* found 1"),
        (b"kerma_mGy\n0\nnan\n", "expected 2 finite numbers"),
        (b"frame,kerma_mGy\n0,1\n0,1\n", r"k\.csv:3: frame is 0, expected 1"),
        (b"frame,kerma_mGy\n1,1\n0,1\n", r"k\.csv:2: frame is 1, expected 0"),
        (b"\x89PNG\xff", r"k\.csv: expected a column"),
        (b"kerma_mGy\n" + b"9" * 200_000, r"k\.csv: expected a column"),
    ],
)
def test_what_is_no_column_of_numbers_is_refused_by_name(tmp_path, content, said):
    (tmp_path / "k.csv").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_column(tmp_path / "k.csv", "kerma_mGy", 2)
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        read_column(tmp_path / "none.csv", "kerma_mGy", 2)
