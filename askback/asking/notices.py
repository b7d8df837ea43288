"""What stands in books and is nobody's answer: notices, thanks for reading, advertisement."""

import re

# A chapter of such matter, by its heading.
HEADING = re.compile(
    r"(?:praise for|also by|other (?:books|works|titles) by|books by|more (?:books )?(?:by|from))\b"
    r".{0,60}|(?:a note )?(?:about|on) the (?:author|publisher|translator|type|typeface)s?"
    r"|copyright.{0,40}|legal notices?|disclaimer|newsletter|stay in touch|thank you for reading"
    r"|über (?:den|die) (?:autor|autorin|verlag|übersetzer)\w{0,3}|weitere (?:bücher|titel).{0,40}"
    r"|à propos de l.(?:auteure?|autrice)|d[ue] mêmes? auteure?s?|mentions légales"
    r"|sobre (?:el|la|o|a) autora?|acerca del autor|otros (?:libros|títulos) de.{0,40}|aviso legal"
    r"|(?:sull'|l')autor[ei]|dello stesso autore|note legali|over de (?:auteur|schrijver)"
    r"|outros livros de.{0,40}",
    re.IGNORECASE,
)

# A sentence of such matter.
SENTENCE = re.compile(
    r"all rights reserved|no part of this (?:book|publication)|\bISBN\b|library of congress"
    r"|catalogu?ing.in.publication|project gutenberg|creative commons|first published (?:in|by)"
    r"|published (?:in \w+ )?by\b|copyright (?:©|\(c\)|\d{4})|©|cover (?:design|art|photograph)\b"
    r"|printed (?:and bound )?in\b|typeset (?:by|in)|thank you (?:so much )?for reading"
    r"|\bnewsletter\b|\bmailing list\b|leave (?:me )?a (?:short |quick )?review|if you enjoyed this"
    r"|also available|available (?:now|in paperback|in hardcover|as an e-?book|from|wherever)"
    r"|\be-?books?\b|pre-?order|free (?:copy|download|chapter)|follow (?:me|us|him|her) on|\bwww\."
    r"|https?://|\w@[\w-]{1,60}\.\w|(?:visit|find) (?:me|us|my|our|his|her) (?:online|website|at)"
    r"|the (?:author|publisher) (?:is not|assumes|accepts|makes|cannot be)|works? of fiction"
    r"|any resemblance to|other books by|by the same author|bestselling author"
    r"|alle rechte vorbehalten|jede (?:verwertung|vervielfältigung)|printed in germany|\d\. auflage"
    r"|(?:danke|dank) (?:fürs|für das) lesen|erschienen (?:bei|im) .{0,30}verlag|umschlaggestaltung"
    r"|tous droits réservés|dépôt légal|achevé d.imprimer|merci d.avoir lu|du même auteur"
    r"|todos los derechos|depósito legal|gracias por leer|otros libros de|impreso en"
    r"|tutti i diritti riservati|finito di stampare|grazie per aver letto|dello stesso autore"
    r"|todos os direitos reservados|obrigad[oa] por ler|alle rechten voorbehouden"
    r"|(?:bedankt|dank) voor het lezen|版权所有|無断転載|все права защищены",
    re.IGNORECASE,
)
