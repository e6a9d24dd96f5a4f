"""The report's page: sections in, one self-contained HTML file out."""

import base64
from html import escape

import cv2
import numpy as np
import plotly.offline

STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 0 auto;
  padding: 0 16px 60px; }
h1 { font-size: 1.6em; margin-bottom: 0; }
h2 { margin-top: 2em; border-bottom: 1px solid var(--line); }
.verdict { font-size: 1.15em; padding: 10px 14px; border-left: 6px solid; background: var(--soft); }
.good { border-color: #009E73; } .fair { border-color: #E69F00; } .bad { border-color: #D55E00; }
.row { display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fill, minmax(min(480px, 100%), 1fr)); }
.row > * { min-width: 0; }
img { width: 100%; height: auto; border-radius: 4px; } figure { margin: 0; }
figcaption, .note { font-size: 0.88em; opacity: 0.8; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.9em; }
th, td { padding: 4px 10px; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
@media print { h2 { break-after: avoid; } figure, table { break-inside: avoid; } }
"""


def page(title: str, sections: list[str]) -> str:
    """The whole page; it opens without a network."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f"<script>{plotly.offline.get_plotlyjs()}</script>\n</head><body>\n"
        + "\n".join(sections)
        + "\n</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading and what stands under it; the parts are HTML already."""
    return f"<section><h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>"


def row(*parts: str) -> str:
    """Parts side by side where there is room."""
    return '<div class="row">' + "".join(f"<div>{part}</div>" for part in parts) + "</div>"


def note(text: str) -> str:
    """A remark in small print."""
    return f'<p class="note">{escape(text)}</p>'


def encoded(image: np.ndarray) -> bytes:
    """A PNG of an image (h, w, 3), uint8, blue first."""
    return cv2.imencode(".png", image)[1].tobytes()


def picture(png: bytes, caption: str) -> str:
    """A PNG inside of the page."""
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<figure><img alt="{escape(caption, quote=True)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table of text."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>" for cells in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
