"""Reads a page as a person or a browser would: texts, links, forms; no CSS class is looked at."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The texts and the elements of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [
            attrs
            for name, attrs in self.elements
            if name == tag and all(attrs.get(key) == value for key, value in wanted.items())
        ]

    def value(self, name: str) -> str:
        (field,) = self.all("input", name=name)
        return field["value"]

    def token(self) -> str:
        (meta,) = self.all("meta", name="csrf-token")
        return meta["content"]

    def links(self) -> list[str]:
        return [attrs.get("href", "") for attrs in self.all("a")]
