import random
from contextlib import suppress
from pathlib import Path

import pytest

from askback.errors import UserError
from askback.reading import markdown
from askback.reading.account import Account, count
from askback.reading.blocks import Text


def read(
    folder: Path, content: str | bytes, language: str | None = "en", account: Account | None = None
) -> Text:
    """What is read of a book with this content, each of its characters accounted for."""
    book, account = folder / "book.md", account or Account()
    book.write_bytes(content.encode() if isinstance(content, str) else content)
    text = markdown.read(book, language, account)
    for block in text.blocks:
        account.kept[block.kind] += count(block.text)
    assert account.missing == 0
    assert account.left_out["markup"] >= 0
    return text


def spelt(folder: Path, content: str, account: Account | None = None) -> list[tuple[str, str]]:
    """Kind and text of each block."""
    blocks = read(folder, content, account=account).blocks
    return [(block.kind, block.text) for block in blocks]


def test_headings_have_a_size_that_falls_with_their_level(tmp_path: Path) -> None:
    source = "# One *two* #\n\nThree\n=====\n\nFour\n----\n###### Six\ntext\n"
    assert [(b.kind, b.text, b.size) for b in read(tmp_path, source).blocks] == [
        ("heading", "One two", 6.0),
        ("heading", "Three", 6.0),
        ("heading", "Four", 5.0),
        ("heading", "Six", 1.0),
        ("para", "text", 0.0),
    ]


def test_lines_of_a_paragraph_join(tmp_path: Path) -> None:
    source = "The river was\n  wide and\r\nslow.\n\n河水\n很宽。\n"
    assert spelt(tmp_path, source) == [
        ("para", "The river was wide and slow."),
        ("para", "河水很宽。"),
    ]


INLINE = {
    "*so* and **so** and __so__": ("so and so and so", 10),
    "`so` and ``s`o``": ("so and s`o", 6),
    "~~so~~": ("so", 4),
    '[so](http://so.com "So")': ("so", 21),
    "[so][1]\n\n[1]: http://so.com 'So'": ("so", 26),
    "<http://so.com>": ("http://so.com", 2),
    r"\*so\* 1\. s_o_s": ("*so* 1. s_o_s", 3),
    "s&mdash;o &lt;so&gt; &#233;": ("s—o <so> é", 6 + 3 + 3 + 5),
    "so<!-- no -->, <b>so</b> <i class='x'>so</i>": ("so, so so", 9 + 7 + 16),
    "s&shy;o&nbsp;\u200bso": ("so so", 4 + 6),
}


@pytest.mark.parametrize(("source", "found"), INLINE.items(), ids=INLINE.keys())
def test_markup_within_lines_goes_and_its_text_stays(
    source: str, found: tuple[str, int], tmp_path: Path
) -> None:
    account, (text, markup) = Account(), found
    assert spelt(tmp_path, source, account) == [("para", text)]
    assert account.left_out["markup"] == markup


def test_each_item_of_a_list_is_a_block(tmp_path: Path) -> None:
    account = Account()
    source = "- one\n  goes on\n- two\n  1. three\n\n     four\n\n* five\n"
    texts = ["one goes on", "two", "three", "four", "five"]
    assert spelt(tmp_path, source, account) == [("list", text) for text in texts]
    assert account.left_out["markup"] == len("--1.*")


def test_quotations_are_quotations(tmp_path: Path) -> None:
    source = "> Dear brother,\ncome.\n>\n> - bring\n>\n> > this\n\nText\n"
    assert spelt(tmp_path, source) == [
        ("quote", "Dear brother, come."),
        ("list", "bring"),
        ("quote", "this"),
        ("para", "Text"),
    ]


def test_short_lines_that_must_end_are_verse(tmp_path: Path) -> None:
    source = "The water goes,  \nThe *boat*\\\nmust stay<br>and so\non.\n"
    verse = "The water goes,\nThe boat\nmust stay\nand so on."
    assert spelt(tmp_path, source) == [("verse", verse)]


def test_long_lines_that_must_end_are_prose(tmp_path: Path) -> None:
    long = "A line that is far too long for a line of verse, and so it must be one of prose."
    assert spelt(tmp_path, f"{long}  \nAnd on.") == [("para", f"{long} And on.")]


def test_code_and_tables_are_junk(tmp_path: Path) -> None:
    account = Account()
    source = "```python\nx = 1\n```\n\n    y = 2\n    z = 3\n\n| a | *b* |\n|--:|---|\n| 1 | |\n"
    assert spelt(tmp_path, source, account) == [
        ("junk", "x = 1"),
        ("junk", "y = 2\nz = 3"),
        ("junk", "a b"),
        ("junk", "1"),
    ]
    assert account.left_out["markup"] == count("```python```") + count("||**|") + count(
        "|--:|---||||"
    )


def test_a_picture_leaves_its_caption(tmp_path: Path) -> None:
    source = "![A *boat*](boat.png)\n\nSee ![](x.png)it ![here](y.png 'Y').\n"
    assert spelt(tmp_path, source) == [
        ("caption", "A boat"),
        ("para", "See it ."),
        ("caption", "here"),
    ]


def test_footnotes_are_notes_and_their_calls_leave_the_text(tmp_path: Path) -> None:
    account = Account()
    source = (
        "Said[^1] so.[^long-one] [^none] [^1](no)\n[^1]: Ibid.\n[^long-one]: A *note*\n"
        "    goes on.\n\n    > And on.\n\nText\n"
    )
    assert spelt(tmp_path, source, account) == [
        ("para", "Said so. [^none] (no)"),
        ("note", "Ibid."),
        ("note", "A note goes on."),
        ("note", "And on."),
        ("para", "Text"),
    ]
    assert account.left_out["call_mark"] == len("[^1][^long-one][^1]")


def test_html_is_read_as_html(tmp_path: Path) -> None:
    account = Account()
    source = (
        "<div align=center>\nCentred <i>text</i>\n<script>12</script>\n</div>\n\n"
        "<!-- a\ncomment -->\n\n<p hidden>345</p>\n\n> <p>quoted</p>\n"
    )
    assert spelt(tmp_path, source, account) == [("para", "Centred text"), ("quote", "quoted")]
    assert account.left_out["hidden"] == len("345")


def test_front_matter_says_whose_book_it_is(tmp_path: Path) -> None:
    account = Account()
    front = "---\ntitle: 'The\n  Ferry'\nauthor: [A. Ferryman, {name: B}]\nlang: de-AT\n---\n"
    text = read(tmp_path, front + "# One\n", None, account)
    assert (text.title, text.author, text.language) == ("The Ferry", "A. Ferryman, B", "de")
    assert account.left_out["markup"] == count(front) + 1
    assert [block.text for block in text.blocks] == ["One"]
    assert read(tmp_path, front + "# One\n", "fr").language == "fr"


@pytest.mark.parametrize(
    "front", ["---\nJust a line\n---\n", "---\n[[[\n---\n", "---\na: " + "[" * 1500 + "\n---\n"]
)
def test_lines_around_a_text_are_no_front_matter(front: str, tmp_path: Path) -> None:
    text = read(tmp_path, front + "Text\n")
    assert text.title is None
    assert count(text.blocks[0].text) == count(front) - len("------")


def test_a_language_that_nobody_says_is_found_out(tmp_path: Path) -> None:
    french = "Le bac était tenu par mon grand-père, comme par son grand-père avant lui."
    assert read(tmp_path, french, None).language == "fr"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_letters_are_right_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    account = Account()
    source = "# Le café\n\nétait fermé, dit-il.\n"
    blocks = read(tmp_path, source.encode(encoding), account=account).blocks
    assert [block.text for block in blocks] == ["Le café", "était fermé, dit-il."]


def test_text_is_composed_and_has_no_controls(tmp_path: Path) -> None:
    account = Account()
    assert spelt(tmp_path, "The\0 cafe\u0301\x07’s o\ufb03ce.", account) == [
        ("para", "The café’s office.")
    ]
    assert (account.left_out["control"], account.left_out["respelt"]) == (2, -1)


NOT_READ = {
    "empty": (b"", "book.md: the file is empty"),
    "no text": (b"---\ntitle: x\n---\n<!-- -->\n", "book.md: the file is empty"),
    "no letters": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10" * 9, "book.md: not text"),
    "too deep": (b"> " * 200 + b"deep", "book.md: blocks over 100 deep"),
}


@pytest.mark.parametrize(("content", "message"), NOT_READ.values(), ids=NOT_READ.keys())
def test_what_cannot_be_read_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


SOUND = """---
title: T
---
# One *two*

A [^1] **para**\\
graph &amp; [so](x)

> - quoted

    code

| a |
|---|
| 1 |

![so](x)
<div>so</div>

[^1]: note
"""


def test_spoilt_files_are_read_or_refused(tmp_path: Path) -> None:
    for seed in range(60):
        draw, spoilt = random.Random(seed), bytearray(SOUND.encode())
        for _ in range(draw.randint(1, 9)):
            at = draw.randrange(len(spoilt))
            mark = draw.choice(
                [b"<", b"&#0;", b"\0", b"[", b"`", b"\n    ", b"|", b"> ", b"\xc2\xad"]
            )
            spoilt[at : at + draw.randint(0, 9)] = mark
        with suppress(UserError):
            read(tmp_path, bytes(spoilt))
