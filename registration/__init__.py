"""Poses of the head from landmarks and radiographs of all views; tracks, and their errors."""

from .evaluate import evaluate, pose_errors
from .frame_pose import FramePose, Moment, Subject, TrackingConfig, locate
from .head_model import HeadModel, head_model
from .hypotheses import ChosenPose, solve_ambiguous_pose
from .pose_solve import PoseEstimate, solve_pose
from .radiograph import Radiograph, radiograph
from .refine_pose import RefinedPose, refine_pose
from .smoother import Motion, smoothed, smoothed_track
from .track import Track, at_frames, track_of_poses
from .track_file import read_track, write_track, write_truth
from .tracking import track_frames
from .twist import distance_between, moved_rigid, sd_of, twist_between

__all__ = [
    "ChosenPose",
    "FramePose",
    "HeadModel",
    "Moment",
    "Motion",
    "PoseEstimate",
    "Radiograph",
    "RefinedPose",
    "Subject",
    "Track",
    "TrackingConfig",
    "at_frames",
    "distance_between",
    "evaluate",
    "head_model",
    "locate",
    "moved_rigid",
    "pose_errors",
    "radiograph",
    "read_track",
    "refine_pose",
    "sd_of",
    "smoothed",
    "smoothed_track",
    "solve_ambiguous_pose",
    "solve_pose",
    "track_frames",
    "track_of_poses",
    "twist_between",
    "write_track",
    "write_truth",
]
