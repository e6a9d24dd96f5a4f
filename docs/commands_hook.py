"""For the documentation's builder: the page of commands is made from the program's own help."""

from cyclopts.docs.markdown import generate_markdown_docs

from dualfluoro.cli import build_app

MARK = "<!-- the commands -->"


def on_page_markdown(markdown: str, **_) -> str:
    """The page with the help of every command in place of the mark."""
    return markdown.replace(MARK, commands()) if MARK in markdown else markdown


def commands() -> str:
    """The help of every command as Markdown."""
    return generate_markdown_docs(build_app(), skip_preamble=True, no_root_title=True)
