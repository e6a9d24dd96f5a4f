import numpy as np
import pytest
import torch

from calibration import Camera, Rigid
from drr.projector import Projector
from drr.torch_renderer import Attenuation, render_torch
from drr.volume import Volume

MU = 0.02  # water, 1/mm


def camera(size=24, focal_px=150.0):
    center = (size - 1) / 2
    K = torch.tensor([[focal_px, 0, center], [0, focal_px, center], [0, 0, 1]]).double()
    return Camera(K, Rigid.from_matrix(torch.eye(4, dtype=torch.float64)), size, size)


def bump():
    """A smooth bump, on a left-handed grid of unequal spacing."""
    shape = (60, 56, 50)
    grid = np.stack(np.meshgrid(*[np.arange(n) / (n - 1) for n in shape], indexing="ij"), -1)
    density = np.maximum(0, 1 - ((grid - 0.5) ** 2).sum(-1) / 0.49**2) ** 3
    return Volume((1000 * density - 1000).astype(np.float32), np.diag([-1.0, 1.1, 1.2, 1.0]))


def ahead(volume, turn_rad=(0.4, 0.3, 0.2), distance_mm=400.0):
    """cam_from_ct with the volume's middle a little off the optical axis."""
    turn = Rigid.exp(torch.tensor([0, 0, 0, *turn_rad], dtype=torch.float64)).R
    place = torch.tensor([5.0, -3.0, distance_mm], dtype=torch.float64)
    return Rigid(turn, place - turn @ torch.from_numpy(volume.center_ct)).matrix()


def test_a_ray_along_an_axis_counts_every_voxel_once():
    volume = Volume(np.zeros((9, 7, 5), np.int16), np.diag([1.0, 2.0, 3.0, 1.0]))
    cam_from_ct = ahead(volume, (0, 0, 0))
    cam_from_ct[:2, 3] = -torch.from_numpy(volume.center_ct)[:2]
    image = render_torch(volume, camera(1), cam_from_ct)
    assert image.dtype == torch.float32 and image.shape == (1, 1)
    assert image.item() == pytest.approx(MU * 15, rel=1e-5)


def test_a_pencil_of_water_has_its_length_over_the_cosine():
    volume = Volume(np.zeros((400, 3, 400), np.int16), np.eye(4))  # a slab 3 mm thick
    upright = torch.tensor([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64)
    for slope in (0.0, 0.5, 0.9):  # of the ray, against the slab's normal
        twist = torch.tensor([0, 0, 0, 0, 0, np.arctan(slope)], dtype=torch.float64)
        R = upright @ Rigid.exp(twist).R
        t = R.new_tensor([0, 0, 50]) - R @ torch.from_numpy(volume.center_ct)
        image = render_torch(volume, camera(1), Rigid(R, t).matrix())
        assert image.item() == pytest.approx(MU * 3 * np.hypot(1, slope), rel=1e-5)


def test_a_volume_behind_the_source_gives_zeros():
    volume = bump()
    assert not render_torch(volume, camera(), ahead(volume, distance_mm=-400.0)).any()


def test_the_gradient_equals_central_differences():
    volume = bump()
    weights = torch.linspace(0, 1, 24)[:, None] * torch.linspace(1, 2, 24)
    cam_from_ct = ahead(volume)

    def score(twist):
        return (
            weights * render_torch(volume, camera(), Rigid.exp(twist).matrix() @ cam_from_ct)
        ).sum()

    twist = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(score(twist), twist)
    for parameter, step in enumerate([0.5] * 3 + [0.002] * 3):
        change = torch.zeros(6, dtype=torch.float64)
        change[parameter] = step
        expected = (score(change) - score(-change)) / (2 * step)
        scale = gradient[:3].abs().max() if parameter < 3 else gradient[3:].abs().max()
        assert abs(gradient[parameter] - expected) < 0.01 * scale


def test_the_gradient_equals_the_jacobian_of_the_fast_renderer():
    volume, view = bump(), camera()
    cam_from_ct = ahead(volume)
    weights = torch.linspace(0, 1, 24)[:, None] * torch.linspace(1, 2, 24)
    twist = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    image = render_torch(volume, view, Rigid.exp(twist).matrix() @ cam_from_ct)
    (gradient,) = torch.autograd.grad((weights * image).sum(), twist)
    fast, jacobian = Projector(volume).render_with_jacobian(view.K, 24, 24, cam_from_ct)
    expected = (weights * jacobian).sum(dim=(1, 2)).double()
    assert abs(fast - image).max() < 0.005 * image.max()
    for part in (slice(0, 3), slice(3, 6)):
        assert abs(gradient[part] - expected[part]).max() < 0.01 * expected[part].abs().max()


def test_many_poses_at_once_are_the_same_as_one_by_one():
    volume, view = bump(), camera()
    turns = [(0.4, 0.3, 0.2), (0.0, 0.0, 0.0), (1.5, 0.1, -0.7), (0.2, -1.4, 2.0)]
    poses = torch.stack([ahead(volume, turn) for turn in turns])
    together = render_torch(Attenuation.of(volume), view, poses)
    one_by_one = torch.stack([render_torch(volume, view, pose) for pose in poses])
    assert together.shape == (4, 24, 24)
    torch.testing.assert_close(together, one_by_one)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same_image():
    volume, view = bump(), camera()
    pose = ahead(volume)
    torch.testing.assert_close(
        render_torch(volume, view, pose.cuda()).cpu(), render_torch(volume, view, pose)
    )
