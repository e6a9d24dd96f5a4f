"""Whether this machine can draw 3D, with or without a display, found out without harm."""

import functools
import os
import subprocess
import sys
from ctypes.util import find_library

WINDOW = "VTK_DEFAULT_OPENGL_WINDOW"
PROBE = (
    "import pyvista; p = pyvista.Plotter(off_screen=True, window_size=[32, 32]); "
    "p.add_mesh(pyvista.Sphere()); p.screenshot()"
)
ADVICE = "install Mesa's software renderer (Debian, Ubuntu: libegl1 and libgl1-mesa-dri)"


def has_display() -> bool:
    """Whether a window can be opened; VTK ends the process where it cannot."""
    shown = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return sys.platform != "linux" or shown


@functools.cache
def can_draw() -> bool:
    """Draws in a process of its own: VTK ends the process where it finds no OpenGL."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY") and WINDOW not in os.environ:
        for library, window in (
            ("EGL", "vtkEGLRenderWindow"),
            ("OSMesa", "vtkOSOpenGLRenderWindow"),
        ):
            if find_library(library):
                os.environ[WINDOW] = window
                break
        else:
            return False
    try:
        drawn = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return drawn.returncode == 0
