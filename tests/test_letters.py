import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from askback.reading.account import Account, count
from askback.reading.letters import clean
from tests.book import PROSE, read_pdf
from tests.signs import Row, drawn

FAMILY, PERSIAN = "👩\u200d🌾", "می\u200cخواهم"
ENGLAND = "\U0001f3f4\U000e0067\U000e007f"
TAGS = "".join(chr(0xE0000 + ord(letter)) for letter in "obey me")


def cleaned(text: str) -> tuple[str, dict[str, int]]:
    """What is made of `text`, and how many characters each bucket has that has any."""
    account = Account()
    result = clean(text, account)
    assert count(text) - count(result) == account.left_out.total()
    return result, {bucket: number for bucket, number in account.left_out.items() if number}


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "to-day, good-bye — naïve, ſhip, Ångström",
        "½ Ⅷ ① ﹏ ﾊﾛｰ Ω 日本語 שלום",
        "SÃO PAULO, Ã la carte, ÅÄÖ",  # what is no mojibake
        "a soft\u00adhyphen",  # for lines to be joined
        FAMILY,
        PERSIAN,
        "क\u200dष",
        "❤\ufe0f 1\ufe0f\u20e3",
    ],
)
def test_what_the_author_printed_stays(text: str) -> None:
    assert cleaned(text) == (text, {})


def test_letters_stay_that_mean_nothing_in_another_encoding() -> None:
    assert cleaned("Ó¨Ü") == ("Ó¨Ü", {})


@pytest.mark.parametrize(
    ("text", "result", "change"),
    [
        ("ﬁne ﬂow, oﬃce, baﬄe, oﬀ, ﬆ", "fine flow, office, baffle, off, st", -8),
        ("cafe\u0301", "café", 1),
        ("cafÃ© naÃ¯ve", "café naïve", 2),
        ("wasnâ€™t â€” no", "wasn’t — no", 4),
        ("Â£5", "£5", 1),
        ("Ã\xa0 la", "à\xa0la".replace("\xa0", " "), 0),
    ],
)
def test_letters_are_put_together_as_they_were_meant(text: str, result: str, change: int) -> None:
    """Ligatures, accents set apart, and what was read in another encoding."""
    assert cleaned(text) == (result, {"respelt": change} if change else {})


def test_a_closing_quotation_mark_is_put_together_too() -> None:
    assert cleaned("â€œgood.â€\x9d") == ("“good.”", {"respelt": 4})


@pytest.mark.parametrize(
    ("text", "result", "bucket"),
    [
        ("wi\u200bder", "wider", "invisible"),
        ("\ufeffwider", "wider", "invisible"),
        ("a\u2060b", "ab", "invisible"),
        ("a\u202eb\u202c", "ab", "invisible"),
        ("a\u2066b\u2069", "ab", "invisible"),
        ("x\u200dy", "xy", "invisible"),
        ("日本\u200b語", "日本語", "invisible"),
        (f"wide.{TAGS}", "wide.", "invisible"),
        (ENGLAND, "\U0001f3f4", "invisible"),
        ("\x07bell", "bell", "control"),
        ("a\x8fb", "ab", "control"),
        ("a\ufffab", "ab", "control"),
        ("\ue001x", "x", "unreadable"),
    ],
)
def test_what_was_never_printed_is_left_out(text: str, result: str, bucket: str) -> None:
    gone = count(text) - len(result)
    assert cleaned(text) == (result, {bucket: gone})


@given(st.text())
@example("e\u0301ﬁ\u200b\ue001\x07Ã©")
@settings(derandomize=True)
def test_no_character_is_lost(text: str) -> None:
    """`cleaned` counts them."""
    cleaned(text)


def test_the_letters_of_a_pdf_are_cleaned() -> None:
    """They come one by one, so that no typesetter tidies them up."""
    odd = f"The ri\u200bver wa\u202es\u202c wide.{TAGS} cafe\u0301 {FAMILY}"
    found = read_pdf(
        drawn([[Row(60, 60, odd), Row(60, 80, "That was all."), Row(60, 100, PROSE[0][:40])]])
    )
    assert found.paragraphs[0].text.startswith(f"The river was wide. café {FAMILY}")
    assert found.left_out == {"invisible": 3 + len("obeyme"), "respelt": 1}
