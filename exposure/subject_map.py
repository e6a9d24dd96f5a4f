"""What the skin of one subject received over several trials: the sum of their skin.vtp files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyvista as pv

from calibration.atomic import whole

SUMMED = ("frames_hit", "frames_overlapping", "k_isq_sum", "kerma_sum_mGy")


def summed_maps(paths: Sequence[str | Path]) -> pv.PolyData:
    """The sums on the common skin, in `ct`.

    Raises:
        FileNotFoundError: one of the files is not there.
        ValueError: no file, one that is no skin map, or skins that differ.
    """
    if not paths:
        raise ValueError("no skin map to sum: give one skin.vtp or more")
    total = _read(Path(paths[0]))
    for path in map(Path, paths[1:]):
        mesh = _read(path)
        same = mesh.n_points == total.n_points and np.allclose(mesh.points, total.points, atol=1e-3)
        if not same or not np.array_equal(mesh.faces, total.faces):
            raise ValueError(
                f"{path}: its skin is not that of {paths[0]}; sum trials of one CT and one "
                "skin_threshold_hu only"
            )
        for name in SUMMED:
            total.cell_data[name] = total.cell_data[name] + mesh.cell_data[name]
    return total


def write_summed_maps(paths: Sequence[str | Path], target: str | Path) -> None:
    """Write the sum as a VTP, whole or not at all."""
    mesh = summed_maps(paths)
    with whole(target) as unfinished:
        mesh.save(unfinished)


def _read(path: Path) -> pv.PolyData:
    """One map with the sums alone: what is told by view may have other views elsewhere."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; make it with: dualfluoro exposure")
    mesh = pv.read(path)
    missing = [name for name in SUMMED if name not in getattr(mesh, "cell_data", {})]
    if not isinstance(mesh, pv.PolyData) or missing:
        raise ValueError(f"{path}: no skin map of dualfluoro: it lacks {', '.join(missing)}")
    for name in list(mesh.cell_data):
        if name not in (*SUMMED, "cut_plane"):
            del mesh.cell_data[name]
    return mesh
