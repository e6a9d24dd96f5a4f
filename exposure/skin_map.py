"""What each face of the skin received over a trial: frames, relative and absolute kerma."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvista as pv
from jaxtyping import Float, Int

from calibration.atomic import whole

from .head import Head
from .view_exposure import ViewExposure

IN_PATCH = 0.5  # share of a face inside the field from which the face counts as hit


@dataclass(frozen=True, eq=False)
class SkinMap:
    """Sums over frames on the faces of one skin; `add` is the only thing that changes them.

    The sums of k_isq and of kerma (mGy, incident, without backscatter) take the source's distance
    to each face itself; they stay 0 where no reference distance or no kerma is given.
    """

    head: Head
    view_names: tuple[str, ...]
    frames_hit: Int[np.ndarray, "view face"]
    frames_overlapping: Int[np.ndarray, "face"]
    k_isq_sum: Float[np.ndarray, "face"]
    kerma_sum_mGy: Float[np.ndarray, "face"]
    centroids_skull: Float[np.ndarray, "face 3"]

    @staticmethod
    def empty(head: Head, view_names: Sequence[str]) -> "SkinMap":
        """A map on which nothing was exposed yet."""
        faces, views = len(head.skin.faces), len(view_names)
        centroids_ct = head.skin.vertices_ct[head.skin.faces].mean(axis=1)
        return SkinMap(
            head=head,
            view_names=tuple(view_names),
            frames_hit=np.zeros((views, faces), np.int32),
            frames_overlapping=np.zeros(faces, np.int32),
            k_isq_sum=np.zeros(faces),
            kerma_sum_mGy=np.zeros(faces),
            centroids_skull=(head.skull_from_ct @ centroids_ct).numpy(),
        )

    def add(self, views: Sequence[ViewExposure], reference_distance_mm: float | None) -> None:
        """Count one frame; views that carry no patch (a lost frame), or no beam, add nothing."""
        hits = np.zeros(len(self.k_isq_sum), np.int32)
        for row, view in enumerate(views):
            if view.patch is None or "tube_off" in view.flags:
                continue
            face = view.patch.face[view.patch.share >= IN_PATCH]
            self.frames_hit[row, face] += 1
            hits[face] += 1
            if reference_distance_mm is None:
                continue
            source = np.array([view.source_x_mm, view.source_y_mm, view.source_z_mm])
            squared = ((self.centroids_skull[face] - source) ** 2).sum(axis=1)
            k_isq = reference_distance_mm**2 / squared
            self.k_isq_sum[face] += k_isq
            dose = view.more.get("dose", {})
            if (kerma := dose.get("reference_kerma_mGy")) is not None:
                self.kerma_sum_mGy[face] += kerma * dose["support_transmission"] * k_isq
        self.frames_overlapping[hits > 1] += 1

    def mesh(self) -> pv.PolyData:
        """The skin in `ct` (RAS, mm) with the sums as data of its faces."""
        skin = self.head.skin
        corners = np.hstack([np.full((len(skin.faces), 1), 3), skin.faces])
        mesh = pv.PolyData(skin.vertices_ct, corners)
        for name, count in zip(self.view_names, self.frames_hit, strict=True):
            mesh.cell_data[f"frames_hit_{name}"] = count
        mesh.cell_data["frames_hit"] = self.frames_hit.sum(axis=0)
        mesh.cell_data["frames_overlapping"] = self.frames_overlapping
        mesh.cell_data["k_isq_sum"] = self.k_isq_sum
        mesh.cell_data["kerma_sum_mGy"] = self.kerma_sum_mGy
        mesh.cell_data["cut_plane"] = skin.on_cut.astype(np.uint8)
        mesh.field_data["frame"] = ["ct, RAS, mm"]
        return mesh

    def write(self, path: str | Path) -> None:
        """Write skin.vtp, whole or not at all."""
        with whole(path) as unfinished:
            self.mesh().save(unfinished)
