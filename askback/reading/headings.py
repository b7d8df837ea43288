"""What headings are called: contents, index, notes, and numbered chapters."""

import re

CONTENTS = re.compile(
    r"(table of )?contents|table des matières|sommaire|inhalt(sverzeichnis)?|[ií]ndice( general)?"
    r"|contenido|sumário|sommario|inhoud(sopgave)?|list of (illustrations|figures)|目录|目錄|目次",
    re.IGNORECASE,
)
INDEX = re.compile(
    r"(general |subject )?index( of names)?|(sach|personen|namen)?register|[ií]ndice"
    r" (alfab[ée]tico|anal[ií]tico|de nombres|dei nomi)|index( des noms)?|zakenregister|索引",
    re.IGNORECASE,
)
NOTES = re.compile(
    r"(end)?notes|notas|anmerkungen|note|noten|注释|註釋|注|註|脚注|尾注", re.IGNORECASE
)
NUMBERED_TITLE = re.compile(
    r"(chapter|part|book|chapitre|partie|livre|kapitel|teil|buch|cap[ií]tulo|parte|capitolo"
    r"|hoofdstuk|letter)\b.{0,60}|[ivxlc]+\.?|\d{1,2}\.?|第.{1,4}[章回节節話部].{0,30}",
    re.IGNORECASE,
)
CHAPTER_LABEL = re.compile(
    r"(chapter|chapitre|kapitel|cap[ií]tulo|capitolo|hoofdstuk)\s+[\w-]+\.?|[IVXLC]+\.?|\d{1,2}\.?"
    r"|第.{1,4}[章回节節話部]",
    re.IGNORECASE,
)


def is_named(text: str) -> bool:
    """Whether the text is the heading of a list of contents, an index or notes."""
    return any(name.fullmatch(text.strip(" .:")) for name in (CONTENTS, INDEX, NOTES))
