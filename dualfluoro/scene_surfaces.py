"""Bone and skin of a CT as light meshes, to be looked at; kept under the trial for the next time.

They are for the eye: 2 mm voxels, few faces. Numbers come from the full CT, never from here.
"""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyvista as pv
from jaxtyping import Bool, Float, Int

from calibration.atomic import whole
from drr import Volume
from drr.couch import GRID_MM, head_mask
from exposure import Skin

from .exposures import sha256_of
from .trial import Trial

BONE_HU = 250.0
BONE_FACES, SKIN_FACES = 16_000, 14_000
CLUSTER_VOXELS = 1.2  # vertices nearer than this are one, before faces are chosen with care
SMALLEST_PIECE = 0.002  # of the bone; smaller ones are noise and calcified vessels
FOLDER, VERSION = ".view", 2
LARGEST_BYTES = 64 << 20
ARRAYS = ("bone_vertices", "bone_faces", "skin_vertices", "skin_faces", "skin_on_cut")


@dataclass(frozen=True, eq=False)
class Surface:
    """A triangle mesh in ct, mm."""

    vertices_ct: Float[np.ndarray, "vertex 3"]
    faces: Int[np.ndarray, "face 3"]

    def mesh(self) -> pv.PolyData:
        """The same as PyVista has it, with normals at its vertices."""
        corners = np.insert(self.faces, 0, 3, axis=1)
        mesh = pv.PolyData(self.vertices_ct.astype(np.float32), corners).compute_normals(
            cell_normals=False, split_vertices=False, consistent_normals=False
        )
        return cast(pv.PolyData, mesh)


@dataclass(frozen=True, eq=False)
class HeadSurfaces:
    """What of a CT is drawn; `skin_on_cut` marks the faces where the CT ends, which are no skin."""

    bone: Surface
    skin: Surface
    skin_on_cut: Bool[np.ndarray, "face"]


def surfaces_of(trial: Trial) -> HeadSurfaces:
    """The surfaces of a trial's CT, from the trial's cache where they are those of this very file.

    Raises:
        FileNotFoundError: there is no CT.
        ValueError: it holds no tissue or no bone.
    """
    key = f"{sha256_of(trial.ct)} {trial.skin_threshold_hu:g} {VERSION}"
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    file = trial.folder / FOLDER / f"surfaces-{name}.npz"
    known = read_surfaces(file)
    if known is None:
        known = light_surfaces(Volume.read(trial.ct), trial.skin_threshold_hu)
        write_surfaces(file, known)
    return known


def light_surfaces(volume: Volume, skin_threshold_hu: float) -> HeadSurfaces:
    """Bone and skin of a CT without its couch, from means over blocks of its voxels."""
    coarse = _on_blocks(volume).resampled(GRID_MM)
    keep = head_mask(coarse)
    hu = np.where(keep, coarse.data_hu, np.float32(-1000)).astype(np.float32)
    padded = np.pad(hu, 1, constant_values=-1000)
    grid = pv.ImageData(dimensions=padded.shape, origin=(-1.0, -1.0, -1.0))
    grid.point_data["hu"] = padded.ravel(order="F")
    bone = grid.contour([BONE_HU], scalars="hu", method="flying_edges", compute_normals=False)
    if bone.n_cells == 0:
        raise ValueError(f"the CT has no bone to show: no voxel is above {BONE_HU:g} HU")
    bone = _decimated(_clustered(_large_pieces(cast(pv.PolyData, bone))), BONE_FACES)
    bone = _surface(cast(pv.PolyData, bone.transform(coarse.ct_from_voxel, inplace=False)))
    full = Skin.from_volume(Volume(hu, coarse.ct_from_voxel), skin_threshold_hu)
    skin = pv.PolyData(full.vertices_ct, np.insert(full.faces, 0, 3, axis=1))
    skin = _surface(_decimated(skin, SKIN_FACES))
    return HeadSurfaces(bone, skin, _on_cut(skin, full))


def read_surfaces(file: Path) -> HeadSurfaces | None:
    """The surfaces in a cache file; None where it is missing, damaged, or not one of ours."""
    try:
        with zipfile.ZipFile(file) as packed:
            if sum(part.file_size for part in packed.infolist()) > LARGEST_BYTES:
                return None
        with np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in ARRAYS}
    except Exception:  # whatever broken bytes make NumPy and zipfile stumble over
        return None
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        return None
    surfaces = [
        _checked(arrays[f"{part}_vertices"], arrays[f"{part}_faces"]) for part in ("bone", "skin")
    ]
    bone, skin = surfaces
    on_cut = arrays["skin_on_cut"]
    if (
        bone is None
        or skin is None
        or on_cut.dtype != bool
        or on_cut.shape != skin.faces[:, 0].shape
    ):
        return None
    return HeadSurfaces(bone, skin, on_cut)


def write_surfaces(file: Path, surfaces: HeadSurfaces) -> None:
    """Keep the surfaces, alone in their folder; a folder that cannot be written is left alone."""
    parts = {
        f"{name}_{what}": getattr(part, attribute)
        for name, part in (("bone", surfaces.bone), ("skin", surfaces.skin))
        for what, attribute in (("vertices", "vertices_ct"), ("faces", "faces"))
    }
    try:
        with whole(file) as unfinished, unfinished.open("wb") as stream:
            np.savez(stream, **parts, skin_on_cut=surfaces.skin_on_cut)
        for other in file.parent.glob("surfaces-*.npz"):
            if other != file:
                other.unlink()
    except OSError:
        return


def _checked(vertices: np.ndarray, faces: np.ndarray) -> Surface | None:
    """A mesh whose faces are triangles of its own vertices; else None."""
    right = (
        vertices.dtype == np.float32
        and faces.dtype == np.int32
        and vertices.ndim == faces.ndim == 2
        and vertices.shape[1] == faces.shape[1] == 3
        and len(faces) > 0
        and np.isfinite(vertices).all()
        and faces.min() >= 0
        and faces.max() < len(vertices)
    )
    return Surface(vertices, faces) if right else None


def _on_blocks(volume: Volume) -> Volume:
    """Means over blocks of voxels well below the size of those that follow."""
    steps = [max(1, int(GRID_MM / 1.5 / spacing)) for spacing in volume.spacing_mm.tolist()]
    data = volume.data_hu
    kept = [n - n % s if n >= s else n for n, s in zip(data.shape, steps, strict=True)]
    if steps == [1, 1, 1] or min(kept) == 0 or any(n < s for n, s in zip(kept, steps, strict=True)):
        return volume
    data = data[tuple(slice(n) for n in kept)]
    total = data
    for axis in (2, 1, 0):  # the far apart first: then less is left to be gathered
        along = (slice(None),) * axis
        parts = [total[(*along, slice(n, None, steps[axis]))] for n in range(steps[axis])]
        total = parts[0].astype(np.float32) if len(parts) > 1 else parts[0]
        for part in parts[1:]:
            total += part
    ct_from_block = volume.ct_from_voxel @ np.diag([*steps, 1.0])
    ct_from_block[:3, 3] = volume.points_ct((np.array(steps) - 1) / 2)
    return Volume(total.astype(np.float32) / np.float32(np.prod(steps)), ct_from_block)


def _large_pieces(mesh: pv.PolyData) -> pv.PolyData:
    """Without specks."""
    found = mesh.connectivity("all")
    region = np.asarray(found.cell_data["RegionId"])
    count = np.bincount(region)
    keep = (count >= SMALLEST_PIECE * len(region))[region]
    faces = np.asarray(found.faces).reshape(-1, 4)[keep]
    # points that fall together leave faces without area: those go, not turn into lines
    pieces = pv.PolyData(found.points, faces).clean(polys_to_lines=False).triangulate()
    return cast(pv.PolyData, pieces)


def _clustered(mesh: pv.PolyData) -> pv.PolyData:
    """With a vertex a cell of a grid: in a twentieth of the time that careful choice takes."""
    from vtkmodules.vtkFiltersCore import vtkQuadricClustering

    low, high = np.asarray(mesh.bounds).reshape(3, 2).T
    cells = np.maximum(np.ceil((high - low) / CLUSTER_VOXELS), 1).astype(int)
    cluster = vtkQuadricClustering()
    cluster.SetInputData(mesh)
    cluster.AutoAdjustNumberOfDivisionsOff()
    cluster.SetNumberOfDivisions(*cells.tolist())
    cluster.Update()
    merged = cast(pv.PolyData, pv.wrap(cluster.GetOutput()))
    return cast(pv.PolyData, merged.clean(polys_to_lines=False).triangulate())


def _decimated(mesh: pv.PolyData, most: int) -> pv.PolyData:
    """Smoothed, with at most about this many faces."""
    smooth = cast(pv.PolyData, mesh.smooth_taubin(n_iter=12, pass_band=0.15))
    if smooth.n_cells <= most:
        return smooth
    return cast(pv.PolyData, smooth.decimate(1 - most / smooth.n_cells))


def _surface(mesh: pv.PolyData) -> Surface:
    faces = np.asarray(mesh.faces).reshape(-1, 4)[:, 1:].astype(np.int32)
    return Surface(np.asarray(mesh.points, dtype=np.float32), faces)


def _on_cut(skin: Surface, full: Skin) -> np.ndarray:
    """Which faces of the light skin lie nearest to faces of the full one that cap the CT."""
    from scipy.spatial import KDTree

    middles = full.vertices_ct[full.faces].mean(1)
    nearest = KDTree(middles).query(skin.vertices_ct[skin.faces].mean(1))[1]
    return full.on_cut[nearest]
