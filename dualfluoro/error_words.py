"""What to say of an error, in one line."""


def said_of(error: BaseException) -> str:
    """The message of an error; of the system's own errors the file and the reason."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        name = error.filename2 or error.filename  # of a rename, the name that the user knows
        text = f"{name}: {error.strerror}" if name else error.strerror
    return " ".join(text.split())
