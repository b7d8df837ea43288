"""A fence around what a book says to a model, and what must not come back over it.

A passage is material, whatever it says; but a model may obey it. What it then writes would stand on
the user's side of a conversation, so a reply is read for what no spoken question holds. An element
that the passage itself has may be asked about, unless the passage gives orders: then nothing in
it excuses the reply. A plausible question that a passage orders is beyond any such reading.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count

from askback.asking.orders import orders, spoken_to_models

MOST = 300  # characters of a reply; a question of twenty words has about 120
SHORT = 14  # bytes of a reply that may stand in a passage by chance, such as `Why not?`
LEAKED = 8  # words in a row that are the prompt's own
MARK = re.compile(r"mark-[0-9a-f]{4,16}")

# Looked for in the reply as it is. Joiners and marks of direction are writing where they follow a
# letter of a script that needs them, or a sign; elsewhere they hide something.
UNSEEN = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\uf8ff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\uffff"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
    "|(?<![\u0590-\u1fff\u2190-\u2bff\u2c80-\ud7ff\uf900-\ufdff\ufe70-\ufefe\U00010000-\U0001ffff])"
    "[\u200c-\u200f\ufe0e\ufe0f]"
)

# Looked for after NFKC, and never excused. The reply's length bounds them all.
NEVER = {
    "the fence's mark": MARK,
    "a control mark": re.compile(
        r"<\s?\||\|\s?>|<<\s?/?\s?sys|</?(?:s|bos|eos|pad|unk|eot|think|tool_call|im_\w+)>"
        r"|<(?:start|end)_of_\w+>|<\W?(?:user|assistant|system)\W?>|\bendoftext\b"
        r"|\[\s?/?\s?(?:inst|sys|system|user|assistant|human)\b[^\]]{0,20}\]",
        re.IGNORECASE,
    ),
    "mark-up": re.compile(
        r"<\s?/?\s?[a-z][\w:-]*\s[^<>]*=|</?(?:script|style|iframe|img|svg|object|embed|link|meta"
        r"|form|input|a|body|html|head|base|video|audio)\b|<!--|-->|<!\[cdata|<!doctype|<\?\w"
        r"|\]\s?\(\s?\S|!\[|```|~~~|\{\{|\}\}|\{%|%\}|\$\{|<%",
        re.IGNORECASE,
    ),
    "a link": re.compile(
        r"\b[a-z][a-z0-9+.-]{1,15}://|\bhxxps?\b|\b(?:javascript|vbscript|mailto|tel|data|file):\S"
        r"|\w\s?(?:\[\.\]|\[dot\]|\(dot\))\s?\w",
        re.IGNORECASE,
    ),
    "a code": re.compile(
        r"(?=[a-z0-9+/=_-]*\d)(?=[0-9+/=_-]*[a-z])[a-z0-9+/=_-]{24,}|[\x21-\x7e]{60,}",
        re.IGNORECASE,
    ),
}

# Names of the internet's top level, without those that are words: a forgotten space is no link.
TOP = (
    "com|org|net|edu|gov|mil|info|biz|app|dev|xyz|shop|store|online|site|club|blog|cloud|example"
    "|test|invalid|localhost|local|onion|io|ai|tv|cc|ly|gl|gg|fm|uk|de|fr|es|eu|ru|cn|jp|kr|nl|ch"
    "|pl|br|se|dk|fi|cz|gr|hu|ro|ua|tr|ca|au|nz|za|mx|ar|cl|ie|il|ir|pt|sk|su|pw|tk|ws"
)
# Looked for likewise, and excused where a source has the same.
ELSEWHERE = {
    "a link": re.compile(
        r"\bwww\d?\.\S+|\b[^\W_][\w-]{0,62}\.[a-z]{2,10}/\S*"
        rf"|\b(?:[^\W_][\w-]{{0,62}}\.){{1,5}}(?:{TOP})\b(?!\.\w)",
        re.IGNORECASE,
    ),
    "an address": re.compile(
        r"\S*@\S+|\+?\(?\d(?:[\s().-]{0,2}\d){9,}|\b\d{1,3}(?:\.\d{1,3}){3}\b"
        r"|(?<![\w/.])(?:~|\.{1,2})?/[\w.-]+/[\w./-]*|\b[a-z]:\\\S*|\\\\\w\S*",
        re.IGNORECASE,
    ),
    "mark-up": re.compile(
        r"<\s?[/!?]?\s?[a-z][^<>\s]*>?|&(?:[a-z]{2,8}|#x?[0-9a-f]{2,6});|[{}]|`+|~~|#{2,}"
        r"|(?<![\w*])\*\*(?=\w)|(?<!\w)__(?=\w)|\A\s*(?:[#>|]|[-*+]\s)|\|[^|]*\||-{4,}|={3,}"
        r"|\\[a-z]+",
        re.IGNORECASE,
    ),
    "a role": re.compile(
        r"(?:\A|[.!?\n])[\s\"'“”*(]{0,4}(?:system|assistant|user|human|developer|tool|bot|ai|model"
        r"|judge|grader|admin|système|utilisateur|sistema|usuario|asistente|utente|assistente"
        r"|benutzer|nutzer|assistent|systeem|gebruiker|usuário|система|пользователь|系统|用户|助手"
        r"|システム|ユーザー)(?:\s(?:prompt|message|note|override))?\s?[*]{0,2}:",
        re.IGNORECASE,
    ),
}


def mark(text: str) -> str:
    """A word that is not in the text, the same for the same text."""
    return next(found for found in map(partial(nth_mark, text), count()) if found not in text)


def nth_mark(text: str, number: int) -> str:
    """One of the marks that the text's hash makes."""
    data = f"{number}\x1f{text}".encode("utf-8", "surrogatepass")
    return f"mark-{hashlib.blake2b(data, digest_size=8).hexdigest()}"


def fenced(text: str) -> str:
    """The text between two lines with its mark, which nothing in the text can close."""
    line = f"----- {mark(text)} -----"
    return f"{line}\n{text}\n{line}"


def injected(reply: str, sources: Sequence[str], prompt: str = "") -> bool:
    """Whether the reply has anything that `smuggled` names."""
    return smuggled(reply, sources, prompt) is not None


def smuggled(reply: str, sources: Sequence[str], prompt: str = "") -> str | None:
    """What the reply has that no spoken question has, by name; None where it has nothing such.

    `reply` is what `filters.question` leaves of one. `sources` are the texts of the book that the
    model was shown. `prompt` is the wording around them, without its forms, which may be taken up.
    """
    if len(reply) > MOST:
        return "too many characters"
    if UNSEEN.search(reply):
        return "an unseen character"
    said = folded(reply)
    for name, pattern in NEVER.items():
        if pattern.search(said):
            return name
    if leaks(said, folded(prompt)):
        return "the prompt"
    return unexcused(said, [folded(source) for source in sources])


def unexcused(said: str, sources: Sequence[str]) -> str | None:
    """The name of what the reply has and its sources do not excuse, if anything."""
    found = list(elements(said))
    echo = any(echoes(said, source) for source in sources)
    if (found or echo) and any(map(orders().search, sources)):
        return "what the passage orders" if echo else found[0][0]
    together = "\n".join(sources).casefold()
    return next((name for name, element in found if element not in together), None)


def elements(said: str) -> Iterator[tuple[str, str]]:
    """What the reply has that only a source can excuse: the kind, and the characters."""
    for name, pattern in [*ELSEWHERE.items(), ("an instruction", spoken_to_models())]:
        for found in pattern.finditer(said):
            yield name, found[0].strip().rstrip(".,;!?\"')").casefold()


def folded(text: str) -> str:
    """The text in the plainest characters that say the same: no full-width forms, no curls."""
    return unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")


def echoes(said: str, source: str) -> bool:
    """Whether all of the reply stands in the source, and is more than a word or two."""
    words = spaced(said)
    return len(words.encode("utf-8", "surrogatepass")) > SHORT and words in spaced(source)


def leaks(said: str, prompt: str) -> bool:
    """Whether words of the reply are the prompt's, too many in a row for chance."""
    words, whole = spaced(said).split(), spaced(prompt)
    runs = (words[at : at + LEAKED] for at in range(len(words) - LEAKED + 1))
    return any(f" {' '.join(run)} " in whole for run in runs)


def spaced(text: str) -> str:
    """The words alone, in small letters, a space around each."""
    return " ".join(["", *re.findall(r"\w+", text.casefold()), ""])
