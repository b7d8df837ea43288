"""Which characters a book's text is made of: composed, without ligatures, without controls."""

import re
import unicodedata

LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "ſt", "ﬆ": "st"}
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")  # all but tab and newline


def clean(text: str) -> tuple[str, int]:
    """`text` in NFC, ligatures unfolded, and how many control characters it lost."""
    text, controls = CONTROLS.subn("", text)
    for ligature, letters in LIGATURES.items():
        text = text.replace(ligature, letters)
    return unicodedata.normalize("NFC", text), controls
