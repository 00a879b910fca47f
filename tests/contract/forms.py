"""Forms of HTML pages."""

from html.parser import HTMLParser


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden inputs of a page."""
    found: dict[str, str] = {}

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            if tag == "input" and given.get("type") == "hidden":
                found[given["name"] or ""] = given["value"] or ""

    Reader().feed(page)
    return found
