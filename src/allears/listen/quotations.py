"""What a mail's writer wrote, without the message that is answered and without the signature.

Line by line and by short tables of words, so that hostile text costs no more than its length. A line is only taken away
for a reason that readers would see too: when in doubt it stays.
"""

from __future__ import annotations

import re

# The verb of the line before a quotation ("On Monday, Bo wrote:"), in the languages of mail programs.
_WROTE = (
    "wrote", "writes", "schrieb", "a écrit", "écrit", "escribió", "ha scritto", "scrive", "schreef", "escreveu", "skrev", "kirjoitti",
    "napisał", "napisała", "napsal", "napsala", "napísal", "napísala", "пишет", "написал", "написала", "írta", "a scris", "yazdı", "έγραψε",
    "napisao", "je napisal", "пише", "va escriure", "のメール", "写道", "寫道", "님이 작성", "כתב", "כתבה", "كتب", "viết", "menulis",
)  # fmt: skip
_SENDER = (
    "from", "von", "de", "da", "van", "från", "fra", "lähettäjä", "od", "от", "feladó", "kimden", "gönderen", "από", "expéditeur", "差出人", "发件人",
    "寄件者", "보낸 사람", "מאת",
)  # fmt: skip
_SENT = (
    "sent", "date", "to", "subject", "gesendet", "datum", "an", "betreff", "envoyé", "à", "objet", "enviado", "fecha", "para", "asunto", "inviato",
    "data", "a", "oggetto", "verzonden", "aan", "onderwerp", "enviada em", "assunto", "skickat", "till", "ämne", "sendt", "til", "emne", "lähetetty",
    "vastaanottaja", "wysłano", "do", "temat", "odesláno", "komu", "předmět", "отправлено", "дата", "кому", "тема", "küldve", "címzett", "tárgy",
    "gönderildi", "tarih", "kime", "konu", "送信日時", "宛先", "件名", "发送时间", "收件人", "主题", "寄件日期", "보낸 날짜", "받는 사람", "제목",
)  # fmt: skip
_DIVIDED = (
    "original message", "forwarded message", "begin forwarded message", "ursprüngliche nachricht", "weitergeleitete nachricht",
    "message d'origine", "message original", "message transféré", "mensaje original", "mensaje reenviado", "mensagem original",
    "mensagem encaminhada", "messaggio originale", "messaggio inoltrato", "oorspronkelijk bericht", "doorgestuurd bericht", "originalmeddelande",
    "ursprungligt meddelande", "oprindelig meddelelse", "opprinnelig melding", "alkuperäinen viesti", "wiadomość oryginalna", "původní zpráva",
    "исходное сообщение", "пересылаемое сообщение", "eredeti üzenet", "orijinal ileti", "mesaj original", "αρχικό μήνυμα", "元のメッセージ",
    "原始邮件", "原始郵件", "원본 메시지", "please type your reply above this line", "reply above this line",
)  # fmt: skip
_SENT_FROM = (
    "sent from my", "sent from outlook", "sent from mail for", "sent from yahoo", "sent with proton", "get outlook for", "von meinem", "gesendet von",
    "gesendet mit", "von meiner", "envoyé de mon", "envoyé depuis", "obtenez outlook", "enviado desde", "enviado de meu", "enviado do meu", "enviado a partir",
    "inviato da", "verzonden vanaf", "verstuurd vanaf", "skickat från", "sendt fra", "lähetetty", "wysłane z", "odesláno z", "отправлено с", "отправлено из",
    "küldve", "iphone'umdan", "iphoneから送信", "从我的", "發自我的", "발신", "hol dir outlook", "outlook für", "descarga outlook", "scarica outlook",
)  # fmt: skip
# A closing stands alone on its line and only a short block follows it: name, firm, address, number.
_CLOSINGS = (
    "regards", "best regards", "kind regards", "warm regards", "many thanks and regards", "yours sincerely", "yours faithfully", "sincerely", "best wishes",
    "cheers", "best", "all the best", "mit freundlichen grüßen", "mit freundlichen gruessen", "freundliche grüße", "viele grüße", "beste grüße",
    "liebe grüße", "mfg", "lg", "vg", "cordialement", "bien cordialement", "bien à vous", "sincères salutations", "meilleures salutations", "saludos",
    "un saludo", "saludos cordiales", "atentamente", "cordiali saluti", "distinti saluti", "saluti", "un saluto", "met vriendelijke groet",
    "vriendelijke groeten", "groeten", "mvg", "atenciosamente", "cumprimentos", "com os melhores cumprimentos", "abraços", "med vänliga hälsningar",
    "vänliga hälsningar", "hälsningar", "med venlig hilsen", "venlig hilsen", "vennlig hilsen", "med vennlig hilsen", "mvh", "ystävällisin terveisin",
    "terveisin", "pozdrawiam", "z poważaniem", "s pozdravem", "s pozdravom", "с уважением", "üdvözlettel", "saygılarımla", "cu stima", "cu respect",
    "με εκτίμηση", "lep pozdrav", "srdačan pozdrav", "よろしくお願いいたします", "よろしくお願いします", "此致敬礼", "감사합니다",
)  # fmt: skip
_COLONS = (":", "：")
_FEW_LINES, _SHORT_LINE = 8, 80


def _any(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_WROTE_LINE = re.compile(
    rf"^\S.{{0,200}}(?:{_any(_WROTE)})\b.{{0,120}}[:：]\s*$|^\S.{{0,200}}(?:のメール|写道|寫道)\s*[:：]\s*$",
    re.I,
)
# A line that says so must also say when or who: "My neighbour wrote:" begins a story, not a quotation.
_WHEN_OR_WHO = re.compile(r"\d{1,4}[./\-: 年]\s?\d{1,2}|\d{4}|@|<[^>]+>", re.I)
_DIVIDER = re.compile(
    rf"^\s*(?:-{{2,}}|[_#*=]{{2,}}|>|)\s*(?:{_any(_DIVIDED)})\s*(?:-{{2,}}|[_#*=]{{2,}}|:|)\s*$", re.I
)
_RULE = re.compile(r"^\s*_{10,}\s*$")
_SENDER_LINE = re.compile(rf"^\s*\*?(?:{_any(_SENDER)})\s*[:：]\*?\s*\S", re.I)
_SENT_LINE = re.compile(rf"^\s*\*?(?:{_any(_SENT)})\s*[:：]", re.I)
_SENT_FROM_LINE = re.compile(rf"^\s*(?:{_any(_SENT_FROM)})", re.I)
_CLOSING_LINE = re.compile(rf"^\s*(?:{_any(_CLOSINGS)})\s*[,.!;–-]*\s*$", re.I)


def own_words(text: str) -> str:
    r"""Leave out what was quoted and the signature.

    Examples
    --------
    >>> own_words("It broke again.\n\nOn Mon, 2 Mar 2026, Shop wrote:\n> Is it mended?")
    'It broke again.'
    >>> own_words("Thanks!\n-- \nAda\nSent from my phone")
    'Thanks!'
    >>> own_words("C'est cassé.\n\nCordialement,\nAda Byrne\n06 12 34 56 78")
    "C'est cassé."
    """
    kept: list[str] = []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if _ends_here(line, following):
            break
        if not line.lstrip().startswith(">"):
            kept.append(line)
    return _without_closing(kept)


def _ends_here(line: str, following: str) -> bool:
    if (
        line.rstrip() == "--"
        or line == "-- "
        or _RULE.match(line)
        or _DIVIDER.match(line)
        or _SENT_FROM_LINE.match(line)
    ):
        return True
    if _SENDER_LINE.match(line) and _SENT_LINE.match(following):
        return True
    if not (line.rstrip().endswith(_COLONS) or following.rstrip().endswith(_COLONS)):
        return False
    # Mail programs break this line where it grows long.
    both = f"{line} {following}" if following.rstrip().endswith(_COLONS) else line
    return any(_WROTE_LINE.match(one) and _WHEN_OR_WHO.search(one) for one in (line, both))


def _without_closing(lines: list[str]) -> str:
    for place in range(len(lines) - 1, max(-1, len(lines) - _FEW_LINES * 2), -1):
        if not _CLOSING_LINE.match(lines[place]):
            continue
        after = [line for line in lines[place + 1 :] if line.strip()]
        before = any(line.strip() for line in lines[:place])
        if before and len(after) <= _FEW_LINES and all(len(line) <= _SHORT_LINE for line in after):
            return "\n".join(lines[:place]).strip()
    return "\n".join(lines).strip()
