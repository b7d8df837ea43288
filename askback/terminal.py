"""The one writer of book text to a terminal: nothing in a book can steer it."""

import os
import sys
import textwrap
import unicodedata

STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, bidi marks, surrogates, line separators
HARMLESS = {"\n", "\t", "\u200c", "\u200d"}  # the last two join letters and emoji
WIDTH = 88  # characters of a line of prose

BOLD, DIM, GREEN = "1", "2", "32"  # SGR codes


def say(text: str, *styles: str) -> None:
    """Prints `text`, made visible, in the styles where there are colours."""
    safe = visible(text)
    print(f"\x1b[{';'.join(styles)}m{safe}\x1b[0m" if styles and colours() else safe)


def prose(text: str, indent: str) -> None:
    """Prints `text` in lines for reading, each line of it broken on its own."""
    for line in visible(text).split("\n"):
        broken = textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False)
        say("\n".join(indent + part for part in broken))


def visible(text: str) -> str:
    r"""`text` with each character that could steer a terminal spelled out, such as `\x1b`."""
    return "".join(map(visible_character, text))


def visible_character(character: str) -> str:
    """The character, or its escape where it could steer a terminal."""
    if character in HARMLESS or unicodedata.category(character) not in STEERING:
        return character
    return character.encode("unicode_escape").decode("ascii")


def colours() -> bool:
    """Whether to colour: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
