"""The skin of the head: a closed triangle mesh in `ct`, mm, and where the CT cut it."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyvista as pv
from jaxtyping import Bool, Float, Int, Num
from scipy.spatial import KDTree

from drr.volume import Volume

from .cavities import SolidHead, solid_head
from .crossings import Crossings, FaceCells, cross, face_cells

SKIN_THRESHOLD_HU = -300.0
NORMAL_RADIUS_MM = 2.5
BEYOND_HU = -1e6  # beyond the CT: so low that the cap lies on the last voxels' centres
CUT_VOXEL = 0.01  # a face this close to the last voxels' centres is a cap, not skin


@dataclass(frozen=True, eq=False)
class Skin:
    """A closed surface around the head; `on_cut` marks the faces that cap a cut plane of the CT."""

    vertices_ct: Float[np.ndarray, "vertex 3"]
    faces: Int[np.ndarray, "face 3"]
    on_cut: Bool[np.ndarray, "face"]
    threshold_hu: float | None = None

    @staticmethod
    def from_mesh(
        vertices_ct: Num[np.ndarray, "vertex 3"],
        faces: Int[np.ndarray, "face 3"],
        on_cut: Bool[np.ndarray, "face"] | None = None,
        threshold_hu: float | None = None,
    ) -> "Skin":
        """A skin from a mesh (mm), turned inside out where its normals point inwards.

        Raises ValueError on an empty mesh, vertices that are not finite, or faces without them.
        """
        vertices = np.ascontiguousarray(vertices_ct, dtype=np.float64)
        faces = np.ascontiguousarray(faces, dtype=np.int64)
        if len(faces) == 0 or faces.min() < 0 or faces.max() >= len(vertices):
            raise ValueError(f"no skin mesh: {len(faces)} faces on {len(vertices)} vertices")
        if not np.isfinite(vertices).all():
            raise ValueError("the skin mesh has vertices that are not finite")
        if _enclosed_volume(vertices, faces) < 0:
            faces = np.ascontiguousarray(faces[:, ::-1])
        on_cut = np.zeros(len(faces), bool) if on_cut is None else on_cut
        return Skin(vertices, faces, on_cut, threshold_hu)

    @staticmethod
    def from_volume(volume: Volume, threshold_hu: float = SKIN_THRESHOLD_HU) -> "Skin":
        """The iso surface of a CT whose couch has been removed, its cavities filled.

        A cavity is air that the head encloses in a slice along any array axis of the volume.
        Raises ValueError where nothing reaches the threshold.
        """
        affine = np.asarray(volume.ct_from_voxel, dtype=np.float64)
        head = solid_head(np.asarray(volume.data_hu), affine, threshold_hu)
        index, faces = _iso_surface(head, threshold_hu)
        last = np.asarray(head.hu.shape) - 1
        low, high = index <= CUT_VOXEL, index >= last - CUT_VOXEL
        on_cut = np.any(np.all(low[faces], axis=1) | np.all(high[faces], axis=1), axis=1)
        vertices_ct = index @ head.ct_from_voxel[:3, :3].T + head.ct_from_voxel[:3, 3]
        return Skin.from_mesh(vertices_ct, faces, on_cut, threshold_hu)

    @cached_property
    def cells(self) -> FaceCells:
        """The faces grouped by place, for rays."""
        return face_cells(self.vertices_ct, self.faces)

    @cached_property
    def face_vectors(self) -> Float[np.ndarray, "face 3"]:
        """Outward normal of each face times its area, mm^2."""
        a, b, c = (self.vertices_ct[self.faces[:, corner]] for corner in range(3))
        return np.cross(b - a, c - a) / 2

    @cached_property
    def area_mm2(self) -> Float[np.ndarray, "face"]:
        """Area of each face, mm^2."""
        return np.linalg.norm(self.face_vectors, axis=1)

    @cached_property
    def vertex_vectors(self) -> Float[np.ndarray, "vertex 3"]:
        """Sum of the vectors of the faces that meet at each vertex, mm^2."""
        total = np.zeros_like(self.vertices_ct)
        for axis in range(3):
            weights = np.repeat(self.face_vectors[:, axis], 3)
            total[:, axis] = np.bincount(self.faces.ravel(), weights, minlength=len(total))
        return total

    @cached_property
    def vertex_tree(self) -> KDTree:
        """The vertices, for neighbours within a radius."""
        return KDTree(self.vertices_ct)

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of the mesh, for the provenance of a number."""
        digest = hashlib.sha256(self.vertices_ct.tobytes())
        digest.update(self.faces.tobytes())
        return digest.hexdigest()

    def crossings(
        self, origin_ct: Float[np.ndarray, "3"], direction_ct: Float[np.ndarray, "3"]
    ) -> Crossings:
        """Where a ray (unit direction) goes in and out of the head."""
        return cross(self.vertices_ct, self.cells, origin_ct, direction_ct)

    def normal_ct(self, point_ct: Float[np.ndarray, "3"], face: int) -> Float[np.ndarray, "3"]:
        """Outward unit normal at a point of a face, smoothed over 2.5 mm around its corners."""
        corners = self.vertices_ct[self.faces[face]]
        normal = np.zeros(3)
        for corner, weight in zip(self.faces[face], _barycentric(point_ct, corners), strict=True):
            near = self.vertex_tree.query_ball_point(self.vertices_ct[corner], NORMAL_RADIUS_MM)
            vectors = self.vertex_vectors[near]
            same_side = vectors @ self.face_vectors[face] > 0  # not the back of a thin ear
            total = vectors[same_side].sum(axis=0) if same_side.any() else self.face_vectors[face]
            normal += weight * total / np.linalg.norm(total)
        return normal / np.linalg.norm(normal)


def _barycentric(point: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Weights of the corners that give the point, none of them negative."""
    edges = np.stack([corners[1] - corners[0], corners[2] - corners[0]], axis=1)
    weights, *_ = np.linalg.lstsq(edges, point - corners[0], rcond=None)
    weights = np.clip([1 - weights.sum(), *weights], 0.0, 1.0)
    return weights / weights.sum()


def _enclosed_volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """The signed volume inside a closed mesh (mm^3), positive when its normals point outwards."""
    a, b, c = (vertices[faces[:, corner]] - vertices.mean(axis=0) for corner in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _iso_surface(head: SolidHead, threshold_hu: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices in voxel indices and faces of the closed iso surface, capped at the CT's ends."""
    padded = np.pad(head.hu, 1, constant_values=BEYOND_HU)
    grid = pv.ImageData(dimensions=padded.shape, origin=(-1.0, -1.0, -1.0))
    grid.point_data["hu"] = padded.ravel(order="F")
    surface = grid.contour(
        [threshold_hu], scalars="hu", compute_normals=False, method="flying_edges"
    )
    faces = np.asarray(surface.faces).reshape(-1, 4)[:, 1:].astype(np.int64)
    return np.asarray(surface.points, dtype=np.float64), faces
