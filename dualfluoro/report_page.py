"""The report's page: sections in, one self-contained HTML file out."""

import base64
import gzip
import re
from functools import cache
from html import escape, unescape
from importlib.resources import files

import plotly.offline


def page(title: str, sections: list[str], plots: bool = True, room: bool = False) -> str:
    """The whole page; it opens without a network. Plotly comes with it only where it is needed."""
    body = "\n".join(sections)
    style = resource("report_page.css") + (resource("view_room.css") if room else "")
    scripts = [plotly_packed() + _script("report_page.js")] if plots else []
    scripts += [_script("view_room.js")] if room else []
    if 'class="wipe' in body:
        style += resource("report_wipe.css")
        scripts.append(_script("report_wipe.js"))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head><body>\n"
        f"<main>{_contents(body)}{body}\n</main>\n" + "\n".join(scripts) + "\n</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading and what stands under it; the parts are HTML already."""
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    content = "\n".join(parts)
    return f'<section id="{name}"><h2>{escape(title)}</h2>\n{content}\n</section>'


def row(*parts: str) -> str:
    """Parts side by side where there is room."""
    return '<div class="row">' + "".join(f"<div>{part}</div>" for part in parts) + "</div>"


def note(text: str) -> str:
    """A remark in small print."""
    return f'<p class="note">{escape(text)}</p>'


def verdict(kind: str, word: str, text: str) -> str:
    """A judgement: `good`, `fair` or `bad`, in a word and with its reason."""
    return f'<p class="verdict {kind}"><b>{escape(word)}:</b> {escape(text)}</p>'


def picture(data: bytes, caption: str) -> str:
    """A PNG or WebP inside of the page."""
    kind = "png" if data.startswith(b"\x89PNG") else "webp"
    text = base64.b64encode(data).decode("ascii")
    return (
        f'<figure><img alt="{escape(caption, quote=True)}" src="data:image/{kind};base64,{text}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table of text."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>" for cells in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def folded(title: str, *parts: str) -> str:
    """What only some want to read, closed at first."""
    return f"<details><summary>{escape(title)}</summary>\n" + "\n".join(parts) + "</details>"


@cache
def resource(name: str) -> str:
    """A text file that lies beside the program's modules."""
    return files("dualfluoro").joinpath(name).read_text(encoding="utf-8")


@cache
def plotly_packed() -> str:
    """Plotly's program, compressed to a third; `report_page.js` unpacks it in the browser."""
    program = plotly.offline.get_plotlyjs()
    licence = program[program.find("plotly.js v") :].split("\n")[:3]
    said = " ".join(line.strip(" *") for line in licence).replace("--", "-")
    packed = base64.b64encode(gzip.compress(program.encode(), 9, mtime=0)).decode("ascii")
    return f'<!-- {said} -->\n<script type="text/plain" id="plotly">{packed}</script>\n'


def _script(name: str) -> str:
    return f"<script>{resource(name)}</script>"


def _contents(body: str) -> str:
    """Links to the sections."""
    found = re.findall(r'<section id="([^"]*)"><h2>(.*?)</h2>', body)
    links = [f'<a href="#{name}">{escape(unescape(title))}</a>' for name, title in found]
    return f"<nav>{' '.join(links)}</nav>\n" if len(links) > 2 else ""
