"""Two pictures over each other with a slider between them, as part of a page."""

import base64
from html import escape


def wipe(under: bytes, over: bytes, caption: str, names: tuple[str, str]) -> str:
    """Two WebP pictures of one size: `over` lies in squares, or right of a line that can be moved.

    The page brings report_wipe.css and report_wipe.js; without a script, and on paper, the squares
    stay.
    """
    images = [
        f'<img alt="{escape(name, quote=True)}" src="data:image/webp;base64,'
        f'{base64.b64encode(data).decode("ascii")}">'
        for name, data in zip(names, (under, over), strict=True)
    ]
    left, right = (escape(name) for name in names)
    return (
        f'<figure class="wipe squares"><div class="pair">{images[0]}<div class="over">{images[1]}'
        '</div><i class="edge"></i></div><div class="hand">'
        f'<span>{left}</span><input type="range" min="0" max="100" value="50" '
        f'aria-label="{left} on the left, {right} on the right"><span>{right}</span>'
        '<button type="button" aria-pressed="true">squares</button></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
