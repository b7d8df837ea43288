"""How texts give orders to language models, in several languages.

Two readings, each cautious in its own way: what a reply says counts only where nobody would say it
in an interview; what a passage says counts already where it may be meant for a model.
"""

import re
from functools import cache

# Where an order begins, as no verb within a question does. Every repetition here and below is
# bounded or ends with its word, so that no text takes more than time in its length.
START = (
    r"(?:\A|[.!?:;…。！？\n]|[-–—]\s)[\s\"'“”«»(\[*]{0,4}"
    r"(?:(?:please|now|and|bitte|maintenant|ahora|agora|ora|nu),?\s)?"
)
FORGET = (
    r"(?:ignore|disregard|forget|override|bypass|ignorier(?:e|en|t)|vergiss|vergessen sie"
    r"|missachten?|ignorez|oublie[rz]?|ignora(?:r|d|te)?|ignoren|ignorá|olvid(?:a|ar|e|en)"
    r"|dimentica(?:te|re)?|esquece[r]?|esqueça|desconsidere|negeer|vergeet)\b"
)
GIVEN = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directions?|directives?|commands?|orders"
    r"|constraints?|anweisung(?:en)?|vorgaben?|befehle?|instruktion(?:en)?|regeln?|consignes?"
    r"|règles?|istruzion[ei]|direttiv[ae]|instrucci(?:ón|ones)|indicaciones|reglas?"
    r"|instruç(?:ão|ões)|regras?|instructies?|aanwijzing(?:en)?|opdracht(?:en)?|regels?)\b"
)
EARLIER = (
    r"(?:previous|prior|above|earlier|preceding|foregoing|all|any|every|these|those|your"
    r"|(?:vorherig|bisherig|obig|früher|vorangegangen)\w{0,3}|alle[rn]?|précédent\w{0,2}"
    r"|tou(?:te)?s|antérieur\w{0,2}|anterior(?:es)?|tod[ao]s|previ[ao]s|precedent[ei]|tutt[ei]"
    r"|vorige|eerdere)\b"
)
ACT = (
    r"(?:answer|reply|respond|write|speak|act|say|output|print|repeat|ignore|obey|behave|pretend"
    r"|antworte[nt]?|schreib(?:e|en)?|sprich|gib|réponds|répondez|écri[sv](?:ez)?|responder?"
    r"|responda|escrib[ae]|escrev[ae]|rispond[iae](?:te)?|scriv[iae](?:te)?|antwoord|schrijf)\b"
)
ONLY = r"(?:only|just|exactly|nothing but|with|nur|mit|seulement|sólo|solo|só|soltanto|alleen)\b"
FROM_NOW = (
    r"(?:from now on|as of now|you must now|ab jetzt|ab sofort|von nun an|désormais"
    r"|à partir de maintenant|a partir de ahora|de ahora en adelante|a partir de agora"
    r"|d'ora in poi|vanaf nu),?\s"
    r"(?:(?:you (?:will|must|shall|only|always)|always|only|nur|immer)\s)?"
)
SELL = (
    r"(?:(?:click|tap|press) (?:here|on|the (?:link|button))"
    r"|(?:buy|order|subscribe|sign up|donate|download|register|call|join) (?:now|today|here)"
    r"|(?:visit|follow|check out|contact) (?:us|our|my))\b"
)
ANYWHERE = (
    r"\blanguage models?\b|chatgpt|\bgpt-?\d|\bllms?\b|system[ -]?prompt|prompt injection"
    r"|developer mode|\bdan mode\b|sprachmodell|modèles? de langage|modelos? de lengua[jg]e"
    r"|modelos? de linguagem|modell[oi] linguistic[oi]|taalmodel"
    r"|prompt (?:système|del sistema|di sistema|do sistema)|语言模型|語言模型|系统提示|系統提示"
    r"|言語モデル|システムプロンプト|языков\w{1,3} модел|системн\w{1,3} промпт"
    r"|\bas an? (?:ai|artificial intelligence)(?:,| (?:i|you|model|assistant|language|chatbot)\b)"
    r"|\bi(?:'m| am) (?:only |just )?an (?:ai|artificial intelligence|assistant)\b"
    r"|\bals (?:ki|künstliche intelligenz)\b|\ben tant qu'(?:ia|intelligence artificielle)\b"
    r"|\bcomo (?:una? )?(?:ia|inteligencia artificial|inteligência artificial)\b"
    r"|\bcome (?:una )?ia\b|作为(?:一个|一名)?(?:ai|人工智能)|как (?:ии|искусственный интеллект)\b"
    r"|(?:忽略|无视|無視|忘记|忘掉|忘記).{0,12}(?:指令|指示|说明|說明|提示|规则|規則)"
    r"|(?:以前|これまで|上記|前|すべて)の.{0,8}(?:指示|命令|プロンプト).{0,8}(?:無視|忘れ)"
    r"|(?:игнорируй|забудь|не обращай).{0,40}(?:инструкци|указани|правил)"
    r"|(?:تجاهل|انس).{0,20}(?:التعليمات|الأوامر)"
    r"|\bmy (?:system )?(?:instructions?|prompts?|guidelines|programming|training data)\b"
    r"|\byou are now (?:an? )?(?:dan|ai|assistant|bot|chatbot|model|jailbroken|unrestricted)\b"
    r"|\b(?:promo|coupon|discount|voucher|referral)[ -]?codes?\b"
    r"|\b(?:begin|end|start) of (?:the )?(?:prompt|passage|instructions?|system|context)\b"
    r"|\b(?:write|ask) the question\b|\bthe question alone\b|\btwenty words or fewer\b"
)

SPOKEN_TO_MODELS = (
    rf"{START}{FORGET}\s(?:\w+\s){{0,4}}?{EARLIER}\s(?:\w+\s){{0,3}}?{GIVEN}"
    rf"|{START}{FORGET}\s(?:\w+\s){{0,4}}?{GIVEN}\s{EARLIER}"
    rf"|{START}{FORGET}\s(?:everything|all|anything) (?:above|before this|you were told)\b"
    rf"|{START}{FROM_NOW}{ACT}|{START}{ACT}\s{ONLY}|{START}{SELL}|{ANYWHERE}"
)

ORDERED = (
    r"(?:ask|reply|respond|answer|output|print|repeat|write|include|append|mention|insert|translate"
    r"|decode|pretend|say(?=\s?[:\"“'])|end (?:your|the|with)|add (?:the|a|this)|use the"
    r"|antworte[nt]?|schreib(?:e|en|t)?|frag(?:e|en|t)?|réponds|répondez|écri[sv](?:ez)?|demande[rz]?"
    r"|ajoute[rz]?|responde|respond[ae]|escrib[ae]|pregunt[ae]|añad[ae]|escrev[ae]|pergunt[ae]"
    r"|rispond[iae](?:te)?|scriv[iae](?:te)?|chied[ia](?:te)?|antwoord|schrijf|vraag)\b"
)
BOUND = (
    r"\b(?:you|models?|question|reply|answer|response|output)\s"
    r"(?:must|should|shall|will|(?:are|is|has|have|needs?) to)\s(?:\w+\s){0,2}?"
    rf"(?:{ACT}|(?:ask|include|end|begin|contain|mention)\b)"
)
ORDERS = (
    rf"{START}{ORDERED}|\b{ACT}[^.:\n]{{0,40}}:|{FORGET}\s(?:\w+\s){{0,6}}?{GIVEN}|{BOUND}"
    rf"|{SPOKEN_TO_MODELS}"
    r"|(?-i:\bAI\b)|\b(?:chatbots?|interviewers?|prompts?|your (?:question|reply|output))\b"
    r"|\b(?:system|user|human|developer|admin)\s?:|<\s?[/|!]|\[/?inst|```|-->"
    r"|回答|回复|输出|写出|提问|答え|出力|напиши|ответь|выведи"
)


# Compiling takes 30 ms, which only a run that reads replies should wait for.
@cache
def spoken_to_models() -> re.Pattern[str]:
    """What nobody says in an interview."""
    return re.compile(SPOKEN_TO_MODELS, re.IGNORECASE)


@cache
def orders() -> re.Pattern[str]:
    """What a passage may order.

    All that hangs on it is whether the passage can excuse what else the reply has, so it may be
    wrong in a few books in a hundred passages.
    """
    return re.compile(ORDERS, re.IGNORECASE)
