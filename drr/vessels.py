"""A tree of arteries filled with contrast medium: grown inside a mask, painted into a CT.

The tree reaches for points spread in the mask (space colonisation: Runions, Lane and
Prusinkiewicz 2007, "Modeling trees with a space colonization algorithm", section 3): every step,
each point pulls at the tip nearest to it, and is gone when a tip comes near. It looks like
arteries, and is no one's anatomy. Radii obey Murray's law, r^3 = sum of the branches' r^3.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from .volume import moved

Mask = Bool[np.ndarray, "i j k"]
DEFLECTIONS = (0.0, 0.5, 1.5, 4.0)  # how much of the way inward is added where a wall is near
STEPS_AT_MOST = 2000
SMOOTHINGS = 4
WINDING = 0.8  # correlation of a branch's sway from one step to the next


@dataclass(frozen=True)
class VesselGrowth:
    """How a tree is grown.

    Args:
        reached: points that the tree reaches for; there are somewhat fewer ends of branches.
        step_mm: length of a segment.
        near_mm: a point is reached from so near.
        root_radius_mm: of each root; an internal carotid has some 2.3 mm, a vertebral 1.7 mm.
        murray: exponent of the law of radii; 3 for laminar flow at least work (Murray 1926).
        straightness: weight of a branch's last direction against the pull of the points.
        wander: slow winding of each branch to its sides, as a share of its direction.
    """

    reached: int = 700
    step_mm: float | int = 2.0
    near_mm: float | int = 5.0
    root_radius_mm: float | int = 2.3
    murray: float | int = 3.0
    straightness: float | int = 0.6
    wander: float | int = 0.9

    def __post_init__(self) -> None:
        """ValueError where a length is none."""
        for name in ("reached", "step_mm", "near_mm", "root_radius_mm", "murray"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class VesselTree:
    """Straight pieces of vessel, each after the one that feeds it; parent -1 is a root."""

    starts_ct: Float[np.ndarray, "segment 3"]
    ends_ct: Float[np.ndarray, "segment 3"]
    radii_mm: Float[np.ndarray, "segment"]
    parents: Int[np.ndarray, "segment"]

    @property
    def volume_mm3(self) -> float:
        """Of all cylinders together."""
        lengths = np.linalg.norm(self.ends_ct - self.starts_ct, axis=1)
        return float((np.pi * self.radii_mm**2 * lengths).sum())


def grow_vessels(
    inside: Mask,
    ct_from_voxel: Float[np.ndarray, "4 4"],
    roots_ct: Float[np.ndarray, "root 3"],
    seed: int,
    growth: VesselGrowth = VesselGrowth(),
    ends_inside: Mask | None = None,
) -> VesselTree:
    """A tree from each root; the middle of every vessel stays in the mask.

    Args:
        inside: where vessels may be, the brain and a way to it through the neck, say.
        ct_from_voxel: of the mask.
        ends_inside: where they are to go, a part of the mask; without it, everywhere.

    Raises:
        ValueError: a root is outside of the mask, or there is nowhere to go.
    """
    aims = inside if ends_inside is None else inside & ends_inside
    if not aims.any():
        raise ValueError("the mask where vessels should grow is empty")
    space = _Space(inside, np.linalg.inv(ct_from_voxel))
    outside = ~_is_inside(roots_ct, space)
    if outside.any():
        raise ValueError(f"root {roots_ct[outside][0]} is outside of the vessels' mask")
    rng = np.random.default_rng(seed)
    candidates = np.flatnonzero(aims)
    drawn = np.unravel_index(rng.choice(candidates, size=growth.reached), aims.shape)
    voxels = np.stack(drawn, axis=-1) + rng.uniform(-0.5, 0.5, size=(growth.reached, 3))
    points = moved(ct_from_voxel, voxels)
    nodes, parents = _colonised(roots_ct.astype(float), points, space, growth, rng)
    radii = _murray_radii(parents, len(roots_ct), growth)
    nodes = _smoothed(nodes, parents, radii, space)
    grown = np.arange(len(roots_ct), len(nodes))
    segment_of = np.full(len(nodes), -1)
    segment_of[grown] = np.arange(len(grown))
    up = parents[grown]
    return VesselTree(nodes[up], nodes[grown], radii[grown], segment_of[up])


def _colonised(
    roots: np.ndarray, points: np.ndarray, space: "_Space", growth: VesselGrowth, rng
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (n, 3) in ct mm and their parents (n,), -1 for roots."""
    nodes, parents = roots, np.full(len(roots), -1)
    directions, sway = np.zeros_like(nodes), np.zeros_like(nodes)
    alive = np.ones(len(nodes), bool)
    distance, owner = _nearest(nodes, points)
    for _ in range(STEPS_AT_MOST):
        left = distance > growth.near_mm
        points, distance, owner = points[left], distance[left], owner[left]
        if not len(points) or not alive.any():
            break
        tips, pulled = np.unique(owner, return_inverse=True)
        pull = np.zeros((len(tips), 3))
        np.add.at(pull, pulled, (points - nodes[owner]) / distance[:, None])
        pull = _unit(pull) + growth.straightness * directions[tips]
        swayed = (
            WINDING * sway[tips]
            + (1 - WINDING**2) ** 0.5 * rng.standard_normal(pull.shape) / 3**0.5
        )
        pull = _unit(_unit(pull) + growth.wander * swayed)
        ways, free = _free_ways(nodes[tips], pull, space, growth.step_mm)
        new = nodes[tips] + growth.step_mm * ways
        nearer = np.linalg.norm(points - new[pulled], axis=1) < distance
        free &= np.bincount(pulled, nearer, minlength=len(tips)) > 0  # or it would go to and fro
        alive[tips[~free]] = False
        first = len(nodes)
        nodes, directions = np.vstack([nodes, new[free]]), np.vstack([directions, ways[free]])
        sway = np.vstack([sway, swayed[free]])
        parents = np.concatenate([parents, tips[free]])
        alive = np.concatenate([alive, np.ones(free.sum(), bool)])
        if free.any():
            now, whose = _nearest(nodes[first:], points)
            closer = now < distance
            distance[closer], owner[closer] = now[closer], whose[closer] + first
        lost = ~alive[owner]
        if lost.any() and alive.any():
            living = np.flatnonzero(alive)
            distance[lost], whose = _nearest(nodes[living], points[lost])
            owner[lost] = living[whose]
    return nodes, parents


def _nearest(nodes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance from each point (n,) to its nearest node, and which that is."""
    distance, which = KDTree(nodes).query(points)
    return np.asarray(distance), np.asarray(which)


def _free_ways(
    starts: np.ndarray, pull: np.ndarray, space: "_Space", step_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Directions (n, 3) along the pull, turned inward where it leaves the mask; which are free."""
    ways, free = pull.copy(), np.zeros(len(starts), bool)
    for deflection in DEFLECTIONS:
        blocked = np.flatnonzero(~free)
        if not len(blocked):
            break
        tried = pull[blocked]
        if deflection > 0:
            tried = _unit(tried + deflection * _inward(starts[blocked], space, 2 * step_mm))
        steps = step_mm * np.linspace(0.25, 1, 4)[:, None]
        clear = _is_inside(starts[blocked, None] + steps * tried[:, None], space).all(axis=1)
        ways[blocked[clear]], free[blocked[clear]] = tried[clear], True
    return ways, free


def _inward(starts: np.ndarray, space: "_Space", reach_mm: float) -> np.ndarray:
    """Unit vectors (n, 3) to where most of the mask is, within reach."""
    around = np.stack(np.meshgrid(*[[-1.0, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    around = reach_mm * _unit(np.delete(around, 13, axis=0))
    around = np.concatenate([around / 2, around])
    return _unit(_is_inside(starts[:, None] + around, space).astype(float) @ around)


def _murray_radii(parents: np.ndarray, roots: int, growth: VesselGrowth) -> np.ndarray:
    """Radius (n,) of the vessel that ends in each node, from the ends that it feeds."""
    fed = np.ones(len(parents))
    fed[np.unique(parents[parents >= 0])] = 0
    root_of = np.arange(len(parents))
    for node in range(len(parents) - 1, roots - 1, -1):  # parents come before their children
        fed[parents[node]] += fed[node]
    for node in range(roots, len(parents)):
        root_of[node] = root_of[parents[node]]
    return growth.root_radius_mm * (fed / fed[root_of]) ** (1 / growth.murray)


def _smoothed(
    nodes: np.ndarray, parents: np.ndarray, radii: np.ndarray, space: "_Space"
) -> np.ndarray:
    """Nodes drawn toward the middle of what lies before and after, along the widest vessel."""
    order = np.argsort(radii, kind="stable")  # the widest child of a node is written last
    order = order[parents[order] >= 0]
    after = np.full(len(nodes), -1)
    after[parents[order]] = order
    between = np.flatnonzero((parents >= 0) & (after >= 0))
    for _ in range(SMOOTHINGS):
        middle = (nodes[parents[between]] + nodes[after[between]]) / 2
        moved_to = (nodes[between] + middle) / 2
        kept = _is_inside(moved_to, space)
        nodes = nodes.copy()
        nodes[between[kept]] = moved_to[kept]
    return nodes


class _Space(NamedTuple):
    """Where vessels may be."""

    inside: np.ndarray
    voxel_from_ct: np.ndarray


def _is_inside(points_ct: np.ndarray, space: _Space) -> np.ndarray:
    """Whether the nearest voxel of each point is in the mask."""
    voxels = np.rint(moved(space.voxel_from_ct, points_ct)).astype(int)
    within = ((voxels >= 0) & (voxels < space.inside.shape)).all(axis=-1)
    found = np.zeros(within.shape, bool)
    found[within] = space.inside[tuple(voxels[within].T)]
    return found


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
