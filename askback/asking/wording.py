"""Phrases and words by which questions are told from all else, by language."""

import re

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")

# What stands before a question in a transcript; the second line has the letters that stand for it.
LABELS = (
    "(?:(?:interview|next|first|follow-up) )?question|interviewer|interview(?:frage|erin)|frage"
    "|interviewe(?:ur|use)|pregunta|pergunta|entrevistadora?|domanda|intervistat(?:ore|rice)|vraag"
    "|journalist[ea]?|вопрос|интервьюер|问题|提问|采访者|質問|聞き手|q|f|p|d|v|問|问"
)

# What a model says before it asks: never the beginning of a question.
CHATTER = re.compile(
    r"(?:sure|sure thing|certainly|of course|absolutely|okay|ok|great|alright|no problem"
    r"|happy to help|understood|got it|gerne|natürlich|selbstverständlich|klar|verstanden|bien sûr"
    r"|certainement|d'accord|voilà|claro(?: que sí)?|por supuesto|de acuerdo|entendido|certo"
    r"|certamente|va bene"
    r"|natuurlijk|zeker|claro que sim|com certeza|конечно|хорошо|好的|当然)\s?[!.:。！：]"
    r"|(?:here(?:'s| is| are)|this is|hier ist|hier wäre|voici|aquí (?:está|tienes|va)|ecco|hier is"
    r"|aqui está|вот|以下|这是)\b[^?]{0,100}[:：]"
    r"|(?:an?|one|the|my) (?:\w+ ){0,3}question (?:is|would be|could be|might be|that|for|to)\b"
    r"[^?]{0,100}:",
    re.IGNORECASE,
)

# Words that end in a full stop amid a sentence.
SHORTENED = """
    mr mrs ms dr st prof rev gen col capt lt sgt maj cpl hon jr sr sen gov pres rep messrs mme mlle
    mm hr fr frl sra srta dña don dott sig sigra dhr mevr mw vs etc ca bzw usw resp
    geb ed eds al cf ave bros co inc ltd mt ft approx dept est
"""
ABBREVIATIONS = frozenset(SHORTENED.split())
BEFORE_NUMBERS = frozenset({"fig", "no", "nos", "nr", "op", "p", "pp", "vol"})  # there alone

# How a text is named, after its article.
SOURCES = {
    "en": (
        r"(?:the|this|that|above|given|following|provided) "
        r"(?:(?:above|given|following|provided|quoted|entire|whole) )?"
        r"(passages?|texts?|authors?|excerpts?|extracts?|quotes?|quotations?|narrators?"
        r"|paragraphs?|snippets?)\b"
        r"(?! of (?!this|the (?:text|book|passage|quote|excerpt)|these)"
        r"|(?: \w+)? (?:to|from|through|across|between|home|messages?|books?|editors?)\b)"
    ),
    "de": (
        r"(?:der|die|das|dem|den|des|dies\w{1,2}|im|vom|zum|laut|obig\w{1,2}) "
        r"(text(?:es|s)?|textstelle|passage|abschnitt(?:e?s)?|absatz(?:es)?|auszug(?:e?s)?"
        r"|zitat(?:e?s)?|autor(?:in|s)?|verfasser(?:in|s)?|erzähler(?:in|s)?|textausschnitt(?:s)?)\b"
        r"(?! (?:von|des|der|eines|einer)\b(?! (?:text|buch|zitat)))"
    ),
    "fr": (
        r"(?:(?:le|du|ce|au|un) (texte|passage|paragraphe|narrateur|fragment)"
        r"|(?:l'|cet |cette |d'un )(auteure?|autrice|extrait|citation)"
        r"|(?:la|une) (citation|narratrice))\b"
        r"(?! (?:de|du|des|d'un|d'une|à|au|aux|vers|entre|sur)\b|\sd')"
    ),
    "es": (
        r"(?:(?:el|del|al|este|ese|dicho|un) "
        r"(texto|pasaje|fragmento|párrafo|autor|narrador|extracto)"
        r"|(?:la|una) (autora|narradora|cita textual)|esta (cita))\b"
        r"(?! (?:de|del)\b(?! (?:este|texto|libro|pasaje)))"
    ),
    "it": (
        r"(?:(?:il|del|nel|dal|al|sul|questo|un) (testo|brano|paragrafo|narratore)"
        r"|questo (passo|passaggio|estratto)|(?:l'|dell'|nell'|all'|quest')"
        r"(autore|autrice|estratto)|(?:la|questa|nella|una) (citazione|narratrice))\b"
        r"(?! (?:di|del|dello|della|dei|degli|delle)\b|\sdell')"
    ),
    "nl": (
        r"(?:(?:de|deze|die|een) (tekst|passage|auteur|alinea|verteller|schrijver zelf)"
        r"|(?:het|dit|dat|een) (fragment|citaat|tekstfragment|uittreksel))\b(?! van\b)"
    ),
    "pt": (
        r"(?:(?:o|do|no|ao|este|neste|deste|um) "
        r"(texto|trecho|parágrafo|autor|narrador|excerto|fragmento)"
        r"|(?:a|da|na|esta|nesta|desta|uma) (passagem|citação|autora|narradora))\b"
        r"(?! (?:de|do|da|dos|das|para)\b(?! (?:texto|livro)))"
    ),
}
SOURCE = {
    language: re.compile(rf"(?<!\w){named}", re.IGNORECASE) for language, named in SOURCES.items()
}

# Words that say little alone, but for those that ask.
SMALL_WORDS = """
    a all am an and any are as at be but by can did do for get got had has he her him his i if in is
    it its let may me my no nor not of off on or our out own she so the to too up us was we you
    ab am an auf aus bei bin da das dem den der des die du ein er es hat ich ihm ihn ihr im ist ja
    man mir mit nun nur ob sie so um und uns war wir zu zum zur
    ai as au ce ces de du en est et eu il ils je la le les ma me mes mon ne on ou par pas qu que qui
    sa se ses si son sur ta te tu un une va y à été
    al con del el era fue ha han hay la las le les lo los mi más ni nos o por que se si sin son su
    sus te un una y ya yo
    che ci col con da dal di e gli ha hai ho il io li lo lui ma mi ne nei nel non per sua sul suo
    tra un uno è
    aan al bij dan dat de die een en er had heb het hij ik in is je met nog nu of om op te toe uit
    van was we zo
    ao aos com da das de do dos e em eu foi há já lhe me na nas no nos não os ou pelo por que se sem
    seu sua um uma à
    а бы был в во вы да для до же за и из или их к ли мне мы на не него но о об он она они от по с
    со так то ты у уже я
    about above after again against almost alone along already also although always among another
    because been before began behind being below between both came cannot could does doing done
    down during each even ever every from gave going gone have having here herself himself into
    itself just less like made make many might mine more most much must myself never none nothing
    once only onto other ourselves over perhaps quite rather same said shall should since some
    something still such than that their theirs them themselves then there these they thing things
    this those though through thus took toward towards under until upon very were went what
    whatever when where whether which while whom whose will with within without would your yours
    yourself
    aber alle allem allen alles andere anderen beim bereits bist damit dann darauf dass davon dein
    deine denn deren dessen dich diese diesem diesen dieser dieses doch dort durch eine einem einen
    einer eines einmal etwas euch gegen gewesen haben hatte hatten hier hinter ihnen ihre ihrem
    ihren ihrer immer jede jedem jeden jeder jetzt kann kein keine können konnte machen mein meine
    meinem meinen meiner mich mehr muss nach nicht nichts noch oder ohne schon sehr sein seine
    seinem seinen seiner selbst sich sind sollte über unter viel wann waren warum weil welche
    welcher wenn werden wieder wird wurde wurden zwischen
    ainsi alors après aucun aussi autre autres avaient avait avant avec avez avoir beaucoup bien
    cela celle celui cette ceux chaque chez comme comment dans depuis donc dont elle elles encore
    entre était étaient étais êtes être faire fait jamais jusqu leur leurs lorsque mais même moins
    nous parce pendant peut peut-être plus pour pourquoi quand quel quelle quelque quoi rien sans
    sera sont sous toujours tous tout toute toutes très votre vous
    algo ante antes aquel aquella aunque cada como cómo cual cuál cuando cuándo desde donde dónde
    durante ella ellas ellos entonces eran esta está estaba estas este esto estos había habían
    hacia hasta mientras mucho nada nosotros nunca otra otras otro otros para pero poco porque
    quien quién siempre sido sino sobre solo también tanto tenía tiene todas todavía todo todos
    unos usted ustedes
    alla allora altri altro anche ancora avete aveva avevano avere come così cosa dalla dalle degli
    della delle dentro dopo dove erano essere fatto fino loro mentre molto nella nelle niente
    nostra nostro ogni oltre perché però prima quale quando quanto quasi quella quello questa
    queste questi questo sempre senza siamo sono sopra stata stato sulla suoi tutta tutte tutti
    tutto un'altra vostra vostro
    alleen daar dacht deze door doen eens elke geen geweest hadden hebben heeft iets jullie konden
    kunnen maar meer mijn moest naar niet niets omdat onder onze steeds toen tussen veel voor waar
    waarom wanneer want werd welke worden zich zijn zonder zoals
    ainda além aquela aquele assim através coisa depois elas eles então eram essa esse estava isso
    isto menos mesmo muito nenhum nossa nosso onde outra outro pela pelo porquê quais qual quem
    seus também tinha tinham toda tudo você vocês
    было были быть весь всего всех даже если когда который которые между меня может можно него
    нибудь ничего после потом почему просто себя сейчас совсем тебя только тогда того тоже этого
    чтобы
"""
FUNCTION_WORDS = frozenset(SMALL_WORDS.split())

# The words that change when a sentence of the author's is said to the author.
TURNED = {
    "i": "you", "we": "you", "me": "you", "us": "you", "my": "your", "our": "your",
    "mine": "yours", "ours": "yours", "myself": "yourself", "ourselves": "yourself",
    "am": "are", "is": "are", "was": "were", "i'm": "you're", "we're": "you're", "i've": "you've",
    "we've": "you've", "i'd": "you'd", "we'd": "you'd", "i'll": "you'll", "we'll": "you'll",
}  # fmt: skip
