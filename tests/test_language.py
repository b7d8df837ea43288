import pytest

from askback.language import language_of
from tests.book import PROSE, design, flow, read, read_pdf
from tests.signs import CHINESE, JAPANESE, drawn, set_in_rows

SAMPLES = {
    "en": "The river was wider in those days, and slower.",
    "de": "Der Fluss war damals breiter und langsamer.",
    "fr": "La rivière était plus large alors, et plus lente.",
    "es": "El río era entonces más ancho y más lento.",
    "zh": CHINESE[0],
    "ja": JAPANESE[0],
}


@pytest.mark.parametrize("language", SAMPLES)
def test_one_sentence_tells_the_language(language: str) -> None:
    assert language_of(SAMPLES[language]) == language


@pytest.mark.parametrize("text", ["河水很慢，船夫在聽冰的聲音。", "佢哋喺河邊聽冰嘅聲。"])
def test_all_that_is_written_in_chinese_is_chinese(text: str) -> None:
    assert language_of(text) == "zh"


@pytest.mark.parametrize("text", ["", " \n", "…"])
def test_what_has_no_letters_is_taken_for_english(text: str) -> None:
    assert language_of(text) == "en"


def test_a_book_tells_its_language_itself() -> None:
    assert read(design() + flow(*PROSE), None).text.language == "en"
    assert read_pdf(drawn(set_in_rows(CHINESE)), None).text.language == "zh"


def test_a_language_that_is_given_holds() -> None:
    assert read(design() + flow(*PROSE), "la").text.language == "la"
