"""What a browser fetches to show an HTML page: scripts, styles, pictures, fonts. A link waits for a click."""

from __future__ import annotations

import re
from html.parser import HTMLParser

FETCHED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
# <link> relations that fetch; "canonical", "next", "author" and the like do not
FETCHING_LINKS = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "modulepreload",
    "manifest",
}
CSS_ADDRESS = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")
OUTSIDE = re.compile(r"^\s*(?:https?:|ftp:|wss?:)?//", re.IGNORECASE)


def css_addresses(style: str) -> list[str]:
    """The addresses of `url(...)` and `@import` in a style sheet."""
    return [first or second for first, second in CSS_ADDRESS.findall(style)]


class _Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        names = FETCHED.get(tag, ())
        if tag == "link" and FETCHING_LINKS & set(values.get("rel", "").lower().split()):
            names = ("href",)
        for name in names:
            parts = values.get(name, "").split(",") if name == "srcset" else [values.get(name, "")]
            self.found += [part.strip().split(" ")[0] for part in parts if part.strip()]
        self.found += css_addresses(values.get("style", ""))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if self._style:
            self.found += css_addresses(data)


def outside(html: str) -> list[str]:
    """The addresses on another host that a browser fetches to show this page."""
    parser = _Addresses()
    parser.feed(html)
    parser.close()
    return [address for address in parser.found if OUTSIDE.match(address)]
