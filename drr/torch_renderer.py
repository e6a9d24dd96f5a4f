"""Radiographs by torch alone: slow, on any device, with a gradient to the pose by autograd.

The same image as `render`, straight from its definition (Joseph): each ray is sampled bilinearly
in the slices of the voxel axis that it is most parallel to. It is the check on the fast renderer.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from calibration import Camera

from .volume import Volume

SAMPLES_AT_ONCE = 2**22  # bounds the memory, to some 100 MB where no gradient is kept


def render_torch(
    volume: Volume,
    camera: Camera,
    cam_from_ct: Float[Tensor, "4 4"],
    mu_water_per_mm: float = 0.02,
) -> Float[Tensor, "height width"]:
    """Line integrals, dimensionless, float32, on the device of `cam_from_ct`."""
    options = {"dtype": torch.float64, "device": cam_from_ct.device}
    cam_from_voxel = cam_from_ct.double() @ torch.as_tensor(volume.ct_from_voxel, **options)
    voxel_from_cam = torch.linalg.inv(cam_from_voxel[:3, :3])
    source = -voxel_from_cam @ cam_from_voxel[:3, 3]
    v, u = torch.meshgrid(
        torch.arange(camera.height, **options), torch.arange(camera.width, **options), indexing="ij"
    )
    pixels = torch.stack([u, v, torch.ones_like(u)], dim=-1).reshape(-1, 3)
    cam_from_pixel = torch.linalg.inv(torch.as_tensor(camera.K, **options))
    rays = pixels @ (voxel_from_cam @ cam_from_pixel).T  # voxels, (pixel, 3)

    mu = torch.as_tensor(np.asarray(volume.data_hu, np.float32), device=cam_from_ct.device)
    mu = mu_water_per_mm * (1 + mu / 1000).clamp(min=0)
    principal = rays.detach().abs().argmax(dim=1)
    image = torch.zeros(len(rays), dtype=torch.float32, device=cam_from_ct.device)
    for axis in range(3):
        chosen = torch.nonzero(principal == axis)[:, 0]
        if len(chosen):
            order = [other for other in range(3) if other != axis] + [axis]
            slices = mu.permute(order[2], order[0], order[1])
            values = _along_axis(slices, source[order], rays[chosen][:, order])
            steps = rays[chosen] / rays[chosen, axis, None]
            mm_per_slice = torch.linalg.norm(steps @ cam_from_voxel[:3, :3].T, dim=1)
            image = image.index_copy(0, chosen, values * mm_per_slice.float())
    return image.reshape(camera.height, camera.width)


def _along_axis(
    slices: Float[Tensor, "c b a"], source: Float[Tensor, "3"], rays: Float[Tensor, "ray 3"]
) -> Float[Tensor, " ray"]:
    """Sums over the slices in front of the source; source and rays in the axis order b, a, c."""
    total = torch.zeros(len(rays), dtype=torch.float32, device=rays.device)
    count = slices.new_tensor([slices.shape[2], slices.shape[1]], dtype=torch.float64)
    slopes = (rays[:, :2] / rays[:, 2:]).flip(1)  # as (a, b), the order of grid_sample
    forwards = torch.sign(rays[:, 2])
    for chunk in torch.arange(len(slices), device=rays.device).split(
        max(1, SAMPLES_AT_ONCE // len(rays))
    ):
        depth = chunk[:, None] - source[2]
        points = source[:2].flip(0) + depth[..., None] * slopes  # (slice, ray, 2)
        grid = ((2 * points + 1) / count - 1).float()[:, None]
        values = grid_sample(slices[chunk][:, None], grid, align_corners=False)[:, 0, 0]
        total = total + (values * (depth * forwards > 0)).sum(dim=0)
    return total
