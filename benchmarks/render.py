"""Our renderers and others' in one run: milliseconds an image, and agreement with ITK-RTK.

    .venv/bin/pip install -c constraints.txt -e '.[bench]'
    .venv/bin/python benchmarks/render.py [CT] [--threads 2] [--grids 128 256 512x512x300] [--slow]

CT: any file that `Volume.read` takes; without one, the digital head. Each grid is rendered to as
many pixels as it has columns. Every pose is rendered by each program in turn; the time of a pose
is its best, the figure is the mean over the poses (45 degree ones included). `--slow` adds
render_torch, DiffDRR, nanodrr and plastimatch where they are installed, once each pose.
"""

import argparse
import time

import itk
import numpy as np
import render_peers
import torch
from itk import RTK as rtk

from calibration import Camera, Rigid
from drr.projector import Projector
from drr.torch_renderer import render_torch
from drr.volume import Volume

MU_WATER_PER_MM = 0.02
SOURCE_TO_HEAD_MM, FIELD = 750.0, 1.0  # the field, in sides of the volume
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    itk.MultiThreaderBase.SetGlobalMaximumNumberOfThreads(arguments.threads)
    itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(arguments.threads)
    volume = read(arguments.ct)
    print(f"{volume.shape} voxels of {volume.spacing_mm.round(2)} mm, {arguments.threads} threads")
    print(
        "volume, image             program              ms  RTK/ms   RMS %  p99.9 % of RTK's mean"
    )
    for grid in arguments.grids:
        shape = [int(n) for n in grid.split("x")]
        measure(on_grid(volume, shape * 3 if len(shape) == 1 else shape), arguments)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ct", nargs="?")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--grids", nargs="+", default=["128", "256"])
    parser.add_argument("--slow", action="store_true", help="the slow programs too")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def read(path):
    if path is None:
        from drr.digital_head import digital_head

        return digital_head(seed=0)[0]
    return Volume.read(path)


def on_grid(volume, shape):
    """The volume on a grid of so many voxels around its middle, in a rim of air.

    At a volume's own edge the programs differ by half a voxel, which is not what is compared here.
    """
    from scipy.ndimage import affine_transform

    extent_mm = volume.spacing_mm * volume.shape
    side_mm = np.array([extent_mm[:2].max()] * 2 + [extent_mm[2]])
    if len(set(shape)) == 1:
        side_mm[:] = side_mm.max()
    spacing_mm = side_mm / (np.array(shape) - 4)
    axes = volume.ct_from_voxel[:3, :3] / volume.spacing_mm * spacing_mm
    ct_from_voxel = np.eye(4)
    ct_from_voxel[:3, :3] = axes
    ct_from_voxel[:3, 3] = volume.center_ct - axes @ ((np.array(shape) - 1) / 2)
    old_from_new = np.linalg.inv(volume.ct_from_voxel) @ ct_from_voxel
    data = volume.data_hu.astype(np.float32)
    data = affine_transform(data, old_from_new, output_shape=tuple(shape), order=1, cval=-1000)
    return Volume(np.rint(data).astype(np.int16), ct_from_voxel)


def poses(volume):
    """cam_from_ct, twelve: along the axes, at 45 degrees, and anywhere."""
    generator = np.random.default_rng(0)
    angles_deg = [(0, 0, 0), (90, 0, 0), (45, 0, 0), (45, 35.26, 0), (10, 80, 0)]
    while len(angles_deg) < 12:
        angles_deg.append(generator.uniform((-180, -40, -40), (180, 40, 40)))
    upright = torch.tensor([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64)
    ahead = torch.tensor([0, 0, SOURCE_TO_HEAD_MM], dtype=torch.float64)
    for azimuth, tilt, roll in np.radians(angles_deg):
        turns = [torch.tensor(w) for w in ((0, 0, roll), (tilt, 0, 0), (0, 0, azimuth))]
        roll, tilt, azimuth = (Rigid.exp(torch.cat([torch.zeros(3), w]).double()).R for w in turns)
        R = roll @ upright @ tilt @ azimuth
        yield Rigid(R, ahead - R @ torch.from_numpy(volume.center_ct)).matrix()


def measure(volume, arguments):
    size = volume.shape[0]
    side_mm = FIELD * volume.spacing_mm[0] * size
    focal_px = SOURCE_TO_HEAD_MM * size / side_mm
    middle = (size - 1) / 2
    K = torch.tensor([[focal_px, 0, middle], [0, focal_px, middle], [0, 0, 1]]).double()
    camera = Camera(K, Rigid.from_matrix(torch.eye(4).double()), size, size)
    projector = Projector(volume, MU_WATER_PER_MM)
    attenuation = itk_volume(volume)
    programs = {
        "ITK-RTK Joseph": lambda pose: rtk_joseph(attenuation, camera, pose),
        "render": lambda pose: projector.render(K, size, size, pose),
        "render + Jacobian": lambda pose: projector.render_with_jacobian(K, size, size, pose)[0],
    }
    fast = set(programs)
    if arguments.slow:
        programs["render_torch"] = lambda pose: render_torch(volume, camera, pose)
        sid_mm = 2 * SOURCE_TO_HEAD_MM
        programs |= render_peers.installed(MU_WATER_PER_MM, volume, camera, sid_mm)
    best_s = {name: [] for name in programs}
    differences = {name: [] for name in programs}
    for pose in poses(volume):
        images = {name: np.asarray(program(pose)) for name, program in programs.items()}
        reference = images["ITK-RTK Joseph"]
        for name, image in images.items():
            differences[name].append((image - reference) / reference.mean())
        seconds = {name: [] for name in programs}
        for n in range(arguments.rounds):
            for name, program in programs.items():
                if n == 0 or name in fast:
                    start = time.perf_counter()
                    program(pose)
                    seconds[name].append(time.perf_counter() - start)
        for name in programs:
            best_s[name].append(min(seconds[name]))
    scene = f"{'x'.join(str(n) for n in volume.shape)} to {size}^2"
    reference_ms = 1000 * np.mean(best_s["ITK-RTK Joseph"])
    for name in programs:
        ms = 1000 * np.mean(best_s[name])
        off = 100 * np.abs(differences[name])
        rms, worst = np.sqrt(np.mean(off**2)), np.percentile(off, 99.9)
        print(f"{scene:24}  {name:17} {ms:9.2f} {reference_ms / ms:6.2f} {rms:7.3f} {worst:8.3f}")
    if arguments.slow:
        peer = (volume, size, SOURCE_TO_HEAD_MM, side_mm, arguments.threads)
        if seconds := render_peers.plastimatch_seconds(MU_WATER_PER_MM, *peer):
            ratio = reference_ms / (1000 * seconds)
            print(f"{scene:24}  {'plastimatch exact':17} {1000 * seconds:9.2f} {ratio:6.2f}")


def itk_volume(volume):
    """Attenuation (1/mm) as RTK takes it: LPS, (k, j, i)."""
    mu = MU_WATER_PER_MM * np.maximum(0, 1 + volume.data_hu.astype(np.float32) / 1000)
    image = itk.image_from_array(np.ascontiguousarray(mu.transpose(2, 1, 0)))
    lps_from_voxel = LPS_FROM_RAS @ volume.ct_from_voxel
    image.SetOrigin(lps_from_voxel[:3, 3].tolist())
    image.SetSpacing(volume.spacing_mm.tolist())
    image.SetDirection(itk.matrix_from_array(lps_from_voxel[:3, :3] / volume.spacing_mm))
    return image


def rtk_joseph(attenuation, camera, cam_from_ct):
    """The same image by RTK, whose detector has rows upwards and a place in the CT's LPS frame."""
    ct_from_cam = LPS_FROM_RAS @ np.linalg.inv(cam_from_ct.numpy())
    K = camera.K.numpy()
    sid_mm = 2 * SOURCE_TO_HEAD_MM
    pixel_mm = sid_mm / K[0, 0]
    corner = ct_from_cam @ [0, 0, sid_mm, 1]  # where the optical axis meets the detector
    geometry = rtk.ThreeDCircularProjectionGeometry.New()
    row, column = ct_from_cam[:3, 0], -ct_from_cam[:3, 1]
    points = [itk.Point[itk.D, 3](x[:3].tolist()) for x in (ct_from_cam[:, 3], corner)]
    vectors = [itk.Vector[itk.D, 3](x.tolist()) for x in (row, column)]
    if not geometry.AddProjection(*points, *vectors):
        raise ValueError("RTK refuses this camera")
    empty = np.zeros((1, camera.height, camera.width), np.float32)
    detector = itk.image_from_array(empty)
    bottom = camera.height - 1 - K[1, 2]
    detector.SetOrigin([-K[0, 2] * pixel_mm, -bottom * pixel_mm, 0.0])
    detector.SetSpacing([pixel_mm, pixel_mm, 1.0])
    image_type = type(attenuation)
    joseph = rtk.JosephForwardProjectionImageFilter[image_type, image_type].New()
    joseph.SetGeometry(geometry)
    joseph.SetInput(0, detector)
    joseph.SetInput(1, attenuation)
    joseph.Update()
    return itk.array_view_from_image(joseph.GetOutput())[0, ::-1].copy()


if __name__ == "__main__":
    main()
