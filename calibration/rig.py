"""Two or more cameras that see one world, and the points that their pixels fix in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import torch
from jaxtyping import Float, Num
from torch import Tensor

from .camera import Camera
from .rig_file import read_rig, write_cameras
from .rigid import Array, float64
from .rotation import cross_matrix
from .triangulation import triangulated
from .uncertainty_entry import RigUncertainty, uncertainty_entry


@dataclass(frozen=True, eq=False)
class Rig:
    """Calibrated cameras with unique names, in the order of the view axis of every array.

    `uncertainty` is how well a calibration knows them, None where it did not say. It belongs to
    these cameras: a rig of resized or moved ones is made without it.
    """

    cameras: tuple[Camera, ...]
    uncertainty: RigUncertainty | None = None

    def __post_init__(self):
        """ValueError on an empty rig, a camera without a name, or a name given twice."""
        names = self.names
        if not names:
            raise ValueError("a rig needs at least one camera, found none")
        if "" in names:
            raise ValueError(
                f"camera {names.index('')} of the rig has no name; "
                'give it one: Camera(..., name="A")'
            )
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"the rig's cameras must have unique names; given twice: {', '.join(twice)}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The cameras' names, in order."""
        return tuple(camera.name for camera in self.cameras)

    def __len__(self) -> int:
        """The number of cameras."""
        return len(self.cameras)

    def __iter__(self) -> Iterator[Camera]:
        """The cameras, in order."""
        return iter(self.cameras)

    def __getitem__(self, name: str) -> Camera:
        """The camera of that name; ValueError, with the names there are, where none has it."""
        if name not in self.names:
            near = get_close_matches(str(name), self.names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"the rig has no camera {name!r}, only {', '.join(map(repr, self.names))}{hint}"
            )
        return self.cameras[self.names.index(name)]

    @staticmethod
    def read(path: str | Path) -> "Rig":
        """The rig of a rig.json; ValueError where the file is not one."""
        cameras, uncertainty = read_rig(path)
        try:
            return Rig(cameras, uncertainty)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def write(self, path: str | Path) -> None:
        """Write the rig as rig.json, whole or not at all."""
        known = self.uncertainty
        write_cameras(path, self.cameras, None if known is None else uncertainty_entry(known))

    def triangulate(
        self,
        pixels: Num[Array, "view n 2"],
        distorted: bool = False,
        weights: Num[Array, "view n"] | None = None,
    ) -> Float[Tensor, "n 3"]:
        """World points (mm) of least weighted squared reprojection error.

        A pixel that was not seen is NaN, or has weight 0; a point seen in fewer than two views, or
        along one line only, comes out NaN. `weights` multiply the squared error (1 / sd_px^2).
        With `distorted`, pixels are the recorded images'; ValueError without a distortion map.
        """
        px = float64(pixels)
        if px.shape[0] != len(self):
            raise ValueError(
                f"pixels are of {px.shape[0]} views, the rig has {len(self)}: "
                f"{', '.join(self.names)}"
            )
        if distorted:
            px = torch.stack([c.undistorted(view) for c, view in zip(self, px, strict=True)])
        w = torch.ones_like(px[..., 0]) if weights is None else float64(weights)
        return triangulated(self.cameras, px, w)

    def epipolar_distance(self, pixels: Num[Array, "2 n 2"]) -> Float[Tensor, "n"]:
        """Root mean square, over both views, of a pixel's distance to its epipolar line, px."""
        if len(self) != 2:
            raise ValueError(f"an epipolar distance is between two views; the rig has {len(self)}")
        first, second = self.cameras
        second_from_first = second.cam_from_world @ first.cam_from_world.inverse()
        E = cross_matrix(second_from_first.t) @ second_from_first.R
        F = torch.linalg.inv(second.K).mT @ E @ torch.linalg.inv(first.K)
        a, b = torch.nn.functional.pad(float64(pixels), (0, 1), value=1.0)
        line_in_second, line_in_first = a @ F.mT, b @ F
        gap = (b * line_in_second).sum(-1)
        in_second = gap / line_in_second[:, :2].norm(dim=-1)
        in_first = gap / line_in_first[:, :2].norm(dim=-1)
        return ((in_first.square() + in_second.square()) / 2).sqrt()
