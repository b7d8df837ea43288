import pytest

from askback.reading.account import Account
from askback.reading.spelling import Spelling
from tests.book import PROSE, design, flow, in_rows, prose, read

BOOK = ["the window stood open and the well-known river ran by it", "a known well, a long day"]
OWN, RULE = "the book's spelling", "the language's rule"


def joined(above: str, below: str, language: str = "en", book: list[str] = BOOK) -> tuple[str, str]:
    """The lines as one, and what was decided about a hyphen between them."""
    account = Account()
    result = Spelling([*book, above, below], language).join([above, below], account)
    gone = len((above + below).replace(" ", "")) - len(result.replace(" ", ""))
    assert account.left_out.total() == gone
    return result, ", ".join(account.decided.elements())


@pytest.mark.parametrize(
    ("above", "below", "text", "decision"),
    [
        ("by the win-", "dow", "by the window", f"taken out: {OWN}"),
        ("by the win‐", "dow", "by the window", f"taken out: {OWN}"),
        ("her well-", "known face", "her well-known face", f"kept: {OWN}"),
        ("by the gar\u00ad", "den", "by the garden", "taken out: soft hyphen"),
        ("by the gar-", "den", "by the garden", "taken out: the word list"),
        ("by the gar‐", "den", "by the garden", "taken out: the book's line ends"),
        ("the river-", "day", "the river-day", "kept: both parts are words"),
        ("a brumm-", "ling sound", "a brummling sound", "taken out: a part is no word"),
        ("Anglo-", "Saxon", "Anglo-Saxon", "kept: a capital follows"),
        ("mother-in-", "law", "mother-in-law", "kept: both parts are words"),
        ("it ran—", "and stood", "it ran—and stood", ""),
        ("il dit —", "et alla", "il dit — et alla", ""),
        ("from 1854–", "71 on", "from 1854–71 on", ""),
        ("plain", "lines", "plain lines", ""),
    ],
)
def test_lines_join_as_the_book_spells(above: str, below: str, text: str, decision: str) -> None:
    assert joined(above, below) == (text, decision)


def test_a_hyphen_between_figures_stays_between_them() -> None:
    assert joined("on pages 7-", "9 of it")[0] == "on pages 7-9 of it"


@pytest.mark.parametrize(
    ("language", "above", "below", "text", "decision"),
    [
        ("de", "das Dampf-", "schiff", "das Dampfschiff", f"taken out: {RULE}"),
        ("de", "die Nord-", "Süd-Bahn", "die Nord-Süd-Bahn", "kept: a capital follows"),
        ("es", "de la ciu-", "dad", "de la ciudad", f"taken out: {RULE}"),
        ("fr", "dit-", "il alors", "dit-il alors", f"kept: {RULE}"),
        ("fr", "lui-", "même", "lui-même", f"kept: {RULE}"),
        ("fr", "celui-", "là", "celui-là", f"kept: {RULE}"),
        ("fr", "il écou-", "tait", "il écoutait", "taken out: the word list"),
        ("fr", "au-", "dessus", "au-dessus", "kept: both parts are words"),
        ("xx", "by the gar-", "den", "by the garden", "taken out: a part is no word"),
    ],
)
def test_each_language_has_hyphens_of_its_own(
    language: str, above: str, below: str, text: str, decision: str
) -> None:
    assert joined(above, below, language, []) == (text, decision)


def test_soft_hyphens_within_a_line_go() -> None:
    account = Account()
    assert Spelling([], "en").join(["win\u00addow"], account) == "window"
    assert account.left_out == {"hyphen": 1}


def test_a_book_that_breaks_no_words_keeps_its_hyphens() -> None:
    """No break of a long book gives a word that it has elsewhere: they are all the author's."""
    lines = ["the sea was grey", "and cold as iron-", "stone"] * 150
    account = Account()
    assert Spelling(lines, "en").join(["cold as grum-", "bling"], account) == "cold as grum-bling"
    assert account.decided == {"kept: the book's line ends": 1}


def test_a_book_that_breaks_words_with_signs_of_its_own_keeps_its_hyphens() -> None:
    lines = ["by the gar\u00ad", "den ran a"] * 10
    spelling = Spelling(lines, "en")
    assert spelling.join(["a grum-", "bling"], Account()) == "a grum-bling"


@pytest.mark.parametrize(
    ("above", "below", "text"),
    [
        ("河水更宽，", "也更慢。", "河水更宽，也更慢。"),
        ("他说——", "然后走了。", "他说——然后走了。"),
        ("川は広かった。", "「もつさ。」", "川は広かった。「もつさ。」"),
    ],
)
def test_chinese_and_japanese_join_without_spaces(above: str, below: str, text: str) -> None:
    assert joined(above, below, "zh", []) == (text, "")


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("也更慢。", "“它会撑住"),
        ("“好。”", "祖父说"),
        ("“能吗？”", "“能。”"),
        ("他说……", "然后走了"),
        ("他走了", "——然后回来"),
        ("罗密欧·", "蒙太古"),
        ("第", "3章"),
        ("2024", "年"),
    ],
)
def test_chinese_joins_without_spaces_whatever_ends_the_row(above: str, below: str) -> None:
    assert joined(above, below, "zh", []) == (above + below, "")


@pytest.mark.parametrize(
    ("initial", "rest", "joined"),
    [("T", "he", "The"), ("A", "day", "A day"), ("D", "ogberry", "Dogberry"), ("“T", "he", "“The")],
)
def test_a_drop_capital_is_part_of_its_word_or_one_itself(
    initial: str, rest: str, joined: str
) -> None:
    assert Spelling(BOOK, "en").capital(initial, rest) == joined


GERMAN = (
    "Der Fluss war damals breiter und langsamer.",
    "Niemand, der an ihm wohnte, hielt ihn für eine Grenze.",
    "Mein Großvater hütete die Fähre, wie sein Großvater sie gehütet hatte.",
    "An Wintermorgen ging er vor Tag zum Steg hinunter und horchte auf das Eis.",
    "Er sagte immer, das Horchen sei die halbe Arbeit.",
    "Ziehen konnte jeder; das Wasser aber sagte lange vorher, was es wollte.",
    "Ich glaubte ihm, ohne etwas zu verstehen, wie Kinder eben glauben.",
    "Als die Brücke eröffnet wurde, hielt man Reden, und aus der Stadt kam eine Kapelle.",
    "Von der Fähre sprach niemand, und die Schulkinder sangen.",
)
FRENCH = (
    "La rivière était plus large alors, et plus lente.",
    "Personne de ceux qui vivaient au bord ne la prenait pour une frontière.",
    "Mon aïeul gardait le bac, comme son père avant lui.",
    "Les matins d’hiver il descendait au débarcadère et il écoutait la glace.",
    "Il disait toujours que savoir entendre était la moitié du métier.",
    "Tirer une corde, chacun le pouvait; mais l’eau annonçait ce qu’elle voulait.",
    "Je le croyais sans rien comprendre, comme croient les enfants.",
    "Quand on ouvrit le pont il y eut des discours, et une fanfare vint de la ville.",
    "Personne ne parla du bac, et les écoliers chantèrent.",
)
SPANISH = (
    "El río era entonces más ancho y más lento.",
    "Ninguno de los que vivían a su orilla lo tenía por frontera.",
    "Mi abuelo cuidaba la barca, como antes la había cuidado el suyo.",
    "En las mañanas de invierno bajaba al embarcadero y escuchaba el hielo.",
    "Decía siempre que saber escuchar era la mitad del oficio.",
    "Tirar de una cuerda lo hace cualquiera; pero el agua avisaba de lo que quería.",
    "Yo le creía sin entender nada, como creen los niños.",
    "Cuando abrieron el puente hubo discursos, y vino una banda de la capital.",
    "De la barca no habló nadie, y los niños de la escuela cantaron.",
)
BROKEN = {
    "en": (
        "We painted the boat in spring, and nobody an-|nounced it; the well-|known painter came "
        "to-|day and said good-|bye to her, and spoke the Anglo-|Saxon of the place over the "
        "grumb-|ling of our gar-|den gate, as he did in that long-|ago summer.",
        ["We say to-day and good-bye; a well-known word.", *PROSE],
    ),
    "de": (
        "Die Fähre wurde im Frühling grün gestrichen, und niemand hatte es ange-|kündigt; der "
        "Maler kam mit dem Dampf-|schiff, und die Nord-|Süd-Bahn fuhr an der Eisen-|bahnbrücke "
        "vorbei.",
        prose(10, of=GERMAN),
    ),
    "fr": (
        "On peignait le bac en vert au printemps, et personne ne l’avait annon-|cé; le peintre, "
        "dit-|on, venait lui-|même, et celui-|là chantait au-|dessus de l’eau en écou-|tant sa "
        "femme.",
        prose(10, of=FRENCH),
    ),
    "es": (
        "Pintaban la barca de verde en primavera, y nadie lo había anun-|ciado; el pintor venía "
        "de la ciu-|dad y cantaba sobre el agua, escu-|chando a su mujer.",
        prose(10, of=SPANISH),
    ),
}
WHOLE = {
    "en": {"an-|": "an", "grumb-|": "grumb", "gar-|": "gar"},
    "de": {"ange-|": "ange", "Dampf-|": "Dampf", "Eisen-|": "Eisen"},
    "fr": {"annon-|": "annon", "écou-|": "écou"},
    "es": {"anun-|": "anun", "ciu-|": "ciu", "escu-|": "escu"},
}
DECIDED = {
    "en": {
        f"kept: {OWN}": 3,
        "kept: a capital follows": 1,
        "kept: both parts are words": 1,
        f"taken out: {OWN}": 2,
        "taken out: the word list": 1,
    },
    "de": {f"taken out: {RULE}": 3, "kept: a capital follows": 1},
    "fr": {f"kept: {RULE}": 3, "kept: both parts are words": 1, "taken out: the word list": 2},
    "es": {f"taken out: {RULE}": 3},
}


@pytest.mark.parametrize("language", BROKEN)
def test_words_that_line_ends_broke_are_whole_and_the_authors_hyphens_stay(language: str) -> None:
    text, others = BROKEN[language]
    found = read(design(lang=language) + flow(*others[:3], in_rows(text), *others[3:]), language)
    for broken, part in WHOLE[language].items():
        text = text.replace(broken, part)
    assert found.of("para")[3] == text.replace("-|", "-").replace("|", " ")
    assert found.account.decided == DECIDED[language]
    assert found.left_out == {"hyphen": len(WHOLE[language])}


@pytest.mark.parametrize(("language", "of"), [("de", GERMAN), ("fr", FRENCH), ("es", SPANISH)])
def test_words_that_the_typesetter_breaks_are_whole(language: str, of: tuple[str, ...]) -> None:
    """Typst breaks them with soft hyphens."""
    paragraphs = prose(12, 1, of=of)
    found = read(design(lang=language, hyphenate=True) + flow(*paragraphs), language)
    assert found.of("para") == paragraphs
    assert found.account.decided == {"taken out: soft hyphen": found.left_out["hyphen"]}


def test_a_typesetters_own_hyphen_is_none_of_the_authors() -> None:
    """U+2010 breaks words where `-` is what the author wrote."""
    text = "They painted the boat each spring, and nobody an‐|nounced it at the well-|kept gate."
    found = read(design() + flow(*PROSE[:3], in_rows(text), *PROSE[3:]))
    assert found.of("para")[3] == text.replace("‐|", "").replace("|", "")
    assert found.left_out == {"hyphen": 1}


def test_a_dash_at_a_rows_end_takes_no_space() -> None:
    rows = "The ferry was painted green each spring, and nobody—|nobody at all—asked who paid."
    spaced = "The ferry was painted green each spring, and nobody –|nobody at all – asked who paid."
    found = read(design() + flow(*PROSE[:3], in_rows(rows), in_rows(spaced), *PROSE[3:]))
    assert found.of("para")[3:5] == [rows.replace("|", ""), spaced.replace("|", " ")]
