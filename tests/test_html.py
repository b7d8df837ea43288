import random
from contextlib import suppress
from pathlib import Path

import pytest

from askback.errors import UserError
from askback.reading import html
from askback.reading.account import Account, count
from askback.reading.blocks import Text


def read(
    folder: Path, content: str | bytes, language: str | None = "en", account: Account | None = None
) -> Text:
    """What is read of a book with this content, each of its characters accounted for."""
    book, account = folder / "book.html", account or Account()
    book.write_bytes(content.encode() if isinstance(content, str) else content)
    text = html.read(book, language, account)
    for block in text.blocks:
        account.kept[block.kind] += count(block.text)
    assert account.missing == 0
    return text


def spelt(folder: Path, content: str, account: Account | None = None) -> list[tuple[str, str]]:
    """Kind and text of each block."""
    blocks = read(folder, content, account=account).blocks
    return [(block.kind, block.text) for block in blocks]


LONG = "A line that is far too long for a line of verse, and so it must be one of prose."


def test_blocks_end_paragraphs_and_inline_elements_do_not(tmp_path: Path) -> None:
    source = "<div>One <b>two</b>thr<i>ee</i>\n  four<p>five</p>six<section>seven</section></div>"
    texts = ["One twothree four", "five", "six", "seven"]
    assert spelt(tmp_path, source) == [("para", text) for text in texts]


def test_a_drop_capital_and_small_ones_belong_to_their_word(tmp_path: Path) -> None:
    source = '<p><span class="drop">T</span><span class="sc">HE</span>\n<small>RIVER</small> rose.'
    assert spelt(tmp_path, source) == [("para", "THE RIVER rose.")]


def test_spaces_collapse_and_soft_hyphens_go(tmp_path: Path) -> None:
    account = Account()
    source = "<p>\n A&nbsp;&nbsp;good\u2003man&shy;ner\u200b of speak\u00ading&#x3000;it.\n</p>"
    assert spelt(tmp_path, source, account) == [("para", "A good manner of speaking　it.")]
    assert (account.left_out["hyphen"], account.left_out["invisible"]) == (2, 1)


def test_accents_compose_across_elements(tmp_path: Path) -> None:
    account = Account()
    assert spelt(tmp_path, "<p>cafe<b>\u0301</b>", account) == [("para", "café")]
    assert account.left_out["respelt"] == 1


def test_headings_have_a_size_that_falls_with_their_level(tmp_path: Path) -> None:
    blocks = read(tmp_path, "<h1>One</h1><h2>Two<br>lines</h2><h6>Six</h6><p>text").blocks
    assert [(b.kind, b.text, b.size) for b in blocks] == [
        ("heading", "One", 6.0),
        ("heading", "Two lines", 5.0),
        ("heading", "Six", 1.0),
        ("para", "text", 0.0),
    ]


def test_a_number_and_a_title_in_one_group_are_headings_of_one_size(tmp_path: Path) -> None:
    blocks = read(tmp_path, "<hgroup><h2>I</h2><p>The River</p></hgroup><p>text").blocks
    assert [(b.kind, b.size) for b in blocks] == [("heading", 5.0), ("heading", 5.0), ("para", 0.0)]


def test_quotations_lists_and_captions_have_kinds_of_their_own(tmp_path: Path) -> None:
    source = (
        "<blockquote><p>Dear brother,<p>come.</blockquote><ul><li>one<li>two<ol><li>three</ol></ul>"
        "<dl><dt>term<dd>meaning</dl><figure><img src=x><figcaption>A boat</figcaption></figure>"
    )
    assert spelt(tmp_path, source) == [
        ("quote", "Dear brother,"),
        ("quote", "come."),
        ("list", "one"),
        ("list", "two"),
        ("list", "three"),
        ("list", "term"),
        ("list", "meaning"),
        ("caption", "A boat"),
    ]


def test_short_lines_between_breaks_are_verse(tmp_path: Path) -> None:
    source = f"<p>The water goes,<br/>\nThe boat<br>must stay</p><p>{LONG}<br>And on.</p>"
    assert spelt(tmp_path, source) == [
        ("verse", "The water goes,\nThe boat\nmust stay"),
        ("para", f"{LONG} And on."),
    ]


def test_two_breaks_end_a_paragraph(tmp_path: Path) -> None:
    source = f"<p>{LONG}<br><br>{LONG}<br/> &nbsp; <br/>One,<br>two.</p>"
    assert spelt(tmp_path, source) == [("para", LONG), ("para", LONG), ("verse", "One,\ntwo.")]


VERSE = {
    "spans and breaks": "<p class=poem><span>One<br></span><span>two<br></span></p>",
    "spans alone": "<div class=poem><p><span>One</span>\n<span>two</span></p></div>",
    "lines in a stanza": "<div class=stanza><div class=verse>One</div><div>two</div></div>",
    "paragraphs in a poem": "<div class=poem>\n<p>One</p>\n<p>two</p>\n</div>",
    "paragraphs of verse": '<p class="verse">One</p>\n<p class="verse last">two</p>',
    "a poem by its type": '<blockquote epub:type="z3998:verse"><p>One<br>two</p></blockquote>',
    "as it was typed": "<pre>One\n  two</pre>",
}


@pytest.mark.parametrize("source", VERSE.values(), ids=VERSE.keys())
def test_verse_keeps_its_lines_however_it_is_written(source: str, tmp_path: Path) -> None:
    assert spelt(tmp_path, source + "<p>End.") == [("verse", "One\ntwo"), ("para", "End.")]


def test_each_stanza_is_a_block_below_the_poems_title(tmp_path: Path) -> None:
    stanza = "<div class=stanza><span>One<br></span><span>two</span></div>"
    found = spelt(tmp_path, f"<div class=poem><h4>Title</h4>{stanza}{stanza}</div>")
    assert found == [("heading", "Title"), ("verse", "One\ntwo"), ("verse", "One\ntwo")]


def test_bible_verses_are_prose(tmp_path: Path) -> None:
    assert spelt(tmp_path, f'<p class="verse">{LONG}</p>') == [("para", LONG)]


def test_code_and_wide_lines_are_junk(tmp_path: Path) -> None:
    source = f"<pre><code>x = 1\ny</code></pre><pre>{LONG}"
    assert spelt(tmp_path, source) == [("junk", "x = 1\ny"), ("junk", LONG)]


def test_tables_are_junk_but_for_cells_of_prose(tmp_path: Path) -> None:
    prose = "A page that is laid out in columns. " * 9
    source = f"<table><tr><td>1</td><td>2</td></tr><tr><td><p>{prose}<p>End.</table>"
    found = [("junk", "1 2"), ("para", prose.strip()), ("para", "End.")]
    assert spelt(tmp_path, source) == found


def test_what_is_not_shown_is_markup(tmp_path: Path) -> None:
    account = Account()
    source = (
        "<title>12</title><style>345</style><script>678</script><p>Text<!-- comment --> and"
        " more<svg><text>9</text></svg></p><noscript>1</noscript><template>2</template>"
    )
    assert spelt(tmp_path, source, account) == [("para", "Text and more")]
    assert account.left_out["markup"] == len("123456789") + len("12")


HIDDEN = [
    "hidden",
    'aria-hidden="true"',
    'style="color:red; DISPLAY : none"',
    'style="visibility:hidden"',
    'style="font-size:0"',
    'style="font-size: 0.0em"',
]


@pytest.mark.parametrize("attribute", HIDDEN)
def test_hidden_text_is_not_the_authors(attribute: str, tmp_path: Path) -> None:
    account = Account()
    source = f"<p>Seen<b {attribute}>un<i>seen</i></b>.</p><div {attribute}><p>unseen</div>"
    assert spelt(tmp_path, source, account) == [("para", "Seen.")]
    assert account.left_out["hidden"] == 2 * len("unseen")


@pytest.mark.parametrize("style", ["font-size:0.8em", "font-size:smaller", "display:block"])
def test_small_text_is_not_hidden(style: str, tmp_path: Path) -> None:
    assert spelt(tmp_path, f'<p style="{style}">Seen.') == [("para", "Seen.")]


NOTED = {
    "by type": (
        '<p>Said<a epub:type="noteref" href="#n">1</a> so.</p>',
        '<aside epub:type="footnote" id="n"><p>1 A note.</p></aside>',
    ),
    "by role": (
        '<p>Said<a role="doc-noteref" href="#n">[*]</a> so.</p>',
        '<li role="doc-endnote" id="n">1 A note.<a role="doc-backlink" href="#r">↩</a></li>',
    ),
    "by class": (
        '<p>Said<sup><a href="#n">1</a></sup> so.</p>',
        '<div class="footnotes"><p id="n">1 A note.</p></div>',
    ),
    "by where the calls lead": (
        '<p>Said<a id="r" href="#n"><sup>1</sup></a> so.</p>',
        '<p><a id="n" href="#r"><sup>1</sup></a> A note. <a href="#r">[1]</a></p>',
    ),
    "by class of the call": (
        '<p>Said<sup><i><a class="footnote" href="#n">1</a></i></sup> so.</p>',
        '<p id="n"><a class="footnote" href="#r">1</a> A note.</p>',
    ),
    "in brackets": (
        '<p>Said<a href="#n" class="fnanchor">[1]</a> so.</p>',
        '<p class="fn"><a name="n" href="#r">1</a> A note.</p>',
    ),
}


@pytest.mark.parametrize(("text", "note"), NOTED.values(), ids=NOTED.keys())
def test_notes_are_notes_and_their_calls_leave_the_text(
    text: str, note: str, tmp_path: Path
) -> None:
    account = Account()
    found = [("para", "Said so."), ("note", "1 A note.")]
    assert spelt(tmp_path, text + note, account) == found
    assert account.left_out["call_mark"] > 0


def test_a_note_within_a_sentence_follows_its_paragraph(tmp_path: Path) -> None:
    source = "<p>It went<span class=footnote>A <b>note</b>.</span> on.</p><p>End."
    assert spelt(tmp_path, source) == [
        ("para", "It went on."),
        ("note", "A note."),
        ("para", "End."),
    ]


def test_other_links_and_raised_figures_are_text(tmp_path: Path) -> None:
    source = '<p>On page <a href="#p12">12</a>, 10<sup>3</sup> men<sup><a href="#x">word</a></sup>.'
    assert spelt(tmp_path, source) == [("para", "On page 12, 103 menword.")]


def test_page_numbers_leave_the_words_they_stand_in(tmp_path: Path) -> None:
    account = Account()
    source = (
        '<p>The ri<span epub:type="pagebreak">12</span>ver<span class="pagenum">[Pg 13]</span>.'
    )
    assert spelt(tmp_path, source, account) == [("para", "The river.")]
    assert account.left_out["page_number"] == len("12[Pg13]")


def test_a_chapters_number_on_a_new_page_is_its_title(tmp_path: Path) -> None:
    source = '<h1 class="pagebreak">I</h1><p class="pagebreak">It began.</p>'
    assert spelt(tmp_path, source) == [("heading", "I"), ("para", "It began.")]


def test_contents_and_navigation_are_junk(tmp_path: Path) -> None:
    source = "<nav><h2>Contents</h2><a href=x>One</a></nav><div class=toc><p>Two</div><p>Text"
    found = [("junk", "Contents"), ("junk", "One"), ("junk", "Two"), ("para", "Text")]
    assert spelt(tmp_path, source) == found


def test_a_librarys_wrapper_is_junk(tmp_path: Path) -> None:
    source = (
        "<title>The Project Gutenberg eBook of Walden</title><pre>Free for all\n\n"
        "*** START OF THIS PROJECT GUTENBERG EBOOK WALDEN ***\n\nProduced by many</pre><p>Text.</p>"
        "<pre>End of the Project Gutenberg EBook of Walden\n\nLicence</pre>"
    )
    text = read(tmp_path, source)
    assert [b.kind for b in text.blocks] == ["junk", "junk", "junk", "para", "junk", "junk"]
    assert text.title == "Walden"


def test_chinese_goes_on_over_the_ends_of_lines_without_its_reading(tmp_path: Path) -> None:
    account = Account()
    source = "<p>河水\n  很宽。The\nriver <ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字"
    assert spelt(tmp_path, source, account) == [("para", "河水很宽。The river 漢字")]
    assert account.left_out["margin_mark"] == len("(かん)")


def test_the_file_says_whose_book_it_is(tmp_path: Path) -> None:
    head = "<head><title> Die\n Fähre</title><meta name=Author content='A. Fährmann'></head>"
    text = read(tmp_path, f"<html lang=de-AT>{head}<p>Text", None)
    assert (text.title, text.author, text.language) == ("Die Fähre", "A. Fährmann", "de")
    assert read(tmp_path, f"<html lang=de-AT>{head}<p>Text", "en").language == "en"


def test_a_language_that_nobody_says_is_found_out(tmp_path: Path) -> None:
    french = "<p>Le bac était tenu par mon grand-père, comme par son grand-père avant lui."
    text = read(tmp_path, french, None)
    assert (text.title, text.author, text.language) == (None, None, "fr")


CAFE = "<p>Le café à côté</p>"
XHTML = '<html xmlns="http://www.w3.org/1999/xhtml">'


@pytest.mark.parametrize(
    "content",
    [
        f"{CAFE}".encode(),
        f'<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">{CAFE}'.encode(
            "latin-1"
        ),
        f'<?xml version="1.0" encoding="iso-8859-1"?>{XHTML}<body>{CAFE}</body></html>'.encode(
            "latin-1"
        ),
        f"<meta charset=windows-1252>{CAFE}".encode(),  # and is wrong
        CAFE.encode("latin-1"),
        CAFE.encode("utf-16"),
        f"{XHTML}<body><p>Le caf&eacute;&#160;&agrave; côté</p></body></html>".encode(),
        f"{XHTML}<body><p>Le café & <b>à</i> côté</body>".replace("& ", "").encode(),  # not XML
        b"<p>Le caf\0&eacute; &agrave; c&ocirc;t&eacute;",
    ],
)
def test_letters_are_right_in_any_encoding(content: bytes, tmp_path: Path) -> None:
    assert [b.text for b in read(tmp_path, content, "fr").blocks] == ["Le café à côté"]


def test_what_follows_the_end_is_read(tmp_path: Path) -> None:
    source = "<html><body><p>One</p></body></html>\n<p>Two</p></html>three"
    assert [text for _, text in spelt(tmp_path, source)] == ["One", "Two", "three"]


NOT_READ = {
    "empty": (b" \n", "book.html: the file is empty"),
    "no text": (b"<html><p><img src=x></p></html>", "book.html: no text in it"),
    "too deep": (b"<div>" * 300 + b"deep", r"book.html: cannot be read whole \(Excessive depth"),
    "too long": (b"<p>" + b"x" * 10_000_001, "book.html: cannot be read whole"),
    "no HTML": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10" * 9, "book.html: not text"),
}


@pytest.mark.parametrize(("content", "message"), NOT_READ.values(), ids=NOT_READ.keys())
def test_what_cannot_be_read_whole_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


def test_entities_bring_in_no_files_and_no_bombs(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    entity = f'<!DOCTYPE html [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'
    assert spelt(tmp_path, f"{entity}{XHTML}<body><p>a&x;</p></body></html>") == [("para", "a&x;")]
    layers = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE html [<!ENTITY l0 "lol">{layers}]>{XHTML}<body><p>&l9;</p></body></html>'
    assert sum(len(text) for _, text in spelt(tmp_path, bomb)) < 2000


def test_spoilt_files_are_read_or_refused(tmp_path: Path) -> None:
    text, note = NOTED["by class"]
    sound = f"{XHTML}<head><title>T</title></head><body>{text}{note}{VERSE['as it was typed']}"
    for seed in range(60):
        draw, spoilt = random.Random(seed), bytearray((sound + "</body></html>").encode())
        for _ in range(draw.randint(1, 9)):
            at = draw.randrange(len(spoilt))
            spoilt[at : at + draw.randint(0, 9)] = draw.choice(
                [b"<", b"&", b"\0", b"<!--", b"</p>"]
            )
        with suppress(UserError):
            read(tmp_path, bytes(spoilt))
