"""A small book that Typst sets as a publisher would, and the text that is in it."""

OPENING = (
    "The river was wider in those days, and slower, and nobody who lived on it thought of it "
    "as a border. My grandfather kept the ferry, as his grandfather had, and on winter "
    "mornings he walked down to the landing before it was light and listened to the ice."
)
LONG = (
    "He used to say that listening was the greater part of the work. Anyone could pull a rope; "
    "but the river announced its intentions long before it carried them out, and a ferryman "
    "who understood its grumbling would neither drown nor disappoint his passengers. I believed "
    "him without understanding anything, as children believe, and I practised listening "
    "everywhere: at the schoolroom window, under the kitchen table, in the long grass behind "
    "the chapel where the grasshoppers made so much noise that nothing else could be heard. "
    "Whatever I have learned since about attention, I learned from that impatient, "
    "good-humoured, half-deaf old man, who never once explained himself."
)
LAST = (
    "When the bridge was opened there were speeches, and a brass band came from the county "
    "town, and the schoolchildren sang. Nobody mentioned the ferry."
)
ACROSS = [
    "Afterwards the other bank was only a place, like any other place, and I crossed over to it "
    f"whenever I liked; {count} times in one year, by my mother’s reckoning, and each time with "
    "a smaller sense of having arrived somewhere. There is something to be said for "
    "difficulties. A country that takes an hour to reach is remembered differently from a "
    "country at the end of a bridge."
    for count in ("eleven", "twenty", "thirty-one", "forty")
]
PROSE = [
    OPENING,
    LONG,
    "“Will it hold?” I asked him.",
    "“It will hold.”",
    "“How do you know?”",
    "“It says so,” said my grandfather, and he stepped out upon the ice as if it were a floor "
    "in his own house, and I went after him.",
    LONG.replace("He used to", "My mother used to"),
    LAST,
    *ACROSS,
    "That is all I know about it.",
]
NOTES = [
    "1 He was its fourth keeper; the register is lost.",
    "2 Two fiddles and a drum, according to others.",
]
LETTER = (
    "Dear brother, the boat is sold and the rope with it, and I have put the money where you "
    "said. The new owner means to keep hens in her. Come home before the winter and see how it "
    "looks without us; the water has not noticed, and goes by as it always did, and will go by "
    "until the ice."
)


def noted(text: str, after: str, note: str) -> str:
    """Typst's source for `text` with a footnote after the words `after`."""
    return text.replace(after, f"{after}#footnote[{note[2:]}]")


HEAD = """
#set document(title: "Metadata's title", author: "Metadata's author", date: none)
#set page(width: 12cm, height: 16cm, margin: 2cm, header: context {
  let number = here().page()
  let opens = query(heading.where(level: 1)).map(it => it.location().page())
  let chapters = query(heading.where(level: 1).before(here()))
  set text(8pt)
  if number > 3 and number not in opens {
    if calc.even(number) [#number #h(1fr) The Ferry #h(1fr)]
    else [#h(1fr) #chapters.last().body #h(1fr) #number]
  }
}, footer: context {
  let number = here().page()
  if number in query(heading.where(level: 1)).map(it => it.location().page()) and number > 3 {
    align(center, text(8pt)[#number])
  }
})
#set text(10pt, lang: "en", hyphenate: true)
#set par(justify: true, first-line-indent: 1.2em, leading: 0.6em, spacing: 0.6em)
#align(center)[#v(4cm) #text(24pt)[The Ferry] #v(1cm) A. Ferryman]
#pagebreak()
Copyright by nobody at all. All rights reserved.
#pagebreak()
#align(center, text(14pt)[Contents])
#v(1cm)
#outline(title: none)
"""


def opening(label: str, title: str) -> str:
    """Typst's source for where a chapter begins."""
    return f"""
#pagebreak(weak: true)
#v(2cm)
#align(center, text(12pt)[{label}])
#v(4mm)
#[#show heading: it => align(center, text(18pt, it.body))
= {title}]
#v(1cm)
"""


def source() -> str:
    """The whole book in Typst's language."""
    first = [noted(OPENING, "the ferry,", NOTES[0]), *PROSE[1:6]]
    second = [PROSE[6], noted(LAST, "brass band", NOTES[1])]
    apart = "above: 1em, below: 1em)[#set par(first-line-indent: 0pt)\n"
    verse = "The water goes, \\ The boat must stay, \\ And no one knows"
    return "\n\n".join(
        [
            HEAD,
            opening("Chapter One", "The River"),
            *first,
            f"#block(inset: (left: 3em), {apart}{verse}]",
            second[0],
            opening("Chapter Two", "The Other Bank"),
            second[1],
            f"#block(inset: (x: 2em), {apart}{LETTER}]",
            *PROSE[8:],
        ]
    )


BOOK = source()


def encrypted() -> bytes:
    """A PDF that asks for a password which opens nothing."""
    lock = "/Filter /Standard /V 1 /R 2 /P -4 /O <" + "11" * 32 + "> /U <" + "22" * 32 + ">"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>",
        f"<< {lock} >>",
    ]
    body, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = "<< /Size 5 /Root 1 0 R /Encrypt 4 0 R /ID [<00> <00>] >>"
    end = (
        f"xref\n0 5\n0000000000 65535 f \n{table}trailer\n{trailer}\nstartxref\n{len(body)}\n%%EOF"
    )
    return (body + end).encode()
