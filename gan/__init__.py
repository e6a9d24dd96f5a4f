"""Translating between the look of film and that of rendered radiographs (see the open issues)."""
