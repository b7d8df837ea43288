"""Small books whose signs are drawn one by one: in Chinese and Japanese, or never printed."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests import pdfs

CLOSING = "。，、；：？！”’）》」』"  # signs that begin no row
CHINESE = (
    "河水在那些日子里更宽，也更慢。",
    "住在河边的人，谁也没有把它当作边界。",
    "我的祖父守着渡船，他的祖父从前也守着它。",
    "冬天的早晨，天还没有亮，他就走到码头去听冰的声音。",
    "他常说，听是这门手艺里最要紧的一半。",
    "绳子谁都会拉；可是水要做什么，总是早早地说出来，听得懂的船夫既不会淹死，也不会叫人失望。",
    "我相信了他，虽然什么也不懂，像孩子们相信的那样。",
    "桥修好的那一天，有人讲话，县城里来了乐队，学校的孩子们唱了歌。",
    "没有人提到渡船。",
    "从那以后，对岸不过是一个地方，和别的地方没有两样。",
    "走一个钟头才能到的地方，记起来和桥那头的地方是不同的。",
    "母亲数过我们过河的次数，把它写在厨房的墙上。",
    "礼拜堂后面的深草里，蚂蚱吵得什么别的声音也听不见。",
    "我们有一头牛，两只羊，和一只高兴时才敲的钟。",
    "有些晚上，整个山谷都是苹果和湿绳子的气味。",
    "雨下了十一天，第十二天码头就不见了。",
)
JAPANESE = (
    "川はその頃もっと広くて、もっとゆっくり流れていた。",
    "祖父は渡し舟の番をしていた。",
    "冬の朝は明るくなる前に岸へ下りて、氷の音を聞いていた。",
    "聞くことが仕事の半分だといつも言っていた。",
    "橋ができた日には演説があり、町から楽隊が来て、子どもたちが歌った。",
    "渡し舟のことは誰も口にしなかった。",
    "母は渡った回数を数えて、台所の壁に書いていた。",
    "雨が十一日続いて、十二日目には船着き場がなくなっていた。",
)


@dataclass(frozen=True, slots=True)
class Row:
    """Signs on one row of a page, in points from the page's upper left corner."""

    x: float
    y: float  # of the baseline
    text: str
    size: float = 12
    latin: bool = False  # set in Helvetica, whose boxes have another height


def drawn(pages: Sequence[Sequence[Row]]) -> bytes:
    """A PDF of the rows, 400 x 600 points; there is no font in it, only what its signs mean."""
    signs = sorted({sign for rows in pages for row in rows for sign in row.text})
    widths = " ".join(f"{1000 * em(sign):g}" for sign in signs)
    fonts = [
        "<< /Type /Font /Subtype /Type0 /BaseFont /Signs /Encoding /Identity-H "
        "/DescendantFonts [5 0 R] /ToUnicode 7 0 R >>",
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Signs /DW 1000 /W [1 [{widths}]] "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
        "/FontDescriptor 6 0 R >>",
        "<< /Type /FontDescriptor /FontName /Signs /Flags 4 /FontBBox [0 -120 1000 880] "
        "/Ascent 880 /Descent -120 /CapHeight 700 /ItalicAngle 0 /StemV 80 >>",
        meanings(signs),
    ]
    resources = "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >>"
    contents = ["".join(operators(row, signs) for row in rows) for rows in pages]
    forms = [{"Rows": pdfs.form(content, more=resources)} for content in contents]
    return pdfs.book(*(pdfs.Page("/Rows Do", forms=form) for form in forms), more=fonts)


def em(sign: str) -> float:
    """How wide the sign is, in ems."""
    if unicodedata.category(sign) in ("Cf", "Mn"):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(sign) in "AFW" else 0.5


def meanings(signs: Sequence[str]) -> str:
    """The stream that says what each sign's code, its place in `signs` from 1, stands for."""
    codes = [
        f"<{code:04x}> <{sign.encode('utf-16-be').hex()}>\n" for code, sign in enumerate(signs, 1)
    ]
    runs = [codes[start : start + 100] for start in range(0, len(codes), 100)]  # PDF takes no more
    maps = "".join(f"{len(run)} beginbfchar\n{''.join(run)}endbfchar\n" for run in runs)
    space = "1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n"
    content = f"begincmap\n/CMapName /Signs def\n{space}{maps}endcmap\n"
    return f"<< /Length {len(content)} >>\nstream\n{content}endstream"


def operators(row: Row, signs: Sequence[str]) -> str:
    """PDF's operators that set the row."""
    if row.latin:
        return pdfs.text(row.x, 600 - row.y, row.text, size=row.size)
    codes = "".join(f"{signs.index(sign) + 1:04x}" for sign in row.text)
    at = f"1 0 0 1 {row.x:g} {600 - row.y:g} Tm"
    return f"\nq BT /F2 {row.size:g} Tf {at} <{codes}> Tj ET Q\n"


def set_in_rows(
    paragraphs: Sequence[str], indent: float = 2, space: float = 0, top: float = 60
) -> list[list[Row]]:
    """Pages of Chinese, 22 signs a row and 23 rows a page.

    `indent` is in ems; `space` between paragraphs and the `top` of the first page in points.
    """
    pages: list[list[Row]] = [[]]
    y = top
    for paragraph in paragraphs:
        for number, text in enumerate(in_ems(paragraph, 22, indent)):
            if y > 500:
                pages.append([])
                y = 60
            pages[-1].append(Row(60 + (0 if number else 12 * indent), y, text))
            y += 20
        y += space
    return pages


def in_ems(text: str, width: float, indent: float) -> Iterator[str]:
    """The rows of a paragraph, as wide as `width` ems; no row begins with a closing sign."""
    row, room = "", width - indent
    for sign in text:
        if sum(map(em, row)) + em(sign) > room:
            end = len(row) - (sign in CLOSING)
            yield row[:end]
            row, room = row[end:], width
        row += sign
    yield row


def with_latin(paragraphs: Sequence[str], room: float) -> list[list[Row]]:
    """Pages of Chinese with DICKENS for each `□`, in Helvetica and between spaces of `room`."""
    pages: list[list[Row]] = []
    for rows in set_in_rows(paragraphs):
        pages.append([])
        for row in rows:
            before, mark, after = row.text.partition("□")
            x = row.x + 12 * len(before) + room
            word = [Row(x, row.y, "DICKENS", latin=True), Row(x + 53.3 + room, row.y, after)]
            pages[-1] += [Row(row.x, row.y, before), *(word if mark else [])]
    return pages
