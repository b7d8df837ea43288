"""Which characters a book's text is made of: composed, without ligatures, without controls."""

import re
import unicodedata

from askback.reading.account import Account, Bucket, count

LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "ſt", "ﬆ": "st"}
UNKNOWN = {"Cn", "Co", "Cs"}  # of no character, or of one that only some font has
UNFOLD = str.maketrans(LIGATURES)
NEVER_PRINTED: dict[Bucket, re.Pattern[str]] = {
    "control": re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufff9-\ufffb]"),
    # Marks of direction, width and language; joiners stay where a script or an emoji needs them.
    "invisible": re.compile(
        "[\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
        "|(?<![\u0600-\u1cff\u2190-\U0001faff])[\u200c\u200d]"
    ),
    "unreadable": re.compile("[\ue000-\uf8ff]"),  # a font's own signs, which no other font has
}
HYPHENS = ("-", "‐", "\u00ad")
# UTF-8 that was read as another encoding: a letter with an accent, then a sign that no word has.
MOJIBAKE = re.compile("[ÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛâãäåæçèéêëìíîïðГРС][\u0080-\u00bf–-™Œœ€ƒˆ˜Šš]")


ODD = re.compile(
    "|".join([*(never.pattern for never in NEVER_PRINTED.values()), f"[{''.join(LIGATURES)}]"])
)


def clean(text: str, account: Account) -> str:
    """`text` in NFC, ligatures unfolded, mojibake repaired; what that took away is in `account`.

    Letters are never changed otherwise: what the author printed stays.
    """
    if text.isascii() and text.isprintable():
        return text
    before, text = count(text), repaired(text)
    account.left_out["respelt"] += before - count(text)
    if ODD.search(text):
        for bucket, never in NEVER_PRINTED.items():
            account.leave_out(bucket, "".join(never.findall(text)))
            text = never.sub("", text)
    result = unicodedata.normalize("NFC", text.translate(UNFOLD))
    account.left_out["respelt"] += count(text) - count(result)
    return result


def repaired(text: str) -> str:
    """`text` with its mojibake as it was meant."""
    if not MOJIBAKE.search(text):
        return text
    from ftfy import fix_encoding

    result = fix_encoding(text)
    return text if any(unicodedata.category(sign) in UNKNOWN for sign in result) else result
