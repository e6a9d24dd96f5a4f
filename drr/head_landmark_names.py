"""The 55 named landmarks of a head, by group; docs/landmarks.md says what each one is.

A pair is named once here, without `_left` and `_right`.
"""

GROUPS: dict[str, tuple[str, ...]] = {
    "vault": ("glabella", "bregma", "vertex", "lambda", "opisthocranion", "inion"),
    "vault pairs": ("euryon", "pterion", "asterion"),
    "base": ("basion", "opisthion", "sella", "dorsum_sellae"),
    "base pairs": ("porion", "mastoid_tip", "internal_acoustic"),
    "face": (
        "nasion",
        "rhinion",
        "anterior_nasal_spine",
        "posterior_nasal_spine",
        "subspinale",
        "prosthion",
        "incision_superius",
    ),
    "face pairs": ("zygion", "zygomaxillare"),
    "orbit pairs": ("orbitale", "frontozygomatic", "maxillofrontale", "eye", "lens"),
    "mandible": (
        "incision_inferius",
        "infradentale",
        "supramentale",
        "pogonion",
        "gnathion",
        "menton",
    ),
    "mandible pairs": ("gonion", "condylion", "coronion"),
}


def names_in(group: str) -> list[str]:
    """The full names of a group's landmarks."""
    names = GROUPS[group]
    if not group.endswith(" pairs"):
        return list(names)
    return [f"{name}_{side}" for name in names for side in ("left", "right")]


LANDMARK_NAMES: tuple[str, ...] = tuple(sorted(n for group in GROUPS for n in names_in(group)))
MANDIBLE_LANDMARKS = frozenset(names_in("mandible") + names_in("mandible pairs"))
"""They move with the jaw; all others are of one rigid body, the cranium (and the eyes in it)."""
