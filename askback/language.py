"""Which language a text is in, and which scripts do without spaces."""

import re
import threading

ENOUGH = 20000  # characters; more make the answer no better
# Scripts that are written without spaces.
CJK = re.compile("[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")
CHINESE = {"wuu", "yue", "nan", "lzh"}  # languages of China, all of which are written alike


def language_of(text: str) -> str:
    """The most likely language of `text`, as ISO 639-1 names it; `en` where there is no telling."""
    import py3langid

    if not any(map(str.isalpha, text[:ENOUGH])):
        return "en"
    language, _ = py3langid.classify(text[:ENOUGH])
    if language in CHINESE:
        return "zh"
    return str(language) if len(language) == 2 else "en"


def getting_ready() -> threading.Thread:
    """A thread that loads what `language_of` needs, half a second's work, beside other work."""
    thread = threading.Thread(target=language_of, args=("any word",))
    thread.start()
    return thread
