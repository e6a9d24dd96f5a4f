"""How much of a camera's distortion a foreign file can hold: OpenCV's lens terms, or none."""

import warnings

from .camera import Camera


def lens_terms(camera: Camera, kind: str, most: int) -> list[float]:
    """OpenCV's terms (k1 k2 p1 p2 k3 ...), at most that many; none without a lens.

    Warns where the distortion is a grid's map, which is left out: the file then belongs to
    undistorted images, as XMALab's does. ValueError where there are more terms.
    """
    if camera.distortion is None:
        return []
    if camera.distortion["model"] != "opencv" or most == 0:
        held = "holds no distortion" if most == 0 else "holds no distortion map, only lens terms"
        warnings.warn(
            f"camera {camera.name!r}: {kind} {held}; it was left out: undistort the images",
            stacklevel=4,
        )
        return []
    terms = camera.distortion["coefficients"]
    if any(terms[most:]):
        raise ValueError(
            f"camera {camera.name!r} has {len(terms)} lens terms; {kind} has room for {most}"
        )
    return [float(term) for term in terms[:most]]
