"""Texts within a provider's limit."""

from hub.connectors.protocol import Limits, Unit


def length(text: str, unit: Unit) -> int:
    """How long a text is, counted as a provider counts."""
    match unit:
        case "utf16":
            return len(text.encode("utf-16-le", "surrogatepass")) // 2
        case "bytes":
            return len(text.encode(errors="surrogatepass"))
    return len(text)


def split(text: str, limits: Limits) -> list[str]:
    """A text in parts that each fit: at a paragraph's, line's or word's end where there is one in the second half."""
    parts: list[str] = []
    rest = text
    while length(rest, limits.unit) > limits.text:
        fitting = _fitting(rest, limits)
        end = next(
            (
                found + len(mark)
                for mark in ("\n\n", "\n", "。", ". ", " ")
                if (found := fitting.rfind(mark)) >= len(fitting) // 2
            ),
            len(fitting),
        )
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [part for part in (*parts, rest) if part]


def _fitting(text: str, limits: Limits) -> str:
    """As much of a text as fits."""
    low, high = 1, min(len(text), limits.text)
    while low < high:
        middle = (low + high + 1) // 2
        if length(text[:middle], limits.unit) <= limits.text:
            low = middle
        else:
            high = middle - 1
    return text[:low]
