import re
from dataclasses import replace

import pytest

from tests.book import Read, paras, prose, read_pdf
from tests.signs import CHINESE, JAPANESE, Row, drawn, em, set_in_rows, with_latin


def chinese(*paragraphs: str, indent: float = 2, space: float = 0) -> list[str]:
    """What is read of paragraphs in Chinese, of which the book has nothing else."""
    found = read_pdf(drawn(set_in_rows(paragraphs, indent, space)), "zh")
    assert {p.kind for p in found.paragraphs} == {"para"}
    return found.of("para")


CHINESE_LAST = "我知道的就是这些，比别人问过我的还要多。"
CHINESE_PROSE = [*prose(15, of=CHINESE, space=""), CHINESE_LAST]


@pytest.mark.parametrize(("indent", "space"), [(2, 0), (0, 14), (2, 14)])
def test_chinese_is_joined_without_spaces(indent: float, space: float) -> None:
    """Whether two ems, or space, or both set its paragraphs apart."""
    assert chinese(*CHINESE_PROSE, indent=indent, space=space) == CHINESE_PROSE


def test_long_paragraphs_in_chinese_are_whole() -> None:
    long = prose(7, 2, 12, 16, CHINESE, "")
    assert chinese(*long) == long


JAPANESE_SPEECHES = [
    "「氷はもつの？」と私は聞いた。",
    "「もつさ。」",
    "「どうして分かるの？」",
    "「氷がそう言っているからだ。」",
    "「もたないと言ったら？」",
    "「待つまでだ。」",
]


@pytest.mark.parametrize("hung", [0, 0.5, 1], ids=str)
def test_japanese_speeches_begin_at_the_margin_or_beside_it(hung: float) -> None:
    """Their opening sign hangs out of the indent by none, half or all of an em."""
    told = prose(7, 3, of=JAPANESE, space="")
    paragraphs = [*told, *JAPANESE_SPEECHES * 5, *prose(8, 5, of=JAPANESE, space="")]
    pages = [
        [row if row.text[0] != "「" else Row(72 - 12 * hung, row.y, row.text) for row in rows]
        for rows in set_in_rows(paragraphs, indent=1)
    ]
    assert read_pdf(drawn(pages), "ja").told == paras(*paragraphs)


def test_opening_signs_may_hang_out_of_chinese_rows() -> None:
    """Though a third of the rows begin so, the others tell the margin."""
    signs = re.sub(r"\W", "", "".join(CHINESE * 3))
    parts = [signs[start : start + 50] for start in range(0, 600, 50)]
    paragraphs = [f"{part[:20]}「{part[20:]}。" for part in parts]
    pages = [
        [row if row.text[0] != "「" else Row(row.x - 6, row.y, row.text) for row in rows]
        for rows in set_in_rows(paragraphs)
    ]
    assert sum(row.x == 54 for rows in pages for row in rows) == len(paragraphs)
    assert read_pdf(drawn(pages), "zh").told == paras(*paragraphs)


def test_chinese_speeches_may_hang_out_of_their_indent() -> None:
    speeches = ["“冰能撑住吗？”我问他。", "“它会撑住的。”", "“你怎么知道？”", "“它说了。”"]
    paragraphs = [*CHINESE_PROSE[:8], *speeches, *CHINESE_PROSE[8:]]
    pages = [
        [row if row.text[0] != "“" else Row(row.x - 6, row.y, row.text) for row in rows]
        for rows in set_in_rows(paragraphs)
    ]
    assert read_pdf(drawn(pages), "zh").told == paras(*paragraphs)


def test_chinese_rows_may_begin_and_end_with_a_quotation_mark() -> None:
    said = [sentence.replace("，", "：“", 1).replace("。", "。”") for sentence in CHINESE]
    paragraphs = [*prose(11, of=said, space=""), CHINESE_LAST]
    assert chinese(*paragraphs) == paragraphs


def test_a_heading_in_chinese_is_larger() -> None:
    paragraphs = CHINESE_PROSE
    pages = set_in_rows(paragraphs, top=120)
    pages[0].insert(0, Row(150, 80, "第一章　渡船", 18))
    found = read_pdf(drawn(pages), "zh")
    assert found.told == [("heading", "第一章 渡船"), *paras(*paragraphs)]


def test_latin_words_make_no_heading_of_chinese() -> None:
    """Their boxes are higher than those of its signs."""
    paragraphs = [
        *CHINESE_PROSE[:4],
        "他读过□的书。",
        "我在河边读□的书，那时水还很慢。",
        *CHINESE_PROSE[4:],
    ]
    found = read_pdf(drawn(with_latin(paragraphs, 0.5)), "zh")
    assert found.told == paras(*(text.replace("□", "DICKENS") for text in paragraphs))


def test_signs_of_latin_may_make_a_row_of_chinese_a_fifth_higher() -> None:
    pages = set_in_rows([*CHINESE_PROSE, "他在1854年读过“Bleak House”。"])
    pages[-1][-1] = replace(pages[-1][-1], size=14)
    assert {p.kind for p in read_pdf(drawn(pages), "zh").paragraphs} == {"para"}


def test_a_centred_row_of_chinese_with_latin_capitals_is_no_heading() -> None:
    paragraphs = [*CHINESE_PROSE[:4], "他读过□的书，也读过别的书。", *CHINESE_PROSE[4:]]
    found = read_pdf(drawn(with_latin(paragraphs, 2)), "zh")
    assert {p.kind for p in found.paragraphs} == {"para"}


REGISTER = "登记簿已经遗失。"
SHEEP = "我们有1头牛，2只羊。后来又有了3只。"


def noted(label: str) -> Read:
    """A book in Chinese, with a raised call in its first row, and its note."""
    pages = set_in_rows([SHEEP, *prose(12, of=CHINESE, space="")])
    row = pages[0][0]
    before, after = row.text.split("后")
    x = row.x + row.size * sum(map(em, before))
    mark = Row(x, row.y - 4, label, 6)
    rest = Row(x + 6 * sum(map(em, label)), row.y, f"后{after}")
    note = Row(60, 530, f"{label} {REGISTER}", 9)
    pages[0][:1] = [Row(row.x, row.y, before), mark, rest]
    pages[0].append(note)
    return read_pdf(drawn(pages), "zh")


@pytest.mark.parametrize(
    "label",
    ["1", "*", "①", "[1]", "〔1〕"],
)
def test_chinese_has_footnotes_and_figures_that_call_none(label: str) -> None:
    found = noted(label)
    assert found.told[0] == ("para", SHEEP)
    assert found.of("note") == [f"{label} {REGISTER}"]
    assert {p.kind for p in found.paragraphs} == {"para", "note"}
