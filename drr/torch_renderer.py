"""Radiographs by torch alone, on any device, many poses at once, with a gradient to the poses.

The same image as `render`, straight from its definition (Joseph): each ray is sampled bilinearly
in the slices of the voxel axis that it is most parallel to. It is the check on the fast renderer.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from calibration import Camera

from .volume import Volume

SAMPLES_AT_ONCE = 2**22  # bounds the memory, to some 100 MB where no gradient is kept


class Attenuation(NamedTuple):
    """A volume as torch renders it, on its device; made once for many calls."""

    mu_per_mm: Float[Tensor, "i j k"]
    ct_from_voxel: Float[Tensor, "4 4"]

    @classmethod
    def of(
        cls, volume: Volume, mu_water_per_mm: float = 0.02, device: str | torch.device = "cpu"
    ) -> "Attenuation":
        """mu_water_per_mm * max(0, 1 + HU / 1000), float32."""
        data_hu = torch.as_tensor(np.asarray(volume.data_hu, np.float32), device=device)
        mu = mu_water_per_mm * (1 + data_hu / 1000).clamp(min=0)
        return cls(mu, torch.as_tensor(volume.ct_from_voxel, dtype=torch.float64, device=device))


def render_torch(
    volume: Volume | Attenuation,
    camera: Camera,
    cam_from_ct: Float[Tensor, "*pose 4 4"],
    mu_water_per_mm: float = 0.02,
) -> Float[Tensor, "*pose height width"]:
    """Line integrals, dimensionless, float32, on the device of `cam_from_ct`."""
    options = {"dtype": torch.float64, "device": cam_from_ct.device}
    if isinstance(volume, Volume):
        volume = Attenuation.of(volume, mu_water_per_mm, cam_from_ct.device)
    cam_from_voxel = cam_from_ct.double().reshape(-1, 4, 4) @ volume.ct_from_voxel
    voxel_from_cam = torch.linalg.inv(cam_from_voxel[:, :3, :3])
    sources = -(voxel_from_cam @ cam_from_voxel[:, :3, 3:])[..., 0]
    v, u = torch.meshgrid(
        torch.arange(camera.height, **options), torch.arange(camera.width, **options), indexing="ij"
    )
    pixels = torch.stack([u, v, torch.ones_like(u)]).reshape(3, -1)
    cam_from_pixel = torch.linalg.inv(torch.as_tensor(camera.K, **options))
    directions = (voxel_from_cam @ (cam_from_pixel @ pixels)).mT.reshape(-1, 3)  # voxels
    pose = torch.arange(len(sources), device=cam_from_ct.device).repeat_interleave(len(pixels[0]))

    principal = directions.detach().abs().argmax(dim=1)
    image = torch.zeros(len(directions), dtype=torch.float32, device=cam_from_ct.device)
    for axis in range(3):
        chosen = torch.nonzero(principal == axis)[:, 0]
        if len(chosen):
            order = [other for other in range(3) if other != axis] + [axis]
            slices = volume.mu_per_mm.permute(order[2], order[0], order[1])
            rays, which = directions[chosen], pose[chosen]
            values = _along_axis(slices, sources[which][:, order], rays[:, order])
            steps = (rays / rays[:, axis, None])[:, None]
            steps_mm = (steps @ cam_from_voxel[which][:, :3, :3].mT)[:, 0]
            image = image.index_copy(0, chosen, values * torch.linalg.norm(steps_mm, dim=1).float())
    return image.reshape(*cam_from_ct.shape[:-2], camera.height, camera.width)


def _along_axis(
    slices: Float[Tensor, "c b a"], sources: Float[Tensor, "ray 3"], rays: Float[Tensor, "ray 3"]
) -> Float[Tensor, " ray"]:
    """Sums over the slices in front of the source; sources and rays in the axis order b, a, c."""
    total = torch.zeros(len(rays), dtype=torch.float32, device=rays.device)
    count = slices.new_tensor([slices.shape[2], slices.shape[1]], dtype=torch.float64)
    slopes = (rays[:, :2] / rays[:, 2:]).flip(1)  # as (a, b), the order of grid_sample
    forwards = torch.sign(rays[:, 2])
    for chunk in torch.arange(len(slices), device=rays.device).split(
        max(1, SAMPLES_AT_ONCE // len(rays))
    ):
        depth = chunk[:, None] - sources[:, 2]
        points = sources[:, :2].flip(1) + depth[..., None] * slopes  # (slice, ray, 2)
        grid = ((2 * points + 1) / count - 1).float()[:, None]
        values = grid_sample(slices[chunk][:, None], grid, align_corners=False)[:, 0, 0]
        total = total + (values * (depth * forwards > 0)).sum(dim=0)
    return total
