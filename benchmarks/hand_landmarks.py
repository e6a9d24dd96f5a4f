"""Landmarks of two real heads, placed by eye on their slices (1 mm grid); good to some 3 mm.

Midline points on a 6 mm slab about the middle, the others on 3 mm axial slabs; names and meanings
are those of docs/landmarks.md. What could not be seen (sutures, a vault that is cut off, the
phantom's eyes) is left out. RAS mm as the files place their voxels.
"""

HAND: dict[str, dict[str, tuple[float, float, float]]] = {
    "imagex_phantom": {
        "glabella": (-4, 287, 463),
        "nasion": (-4, 284, 443),
        "rhinion": (-4, 298, 429),
        "anterior_nasal_spine": (-4, 300, 393),
        "posterior_nasal_spine": (-4, 250, 391),
        "incision_superius": (-4, 305, 371),
        "incision_inferius": (-4, 300, 371),
        "pogonion": (-4, 298, 341),
        "menton": (-4, 291, 331),
        "basion": (-4, 202, 380),
        "opisthion": (-4, 167, 366),
        "sella": (-4, 222, 426),
        "dorsum_sellae": (-4, 211, 431),
        "opisthocranion": (-4, 108, 440),
        "zygion_left": (-71, 243, 404),
        "zygion_right": (63, 243, 404),
        "condylion_left": (-58, 212, 400),
        "condylion_right": (52, 212, 400),
        "gonion_left": (-50, 228, 350),
        "gonion_right": (45, 228, 350),
    },
    "vtk_fullhead": {
        "anterior_nasal_spine": (-117, -57, -64),
        "posterior_nasal_spine": (-117, -97, -59),
        "incision_superius": (-117, -52, -97),
        "incision_inferius": (-117, -59, -102),
        "pogonion": (-117, -74, -127),
        "menton": (-117, -86, -133),
        "basion": (-117, -142, -45),
        "opisthion": (-117, -181, -43),
        "sella": (-117, -103, -17),
        "dorsum_sellae": (-117, -111, -11),
        "zygion_left": (-184, -88, -48),
        "zygion_right": (-50, -86, -48),
        "condylion_left": (-174, -126, -33),
        "condylion_right": (-67, -126, -33),
        "gonion_left": (-166, -122, -96),
        "gonion_right": (-70, -121, -96),
        "eye_left": (-152, -52, -24),
        "eye_right": (-80, -52, -24),
        "lens_left": (-152, -43, -24),
        "lens_right": (-80, -43, -24),
    },
}
