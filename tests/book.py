"""Small books that Typst sets, and the paragraphs that are read of them."""

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import typst

from askback.reading import pdf
from askback.reading.account import Account, count
from askback.reading.blocks import Text
from askback.reading.chapters import paragraphs
from askback.records import Kind, Paragraph

COMPILER = typst.Compiler(font_paths=typst.Fonts(include_system_fonts=False))
Told = list[tuple[Kind, str]]

SENTENCES = (
    "The river was wider in those days, and slower.",
    "Nobody who lived on it thought of it as a border.",
    "My grandfather kept the ferry, as his grandfather had before him.",
    "On winter mornings he walked down to the landing before it was light and listened to the ice.",
    "He used to say that listening was the greater part of the work.",
    "Anyone could pull a rope; but the water announced its intentions long before it carried them "
    "out, and a ferryman who understood its grumbling would neither drown nor disappoint anybody.",
    "I believed him without understanding anything, as children believe.",
    "Whatever I have learned since about attention, I learned from that impatient old man.",
    "When the bridge was opened there were speeches, and a brass band came from the county town.",
    "Nobody mentioned the ferry, and the schoolchildren sang.",
    "Afterwards the other bank was only a place, like any other place.",
    "There is something to be said for difficulties.",
    "A country that takes an hour to reach is remembered differently from a country at the end of "
    "a bridge, and it is seldom remembered worse.",
    "My mother counted the crossings and wrote their number on the kitchen wall.",
    "In the long grass behind the chapel the grasshoppers made so much noise that nothing else "
    "could be heard.",
    "We had one cow, two goats and a clock that struck whenever it pleased.",
    "The schoolmaster lent me his maps, and I wore them out at the folds.",
    "Some evenings the whole valley smelled of apples and wet rope.",
    "She would not hear of it, and went on peeling.",
    "It rained for eleven days, and on the twelfth the landing was gone.",
    "Strangers came with measuring chains and slept in our barn.",
    "They were polite, and paid for their bread, and never once looked at the water.",
    "What they wanted to know was how deep it was and how fast, and who owned the meadow.",
    "Later I found the rope in the loft, coiled as carefully as if it had been meant for use.",
    "The mill stood idle that summer, since the miller had quarrelled with his brother.",
    "Every house along the road had a dog, and every dog an opinion.",
    "You could tell the hour by the shadow of the chestnut upon the chapel door.",
    "A heron stood in the shallows and thought about fish.",
    "Once a year the bishop crossed, and was given the dry end of the bench.",
    "I kept the accounts from my ninth year, in a copybook with a blue cover.",
    "None of it seemed remarkable while it lasted.",
    "The fog came up at four and stayed until the lamps were lit.",
    "Cattle were carried at half the price of people, because they did not talk.",
    "Before the war there had been two boats, and a bell on either bank.",
)


def prose(
    number: int,
    seed: int = 0,
    least: int = 2,
    most: int = 6,
    of: Sequence[str] = SENTENCES,
    space: str = " ",
) -> list[str]:
    """So many paragraphs of `least` to `most` sentences."""
    chance = random.Random(seed)
    return [space.join(chance.sample(of, chance.randint(least, most))) for _ in range(number)]


LAST = "That is all I know about it, and more than I was ever asked."
PROSE = [*prose(11), LAST]


def design(
    *rules: str,
    indent: str = "1.2em",
    spacing: str = "0.6em",
    justify: bool = True,
    hyphenate: bool = False,
    columns: int = 1,
    lang: str = "en",
) -> str:
    """Typst's source for how a book is set; `rules` are further ones."""
    size = "12cm, height: 16cm, margin: 2cm" if columns == 1 else "18cm, height: 20cm, margin: 2cm"
    spaced = f"leading: 0.6em, spacing: {spacing}"
    first = f"first-line-indent: (amount: {indent}, all: true)"
    rules = (
        f"page(width: {size}, columns: {columns})",
        f'text(10pt, lang: "{lang}", hyphenate: {flag(hyphenate)})',
        f"par(justify: {flag(justify)}, {spaced}, {first})",
        "smartquote(enabled: false)",
        *rules,
    )
    return "".join(f"#set {rule}\n" for rule in rules)


def flag(value: bool) -> str:
    """The value as Typst writes it."""
    return str(value).lower()


SPACED = design(indent="0pt", spacing="1.2em")
FLUSH = "#set par(first-line-indent: 0pt)\n"


def flow(*parts: str) -> str:
    """Typst's source for the parts one below the other."""
    return "\n\n".join(parts)


def in_rows(text: str) -> str:
    """Typst's source for a text whose rows end at each `|`, and reach the right margin there."""
    return text.replace("|", "#linebreak(justify: true)")


def box(*parts: str, inset: str = "x: 2em", above: str = "1em", rules: str = FLUSH) -> str:
    """Typst's source for the parts set in, with as much space above as below."""
    place = f"width: 100%, inset: ({inset}), above: {above}, below: {above}"
    return f"#block({place})[{rules}{flow(*parts)}]"


def lines(text: str) -> str:
    """Typst's source for text that keeps its lines."""
    return text.replace("\n", " \\\n")


def dropped(capital: str, width: str, beside: str, rest: str, size: str = "47pt") -> str:
    """Typst's source for a paragraph that begins with a capital as high as the rows beside it."""
    edges = 'top-edge: "cap-height", bottom-edge: "baseline"'
    large = f"#place(top + left, text({size}, {edges})[{capital}])"
    rows = f"#pad(left: {width})[{FLUSH}{in_rows(beside + '|')}]"
    return f"#block(spacing: 0.6em)[{large}{rows}]\n#par(first-line-indent: 0pt)[{rest}]"


def chapter(title: str, label: str = "") -> str:
    """Typst's source for where a chapter begins, on a page of its own."""
    label = label and f"#align(center, text(12pt)[{label}])\n#v(4mm)\n"
    shown = '#show heading: it => align(center, text(18pt, weight: "regular", it.body))'
    return f"#pagebreak(weak: true)\n#v(2cm)\n{label}#[{shown}\n= {title}]\n#v(1cm)"


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a book."""

    text: Text
    paragraphs: list[Paragraph]
    account: Account

    @property
    def told(self) -> Told:
        """Each paragraph's kind and text, in order."""
        return [(p.kind, p.text) for p in self.paragraphs]

    def of(self, kind: Kind) -> list[str]:
        """The texts of the paragraphs of that kind, in order."""
        return [p.text for p in self.paragraphs if p.kind == kind]

    @property
    def left_out(self) -> dict[str, int]:
        """How many characters each bucket has that has any."""
        return {bucket: count for bucket, count in self.account.left_out.items() if count}


def as_kind(kind: Kind, *texts: str) -> Told:
    """The texts as paragraphs of that kind."""
    return [(kind, text) for text in texts]


def paras(*texts: str) -> Told:
    """The texts as plain paragraphs."""
    return as_kind("para", *texts)


def amid(part: str, setting: str = design(), language: str = "en") -> Told:
    """What is read of `part` in the midst of prose, which has to be read as it is."""
    found = read(setting + flow(*PROSE[:4], part, *PROSE[4:]), language).told
    assert (found[:4], found[-8:]) == (paras(*PROSE[:4]), paras(*PROSE[4:]))
    return found[4:-8]


def read(source: str, language: str | None = "en") -> Read:
    """What is read of the book that Typst sets from `source`."""
    return read_pdf(printed(source), language)


def printed(source: str) -> bytes:
    """The PDF that Typst makes of `source`."""
    content = COMPILER.compile(source.encode())
    assert isinstance(content, bytes)
    return content


@cache
def read_pdf(content: bytes, language: str | None = "en") -> Read:
    """What is read of a PDF; each of its characters has to be in a paragraph or in a bucket."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "book.pdf"
        path.write_bytes(content)
        account = Account()
        text = pdf.read(path, language, account)
    found = list(paragraphs("book", text.blocks, account))
    assert account.missing == 0
    assert account.kept.total() == sum(count(p.text) for p in found)
    return Read(text, found, account)
