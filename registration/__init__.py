"""Poses of the head from landmarks and radiographs of all views; tracks, and their errors."""

from .evaluate import evaluate, pose_errors
from .hypotheses import ChosenPose, solve_ambiguous_pose
from .pose_solve import PoseEstimate, solve_pose
from .track import Track, at_frames, track_of_poses
from .track_file import read_track, write_track, write_truth
from .twist import distance_between, moved_rigid, sd_of, twist_between

__all__ = [
    "ChosenPose",
    "PoseEstimate",
    "Track",
    "at_frames",
    "distance_between",
    "evaluate",
    "moved_rigid",
    "pose_errors",
    "read_track",
    "sd_of",
    "solve_ambiguous_pose",
    "solve_pose",
    "track_of_poses",
    "twist_between",
    "write_track",
    "write_truth",
]
