"""Text that others wrote (names of files, lists of them, a server's answer): read, and as it may be shown."""

from collections.abc import Iterable, Sequence

from cifake_keras.runtime.errors import UserError


def printable(text: str, lines: bool = False) -> str:
    """The text, without what moves a terminal's cursor or hides a part of it. lines: line breaks stay."""
    return "".join(c if c.isprintable() or (lines and c == "\n") else "\N{REPLACEMENT CHARACTER}" for c in text)


def named(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def by_reason(left_out: Iterable[tuple[str, str]]) -> list[str]:
    """Of (name, reason), a line a reason."""
    groups: dict[str, list[str]] = {}
    for name, reason in left_out:
        groups.setdefault(reason, []).append(name)
    return [f"{named(names)}: {reason}" for reason, names in groups.items()]


def lines(content: bytes, source: str) -> list[str]:
    """The lines of a list in UTF-8 that are not empty, written on any system; bytes of another encoding are kept.

    source: for the UserError where it is UTF-16, or has zero bytes.
    """
    if b"\0" in content or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{source} is UTF-16 or has zero bytes; write it in UTF-8, a name a line.")
    text = content.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
    listed = list(filter(None, text.split("\n")))
    if all(line.endswith("\r") for line in listed):
        listed = [line[:-1] for line in listed if line != "\r"]
    return listed
