"""A page as a test reads it.

Belongs here: parsing HTML. Does not belong here: what should be on the page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class TableOnPage:
    """One table: its headings, its rows, and its last row apart."""

    title: str
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    total: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """Reads a page, and refuses one whose tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str]]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []  # what a person reads, and what is read aloud
        self.tiles: dict[str, list[str]] = {}  # number and its sentence, by label
        self.tables: dict[str, TableOnPage] = {}
        self._label = ""
        self._inner = 0  # tables inside a cell
        self.feed(text)
        self.close()
        assert self.open == []

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        self.words += [attributes[name] for name in ("title", "aria-label") if name in attributes]
        if tag not in _VOID:
            self.open.append((tag, attributes))
        if tag == "table":
            if self._inside("data"):
                self._inner += "terms" in attributes.get("class", "")
            if attributes.get("class") == "data":
                name = next(a["aria-label"] for _, a in reversed(self.open) if "aria-label" in a)
                assert name not in self.tables
                self._table = self.tables[name] = TableOnPage(name)
        if self._inner or not self._inside("data"):
            return
        part = next((name for name, _ in reversed(self.open) if name in ("thead", "tbody", "tfoot")), "")
        if tag == "tr" and part == "tbody":
            self._table.rows.append([])
        if tag in ("td", "th"):
            self._row(part).append("")

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        was, attributes = self.open.pop()
        assert was == tag, f"</{tag}> closes <{was}>"
        if tag == "table" and attributes.get("class") == "terms":
            self._inner -= 1

    def handle_data(self, data: str) -> None:
        names = [name for name, _ in self.open]
        if {"style", "script"} & set(names):
            return
        self.words.append(data)
        text = " ".join(data.split())
        classes = [attributes.get("class", "") for _, attributes in self.open]
        if not text:
            return
        if "label" in classes:
            self._label = text
        elif {"big", "note"} & set(classes) and any(c.startswith("tile") and c != "tiles" for c in classes):
            self.tiles.setdefault(self._label, []).append(text)
        elif self._inside("data") and not self._inner and {"td", "th"} & set(names):
            part = next(name for name in reversed(names) if name in ("thead", "tbody", "tfoot"))
            cells = self._row(part)
            cells[-1] = f"{cells[-1]} {text}".strip()

    def _inside(self, css: str) -> bool:
        return any(tag == "table" and attributes.get("class") == css for tag, attributes in self.open)

    def _row(self, part: str) -> list[str]:
        return {"thead": self._table.head, "tfoot": self._table.total}.get(part) if part != "tbody" else self._table.rows[-1]
