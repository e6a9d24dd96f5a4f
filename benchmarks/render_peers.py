"""DiffDRR, nanodrr and plastimatch as the benchmark of renderers calls them, where installed.

Each takes a volume, a camera and a source-to-detector distance, and gives a function from a pose
(cam_from_ct, 4 x 4 float64) to an image of line integrals.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

RAYS_AT_ONCE = 16384  # DiffDRR holds a row of crossings for each ray


def installed(mu_water_per_mm, volume, camera, sid_mm):
    """The peers that are there, by name."""
    found = {}
    if importlib.util.find_spec("nanodrr"):
        found["nanodrr 500"] = nanodrr(mu_water_per_mm, volume, camera, sid_mm)
    if importlib.util.find_spec("diffdrr"):
        found["DiffDRR Siddon"] = diffdrr(mu_water_per_mm, volume, camera, sid_mm)
    return found


def attenuation(mu_water_per_mm, volume):
    data = mu_water_per_mm * np.maximum(0, 1 + volume.data_hu.astype(np.float32) / 1000)
    return torch.from_numpy(data)


def rays(camera, cam_from_ct, sid_mm):
    """Source (3,) and detector points (pixel, 3) in ct, float32."""
    v, u = torch.meshgrid(
        torch.arange(camera.height).double(), torch.arange(camera.width).double(), indexing="ij"
    )
    points = sid_mm * torch.stack([u, v, torch.ones_like(u)], -1).reshape(-1, 3)
    points = points @ torch.linalg.inv(torch.as_tensor(camera.K)).T
    ct_from_cam = torch.linalg.inv(cam_from_ct)
    targets = points @ ct_from_cam[:3, :3].T + ct_from_cam[:3, 3]
    return ct_from_cam[:3, 3].float(), targets.float()


def nanodrr(mu_water_per_mm, volume, camera, sid_mm):
    """Its torch backend with its default of 500 samples a ray."""
    from nanodrr.data import Subject
    from nanodrr.drr import render

    mu = attenuation(mu_water_per_mm, volume).permute(2, 1, 0)[None, None].contiguous()
    affine = torch.from_numpy(volume.ct_from_voxel)
    grid = torch.eye(4)
    grid[:3, :3] = torch.diag(2 / torch.tensor(volume.shape))
    grid[:3, 3] = 1 / torch.tensor(volume.shape) - 1
    middle = torch.from_numpy(volume.center_ct).float()
    subject = Subject(
        mu,
        torch.zeros_like(mu),
        affine.float(),
        torch.linalg.inv(affine).float(),
        grid,
        middle,
        convert_to_mu=False,
    )
    K = torch.as_tensor(camera.K).clone()
    K[:2, 2] += 0.5  # its pixel (0, 0) is the corner
    k_inv = torch.linalg.inv(K).float()[None]
    sid = torch.tensor([sid_mm]).float()

    def draw(cam_from_ct):
        ct_from_cam = torch.linalg.inv(cam_from_ct).float()[None]
        with torch.no_grad():
            return render(subject, k_inv, ct_from_cam, sid, camera.height, camera.width)[0, 0]

    return draw


def diffdrr(mu_water_per_mm, volume, camera, sid_mm):
    """Its Siddon renderer."""
    from diffdrr.renderers import Siddon

    mu = attenuation(mu_water_per_mm, volume)
    voxel_from_ct = torch.linalg.inv(torch.from_numpy(volume.ct_from_voxel)).float()
    siddon = Siddon()

    def draw(cam_from_ct):
        source, targets = rays(camera, cam_from_ct, sid_mm)
        length = (targets - source).norm(dim=-1)[None, None]
        source = (voxel_from_ct[:3, :3] @ source + voxel_from_ct[:3, 3])[None, None]
        targets = (targets @ voxel_from_ct[:3, :3].T + voxel_from_ct[:3, 3])[None]
        with torch.no_grad():
            parts = zip(targets.split(RAYS_AT_ONCE, 1), length.split(RAYS_AT_ONCE, 2), strict=True)
            image = torch.cat([siddon(mu, source, t, n)[0, 0] for t, n in parts])
        return image.reshape(camera.height, camera.width)

    return draw


def plastimatch_seconds(mu_water_per_mm, volume, size, sad_mm, field_mm, threads, images=12):
    """Seconds an image of its exact tracer, or None: a run of 1 + `images` less a run of one.

    It reads the volume each time, which the difference takes out. It turns about the head in its
    own orbit, 45 degrees included; its images are not compared.
    """
    program = shutil.which("plastimatch")
    if program is None:
        return None
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mu.mha"
        mu = attenuation(mu_water_per_mm, volume).numpy()
        image = sitk.GetImageFromArray(np.ascontiguousarray(mu.transpose(2, 1, 0)))
        image.SetSpacing(volume.spacing_mm.tolist())
        middle = (np.array(volume.shape) - 1) / 2 * volume.spacing_mm
        image.SetOrigin((-middle).tolist())
        sitk.WriteImage(image, path)
        call = f"{program} drr -i exact -P none -t pfm -A cpu -N 15 --sad {sad_mm} "
        call += f"--sid {2 * sad_mm} -z '{2 * field_mm} {2 * field_mm}' -r '{size} {size}' "
        call += f"-c '{(size - 1) / 2} {(size - 1) / 2}' -o '0 0 0' -O {folder}/x_ {path} -a "
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        seconds = []
        for count in (1, 1 + images):
            start = time.perf_counter()
            done = subprocess.run(
                call + str(count), shell=True, env=environment, capture_output=True, check=False
            )
            seconds.append(time.perf_counter() - start)
            if done.returncode:
                return None
    return (seconds[1] - seconds[0]) / images
