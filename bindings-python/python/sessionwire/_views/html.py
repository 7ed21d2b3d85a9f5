"""Pieces of HTML. Whatever a service, an agent or a page said goes through here, and is text."""

from __future__ import annotations

from html import escape

from .text import HIDDEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# A notebook would read `$...$` and `\(...\)` as formulas, and a formula can have a link.
_MATH = {ord(sign): f"<span>{sign}</span>" for sign in "$\\"}

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")

STYLE = """<style>
.sessionwire{font:13px/1.45 system-ui,sans-serif;max-width:60em;overflow-wrap:anywhere}
.sessionwire>div,.sessionwire>details{border:1px solid rgba(128,128,128,.35);border-radius:6px;
padding:.5em .8em;margin:.3em 0}
.sessionwire .sw-name{font-weight:600;margin-right:.6em}
.sessionwire .sw-dim{opacity:.65}
.sessionwire .sw-text{white-space:pre-wrap;max-height:18em;overflow:auto;margin:.2em 0}
.sessionwire table{border-collapse:collapse;width:100%;margin:.3em 0}
.sessionwire th,.sessionwire td{text-align:left;vertical-align:top;padding:.2em .6em .2em 0;
border:0;border-top:1px solid rgba(128,128,128,.25);white-space:pre-wrap;background:none}
.sessionwire th{white-space:nowrap;font-weight:600;opacity:.75;border-top:0}
.sessionwire td.sw-time{white-space:nowrap;opacity:.65;width:1%;font-variant-numeric:tabular-nums}
.sessionwire td.sw-mark{width:1%;white-space:nowrap}
.sessionwire .sw-kind{white-space:nowrap;border-radius:4px;padding:0 .45em;
border:1px solid #888;color:inherit}
.sessionwire .sw-good{border-color:#2a9d4a;background:rgba(42,157,74,.15)}
.sessionwire .sw-bad{border-color:#d33;background:rgba(221,51,51,.15)}
.sessionwire .sw-ask{border-color:#d88a00;background:rgba(216,138,0,.18)}
.sessionwire .sw-said{border-color:#2f7fd1;background:rgba(47,127,209,.15)}
.sessionwire .sw-question{border-left:4px solid #d88a00;padding:.3em .7em;margin:.4em 0;
background:rgba(216,138,0,.1)}
.sessionwire ul{list-style:none;margin:.3em 0;padding:0}
.sessionwire img{display:block;margin-top:.4em;max-width:min(100%,48em);
height:auto;border:1px solid rgba(128,128,128,.35)}
.sessionwire summary{cursor:pointer}
.sessionwire .sw-scroll{max-height:24em;overflow:auto}
</style>"""


def text(value: object, limit: int = 4_000) -> str:
    """A text as HTML that shows it: nothing in it is a tag, a formula or a link."""
    whole = str(value)
    shown = escape(whole[:limit].translate(HIDDEN)).translate(_MATH)
    if len(whole) > limit:
        shown += f'<span class="sw-dim"> ... {len(whole) - limit:,} more characters</span>'
    # Its directions end with it.
    return f"<bdi>{shown}</bdi>"


def data(value: object) -> str:
    """A value of a service: a text as it is, all else as JSON."""
    if isinstance(value, str):
        return text(value)
    import json

    from .._data import plain

    try:
        return text(json.dumps(plain(value), ensure_ascii=False, indent=1))
    except RecursionError:
        return dim("deeply nested")


def dim(value: object) -> str:
    return f'<span class="sw-dim">{text(value)}</span>'


def mark(kind: str, look: str = "") -> str:
    """A small label."""
    return f'<span class="sw-kind {look}">{text(kind, 40)}</span>'


def link(url: object, shown: object = None) -> str:
    """A link to a web address; anything else is text."""
    label = text(url if shown is None else shown, 300)
    address = str(url)
    if not address.lower().startswith(("http://", "https://")):
        return text(address, 300)
    target = escape(address.translate(HIDDEN))
    return f'<a href="{target}" target="_blank" rel="noopener noreferrer">{label}</a>'


def image(content: bytes, mime_type: str) -> str:
    """A picture; only of types that hold nothing but one."""
    if mime_type not in _IMAGES:
        return dim(f"{len(content):,} bytes of {mime_type}")
    from binascii import b2a_base64

    encoded = b2a_base64(content, newline=False).decode()
    return f'<img alt="" src="data:{mime_type};base64,{encoded}">'


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; its cells are HTML already."""
    head = "".join(f"<th>{text(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="sw-scroll"><table><tr>{head}</tr>{body}</table></div>'


def card(name: str, *parts: str) -> str:
    """A framed piece with its name."""
    return f'<div><span class="sw-name">{text(name)}</span>{"".join(parts)}</div>'


def folded(summary: str, content: str, opened: bool = False) -> str:
    """A piece that a click opens."""
    mode = " open" if opened else ""
    return f"<details{mode}><summary>{summary}</summary>{content}</details>"


def page(*parts: str) -> str:
    """What a notebook shows. The classes after the first keep formulas out."""
    body = "".join(parts)
    return f'{STYLE}<div class="sessionwire tex2jax_ignore mathjax_ignore">{body}</div>'
