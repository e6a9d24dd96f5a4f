"""What is written on the room: the frame and how far it is to be trusted, a landmark, the keys."""

import numpy as np

from .scene import Scene, landmark_covariances, lens_states, pose_covariance

STATUS_COLORS = {"ok": "#009E73", "doubtful": "#E69F00", "lost": "#D55E00"}
MEANING = {"doubtful": "DOUBTFUL - a check failed, do not use as it is", "lost": "LOST - no pose"}
HELP = (
    "space play/pause   left/right step   Home/End   a, b source's eye   o room   "
    "k skin   m skin map   l landmarks   y rays   click a landmark   h keys   q quit"
)


def caption(scene: Scene, frame: int, picked: str | None) -> str:
    """The lines in the corner of the picture."""
    track, status = scene.track, scene.track.status[frame]
    lines = [f"frame {frame} of {len(track)}   {track.time_s[frame]:.3f} s   {status}"]
    if status != "ok":
        lines.append(MEANING[status])
    if track.flags[frame]:
        lines.append("flags: " + ", ".join(track.flags[frame]))
    sd = track.sd_rotation_deg[frame], track.sd_translation_mm[frame]
    if status != "lost" and np.isfinite(sd).all():
        lines.append(f"sd {sd[0]:.3f} deg, {sd[1]:.3f} mm")
    for name, lit in lens_states(scene, frame).items():
        if status != "lost" and lit is not None:
            side = name.removeprefix("lens_")
            lines.append(f"{side} lens: {'IN THE FIELD' if lit else 'outside'}")
    if picked is not None:
        lines += ["", *landmark_lines(scene, frame, picked)]
    return "\n".join(lines)


def landmark_lines(scene: Scene, frame: int, name: str) -> list[str]:
    """The numbers of one landmark in one frame."""
    point_ct = scene.landmarks_ct[name]
    lines = [name, f"ct {_numbers(point_ct)} mm"]
    if scene.track.status[frame] == "lost":
        return lines
    world = (scene.track.world_from_ct[frame] @ point_ct).numpy()
    lines.append(f"world {_numbers(world)} mm")
    if np.isfinite(pose_covariance(scene, frame)).all():
        index = list(scene.landmarks_ct).index(name)
        sd = np.sqrt(np.diagonal(landmark_covariances(scene, frame)[index]))
        lines.append(f"sd {_numbers(sd, 3)} mm")
    for camera in scene.rig:
        lines.append(f"{camera.name} {_numbers(camera.project(world).numpy())} px")
    return lines


def _numbers(values: np.ndarray, digits: int = 1) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values.tolist())
