"""Landmarks of the skull: which they are, and the network that finds them in a radiograph."""

from .detector import Detections, Detector, ct_fingerprint
from .landmark_choice import spread_landmarks
from .landmark_files import read_landmark_deviations, read_landmarks, write_landmarks
from .network import LandmarkNetwork, Shape
from .train_detector import train_detector
from .training import TrainingConfig, train_network
from .views import ViewRange

__all__ = [
    "Detections",
    "Detector",
    "LandmarkNetwork",
    "Shape",
    "TrainingConfig",
    "ViewRange",
    "ct_fingerprint",
    "read_landmark_deviations",
    "read_landmarks",
    "spread_landmarks",
    "train_detector",
    "train_network",
    "write_landmarks",
]
