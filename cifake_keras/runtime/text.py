"""Text that others wrote (names of files, a server's answer), as it may be shown on a terminal."""


def printable(text: str, lines: bool = False) -> str:
    """The text, without what moves a terminal's cursor or hides a part of it. lines: line breaks stay."""
    return "".join(c if c.isprintable() or (lines and c == "\n") else "\N{REPLACEMENT CHARACTER}" for c in text)
