import io
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from askback.errors import UserError
from askback.reading import epub
from askback.reading.account import Account, count
from askback.reading.blocks import Text

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/a%20book.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>"
)
OPF = "OPS/a book.opf"
OPS = 'xmlns:epub="http://www.idpf.org/2007/ops"'
FERRY = "<dc:title>The\n Ferry</dc:title><dc:creator>A. Ferryman</dc:creator>"


def page(body: str, kind: str = "") -> str:
    """An XHTML file with this in its body, which is of this epub:type."""
    typed = f' epub:type="{kind}"' if kind else ""
    return f'<html xmlns="http://www.w3.org/1999/xhtml" {OPS}><body{typed}>{body}</body></html>'


def package(names: list[str], said: str, extra: str = "") -> str:
    """A package whose spine has the files of these names, in their order."""
    items = "".join(
        f'<item id="{n}" href="{n}" media-type="application/xhtml+xml"/>' for n in names
    )
    refs = "".join(f'<itemref idref="{name}"/>' for name in names)
    return (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/">{said}</metadata>'
        f"<manifest>{items}{extra}</manifest><spine>{refs}</spine></package>"
    )


def members(pages: dict[str, str], said: str = FERRY, extra: str = "") -> dict[str, str]:
    """All files of a book that has these pages."""
    return {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        OPF: package([*pages], said, extra),
        **{f"OPS/{name}": content for name, content in pages.items()},
    }


def zipped(files: dict[str, str]) -> bytes:
    """The files as an EPUB."""
    with io.BytesIO() as made:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return made.getvalue()


def read(
    folder: Path,
    content: dict[str, str] | bytes,
    language: str | None = "en",
    account: Account | None = None,
) -> Text:
    """What is read of a book with these files, each of its characters accounted for."""
    book, account = folder / "book.epub", account or Account()
    book.write_bytes(content if isinstance(content, bytes) else zipped(content))
    text = epub.read(book, language, account)
    for block in text.blocks:
        account.kept[block.kind] += count(block.text)
    assert account.missing == 0
    return text


def spelt(folder: Path, pages: dict[str, str], extra: str = "") -> list[tuple[str, str]]:
    """Kind and text of each block of a book that has these pages."""
    return [(b.kind, b.text) for b in read(folder, members(pages, extra=extra)).blocks]


def test_files_are_read_in_the_spines_order_and_open_with_their_first_block(
    tmp_path: Path,
) -> None:
    pages = {"2.xhtml": page("<h2>One</h2><p>a</p>"), "1.xhtml": page("<p>b</p><h2>Two</h2>")}
    blocks = read(tmp_path, members(pages)).blocks
    assert [(b.kind, b.text, b.size, b.opens) for b in blocks] == [
        ("heading", "One", 5.0, True),
        ("para", "a", 0.0, False),
        ("para", "b", 0.0, True),
        ("heading", "Two", 5.0, False),
    ]


def test_the_package_says_whose_book_it_is(tmp_path: Path) -> None:
    pages = {"1.xhtml": page("<p>Text")}
    said = FERRY + "<dc:creator>Another</dc:creator><dc:language>de-AT</dc:language>"
    text = read(tmp_path, members(pages, said), None)
    assert (text.title, text.author, text.language) == ("The Ferry", "A. Ferryman", "de")
    assert read(tmp_path, members(pages, said), "fr").language == "fr"
    assert read(tmp_path, members(pages, "<dc:language>eng</dc:language>"), None).language == "en"


def test_a_language_that_nobody_says_is_found_out(tmp_path: Path) -> None:
    pages = {"1.xhtml": page("<p>Le bac était tenu par mon grand-père, comme par le sien.</p>")}
    for said in ("", "<dc:language>und</dc:language>"):
        assert read(tmp_path, members(pages, said), None).language == "fr"


def test_names_of_files_may_be_quoted_and_lie_in_other_folders(tmp_path: Path) -> None:
    files = members({"a%20b.xhtml": page("<p>a</p>"), "../Text/c%25.xhtml": page("<p>b</p>")})
    files["OPS/a b.xhtml"] = files.pop("OPS/a%20b.xhtml")
    files["Text/c%.xhtml"] = files.pop("OPS/../Text/c%25.xhtml")
    assert [block.text for block in read(tmp_path, files).blocks] == ["a", "b"]


def test_entities_of_html_are_known_and_bad_xhtml_is_read_as_html(tmp_path: Path) -> None:
    pages = {
        "1.xhtml": page("<p>caf&eacute;&nbsp;&mdash; it&rsquo;s &lt;so&gt;</p>"),
        "2.xhtml": page("<p>one <b>two</i> & three<p>four"),
        "3.xhtml": page('<script src="x"/><a id="x"/><p>five</p>'),
    }
    texts = ["café — it’s <so>", "one two & three", "four", "five"]
    assert spelt(tmp_path, pages) == [("para", text) for text in texts]


@pytest.mark.parametrize("kind", ["frontmatter", "copyright-page", "titlepage", "toc", "cover"])
def test_front_matter_is_junk(kind: str, tmp_path: Path) -> None:
    pages = {"1.xhtml": page("<h1>The Ferry</h1><p>1912</p>", kind), "2.xhtml": page("<p>Text")}
    found = [("junk", "The Ferry"), ("junk", "1912"), ("para", "Text")]
    assert spelt(tmp_path, pages) == found


@pytest.mark.parametrize("kind", ["preface", "foreword", "introduction", "dedication", "epilogue"])
def test_what_the_author_wrote_before_and_after_is_text(kind: str, tmp_path: Path) -> None:
    section = f'<section epub:type="{kind}"><h2>Word</h2><p>Text</p></section>'
    found = [("heading", "Word"), ("para", "Text")]
    assert spelt(tmp_path, {"1.xhtml": page(section, "frontmatter")}) == found
    assert spelt(tmp_path, {"1.xhtml": page(section, f"frontmatter {kind}")}) == found


def test_endnotes_are_notes_and_what_calls_them_leaves_the_text(tmp_path: Path) -> None:
    account = Account()
    call = '<p>Said<a epub:type="noteref" href="notes.xhtml#n1">1</a> so.</p>'
    note = '<h2>Notes</h2><ol><li id="n1" epub:type="endnote"><p>A note.</p></li></ol>'
    pages = {"1.xhtml": page(call), "notes.xhtml": page(note, "endnotes")}
    blocks = read(tmp_path, members(pages), account=account).blocks
    assert [(block.kind, block.text) for block in blocks] == [
        ("para", "Said so."),
        ("heading", "Notes"),
        ("note", "A note."),
    ]
    assert account.left_out["call_mark"] == 1


def test_files_beside_the_reading_order_keep_their_place(tmp_path: Path) -> None:
    files = members({name: page(f"<p>{name}</p>") for name in ("1", "2", "3")})
    files[OPF] = files[OPF].replace('idref="2"', 'idref="2" linear="no"')
    assert [block.text for block in read(tmp_path, files).blocks] == ["1", "2", "3"]


def test_verse_that_a_file_ends_with_does_not_join_the_next_files(tmp_path: Path) -> None:
    verse = page('<p class="verse">One</p><p class="verse">two</p>')
    blocks = read(tmp_path, members({"1": verse, "2": verse})).blocks
    assert [(block.text, block.opens) for block in blocks] == [("One\ntwo", True)] * 2


def test_a_note_is_known_by_its_call_from_another_file(tmp_path: Path) -> None:
    call = '<p id="r1">Said<a href="../OPS/n%201.xhtml#n1"><sup>1</sup></a> so.</p>'
    note = '<p id="n1"><a href="1.xhtml#r1">1</a> A note. <a href="1.xhtml#r1">[1]</a></p>'
    files = members({"1.xhtml": page(call), "n%201.xhtml": page(note + "<p>Text</p>")})
    files["OPS/n 1.xhtml"] = files.pop("OPS/n%201.xhtml")
    assert [(block.kind, block.text) for block in read(tmp_path, files).blocks] == [
        ("para", "Said so."),
        ("note", "1 A note."),
        ("para", "Text"),
    ]


NCX = (
    '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>'
    'Chapter 1: The River</text></navLabel><content src="1.xhtml#c1"/></navPoint></navMap></ncx>'
)
NAV = page('<nav epub:type="toc"><ol><li><a href="1.xhtml">1. The River</a></li></ol></nav>')
LISTED = {
    "EPUB 2": ("toc.ncx", NCX, 'media-type="application/x-dtbncx+xml"'),
    "EPUB 3": ("nav.xhtml", NAV, 'media-type="application/xhtml+xml" properties="nav"'),
}


@pytest.mark.parametrize(("name", "content", "kind"), LISTED.values(), ids=LISTED.keys())
def test_titles_that_are_set_as_paragraphs_are_known_by_the_contents(
    name: str, content: str, kind: str, tmp_path: Path
) -> None:
    body = '<div id="c1"><p class="num">1</p><p>The River</p><p>The River was wide.</p></div>'
    extra = f'<item id="toc" href="{name}" {kind}/>'
    files = members({"1.xhtml": page(body)}, extra=extra) | {f"OPS/{name}": content}
    assert [(b.kind, b.text, b.size) for b in read(tmp_path, files).blocks] == [
        ("heading", "1", 6.0),
        ("heading", "The River", 6.0),
        ("para", "The River was wide.", 0.0),
    ]


def test_contents_in_the_spine_are_junk_and_pictures_no_text(tmp_path: Path) -> None:
    extra = '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
    extra += '<item id="cover" href="cover.jpg" media-type="image/jpeg"/>'
    files = members({"1.xhtml": page("<p>Text</p>")}, extra=extra) | {"OPS/nav.xhtml": NAV}
    refs = '<spine><itemref idref="cover"/><itemref idref="nav"/>'
    files[OPF] = files[OPF].replace("<spine>", refs)
    found = [(block.kind, block.text) for block in read(tmp_path, files).blocks]
    assert found == [("junk", "1. The River"), ("para", "Text")]


def test_a_damaged_table_of_contents_is_no_loss(tmp_path: Path) -> None:
    extra = '<item id="a" href="a.ncx" media-type="application/x-dtbncx+xml"/>'
    extra += extra.replace("a.ncx", "missing.ncx").replace('id="a"', 'id="b"')
    files = members({"1.xhtml": page("<p>Text")}, extra=extra) | {"OPS/a.ncx": "<ncx"}
    assert [block.text for block in read(tmp_path, files).blocks] == ["Text"]


def encryption(algorithm: str) -> dict[str, str]:
    """A file that says that some member is encrypted in this way."""
    method = f'<EncryptedData><EncryptionMethod Algorithm="{algorithm}"/></EncryptedData>'
    return {"META-INF/encryption.xml": f"<encryption>{method}</encryption>"}


BOOK = members({"1.xhtml": page("<p>Text</p>"), "2.xhtml": page("<p>More text</p>")})


def test_obfuscated_fonts_lock_nothing(tmp_path: Path) -> None:
    fonts = encryption("http://www.idpf.org/2008/embedding")
    assert len(read(tmp_path, BOOK | fonts).blocks) == 2


def without(name: str) -> dict[str, str]:
    """The book without a file."""
    return {key: content for key, content in BOOK.items() if key != name}


def changed(name: str, old: str, new: str) -> dict[str, str]:
    """The book with `new` for `old` in one of its files."""
    return BOOK | {name: BOOK[name].replace(old, new)}


LOCKED = bytearray(zipped(BOOK))
for at in (i for i in range(len(LOCKED)) if LOCKED[i : i + 4] == b"PK\x01\x02"):
    LOCKED[at + 8] |= 1  # the flag of an encrypted member
NOT_READ: dict[str, tuple[dict[str, str] | bytes, str]] = {
    "empty": (b"", r"book.epub: not an EPUB; convert it"),
    "no zip": (b"hello" * 99, r"book.epub: not an EPUB; convert it"),
    "cut off": (zipped(BOOK)[:-99], r"book.epub: not an EPUB; convert it"),
    "no container": (without("META-INF/container.xml"), r"META-INF/container.xml: missing"),
    "no package": (without(OPF), r"book.epub: OPS/a book.opf: missing"),
    "no path": (BOOK | {"META-INF/container.xml": "<container/>"}, r"container.xml: names no pack"),
    "no spine": (changed(OPF, "itemref", "item-ref"), r"a book.opf: has no spine"),
    "no item": (changed(OPF, 'item id="1.xhtml"', 'item id="1"'), r"its spine names '1.xhtml'"),
    "no member": (without("OPS/2.xhtml"), r"book.epub: OPS/2.xhtml: missing; get a whole copy"),
    "no XML": (BOOK | {OPF: "hello"}, r"a book.opf: not XML \(.+\); get a sound copy"),
    "no XHTML": (BOOK | {"OPS/2.xhtml": "hello"}, r"OPS/2.xhtml: not XHTML"),
    "no letters": (BOOK | {"OPS/2.xhtml": "\x01<\x02" * 99}, r"OPS/2.xhtml: not text"),
    "locked": (BOOK | encryption("http://www.w3.org/2001/04/xmlenc#aes256-cbc"), "encrypted; get"),
    "locked zip": (bytes(LOCKED), "META-INF/container.xml: encrypted; get a copy"),
    "no text": (members({"1.xhtml": page("<img/>")}), "book.epub: no text in it"),
    "a bomb": (BOOK | {"OPS/2.xhtml": "<" + " " * 2_000_000}, "2.xhtml: too large when unpacked"),
    "many members": (BOOK | {f"{n}": "" for n in range(20_000)}, "over 20000 files in it"),
    "a line": (changed(OPF, 'href="1.xhtml"', 'href="1&#10;2"'), r"OPS/1\?2: missing"),
}


@pytest.mark.parametrize(("content", "message"), NOT_READ.values(), ids=NOT_READ.keys())
def test_what_cannot_be_read_whole_is_named(
    content: dict[str, str] | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message) as refused:
        read(tmp_path, content)
    assert "\n" not in str(refused.value)


def test_a_member_whose_bytes_have_changed_is_named(tmp_path: Path) -> None:
    raw = zipped(BOOK)
    at = raw.index(b"OPS/2.xhtml") + len("OPS/2.xhtml") + 20
    with pytest.raises(UserError, match=r"OPS/2.xhtml: damaged; copy the book again"):
        read(tmp_path, raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


def test_all_members_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    all_read = sum(map(len, BOOK.values())) - len(BOOK["mimetype"])
    monkeypatch.setattr(epub, "MOST_BYTES", all_read)
    assert len(read(tmp_path, BOOK).blocks) == 2
    monkeypatch.setattr(epub, "MOST_BYTES", all_read - 1)
    with pytest.raises(UserError, match=r"OPS/2.xhtml: too large when unpacked"):
        read(tmp_path, BOOK)


def test_spoilt_books_are_read_or_refused(tmp_path: Path) -> None:
    for seed in range(60):
        draw, files = random.Random(seed), dict(BOOK)
        name = draw.choice([*files])
        at = draw.randrange(len(files[name]))
        files[name] = files[name][:at] + draw.choice("<>&\0\x01]é") + files[name][at + 1 :]
        spoilt = bytearray(zipped(files))
        for _ in range(draw.choice([0, 0, 1, 5])):
            spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
        with suppress(UserError):
            read(tmp_path, bytes(spoilt))
