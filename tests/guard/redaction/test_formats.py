"""What six languages write down about people, true and near-miss; all of it invented."""

from __future__ import annotations

import pytest

from allears.guard.redaction.redact import redact

HIDDEN = {
    "PHONE": {
        "en": ["call me on 020 7946 0958", "my number: (202) 555-0143", "mobile 07700 900123"],
        "it": ["il mio cellulare è 333 123 4567", "chiamami allo 06 5555 1234", "tel. +39 347 1234567"],
        "de": ["rufen Sie mich an: 030 901820", "Handy 0151 23456789", "Tel.: +49 89 1234567"],
        "fr": ["appelez-moi au 06 12 34 56 78", "tél. 01 99 00 12 34", "+33 6 12 34 56 78"],
        "es": ["llámame al 612 345 678", "mi teléfono es 91 123 45 67", "+34 612 345 678"],
        "pt": ["ligue para (11) 91234-5678", "o meu telemóvel é 912 345 678", "+351 912 345 678"],
    },
    "ADDRESS": {
        "en": ["I live at 12 Oak Street", "ship to 221b Baker St., London NW1 6XE", "my zip code is 62704"],
        "it": ["abito in via Giuseppe Verdi 12, 20121 Milano", "Piazza del Popolo, 3", "corso Italia n. 7"],
        "de": ["ich wohne Lindenstraße 5a, 10115 Berlin", "bitte an Berliner Allee 12", "Postfach 1234"],
        "fr": ["j'habite 12 rue de la Paix, 75002 Paris", "45 avenue Victor Hugo", "8 bis, rue du Bac"],
        "es": ["vivo en calle Mayor, 5, 28013 Madrid", "Avenida de América nº 12", "plaza de España 3"],
        "pt": ["moro na Rua Augusta, 1500", "Avenida da Liberdade 110", "travessa do Carmo 4"],
    },
    "ID": {
        "en": ["SSN 536-22-1234", "national insurance AB 12 34 56 C", "passport number 123456789"],
        "it": ["codice fiscale RSSMRA85T10A562S", "carta d'identità CA12345AB", "patente U1A23456B7"],
        "de": ["Personalausweis L01X00T47", "Steuer-ID 86 095 742 719", "Reisepass C01X00T478"],
        "fr": ["sécurité sociale 2 69 05 49 588 157 80", "passeport 12AB34567", "permis de conduire 123456789012"],
        "es": ["DNI 12345678Z", "NIE X1234567L", "pasaporte AAA123456"],
        "pt": ["CPF 111.444.777-35", "NIF 123456789", "passaporte AB123456"],
    },
    "PLATE": {
        "en": ["number plate AB12 CDE", "my license plate is 7ABC123", "vehicle registration: BD51 SMR"],
        "it": ["targa AB123CD", "la mia auto è targata EF 456 GH"],
        "de": ["Kennzeichen B-AB 1234", "Kfz-Kennzeichen: M XY 99"],
        "fr": ["immatriculée AB-123-CD", "plaque d'immatriculation 1234 AB 75"],
        "es": ["matrícula 1234 BCD", "la matrícula es M-1234-AB"],
        "pt": ["matrícula AA-12-AA", "placa ABC1D23"],
    },
    "BIRTHDAY": {
        "en": ["born on 3 March 1980", "DOB: 04/03/1980", "my birthday is March 3rd"],
        "it": ["nata il 3 marzo 1980", "data di nascita: 03/03/1980", "il mio compleanno è il 3 marzo"],
        "de": ["geboren am 3. März 1980", "geb. 03.03.1980", "Geburtsdatum 03.03.1980"],
        "fr": ["né le 3 mars 1980", "date de naissance : 03/03/1980", "née le 1er avril 1975"],
        "es": ["nacido el 3 de marzo de 1980", "fecha de nacimiento 03/03/1980", "mi cumpleaños es el 3 de marzo"],
        "pt": ["nascida em 3 de março de 1980", "data de nascimento: 03/03/1980", "meu aniversário é 3 de março"],
    },
    "IBAN": {
        "en": ["GB29 NWBK 6016 1331 9268 19"],
        "it": ["IT60 X054 2811 1010 0000 0123 456"],
        "de": ["DE89 3704 0044 0532 0130 00"],
        "fr": ["FR14 2004 1010 0505 0001 3M02 606"],
        "es": ["ES91 2100 0418 4502 0005 1332"],
        "pt": ["PT50 0002 0123 1234 5678 9015 4"],
    },
}  # fmt: skip
NEAR_MISSES = [
    "order number 202555014", "flight BA 2490 at 12:30", "model AB-123-CD is out of stock", "the plate was cold, 12 guests complained", "invoice 2026/0312-44", "room 1204, table 7",
    "ordine 123456789", "fattura n. 45/2026 del 3 marzo 2026", "il treno delle 12.30 da Milano", "piazza piena, 3 ore di coda", "via mail 3 volte", "5 stelle su 5",
    "Bestellung 123456789", "Rechnung vom 3. März 2026", "der Markt ist 3 km entfernt", "IC 2045 um 12:30 Uhr", "Kennzeichen fehlt",
    "commande 123456789", "facture du 3 mars 2026", "la rue est fermée depuis 12 jours", "3 place disponible",
    "pedido 123456789", "factura del 3 de marzo de 2026", "la calle está cortada 3 días", "matrícula gratis",
    "pedido n.º 123456789", "fatura de 3 de março de 2026", "a rua está fechada há 12 dias", "matrícula grátis",
    "card 4111 1111 1111 1112", "born to run, 10 years later", "birthday cake for 12 people", "version 12.34.56", "SKU 9400-1118-99",
]  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "text"),
    [(type_, text) for type_, languages in HIDDEN.items() for texts in languages.values() for text in texts],
)
def test_each_format_goes_in_each_language(type_: str, text: str) -> None:
    (out,), (spans,) = redact([text])
    assert out is not None
    assert type_ in {span.type for span in spans}, out
    assert not any(
        character.isdigit() for character in out.replace(f"<{type_}_1>", "").replace(f"<{type_}_2>", "")
    )


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact([text]).texts == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("card ４１１１ １１１１ １１１１ １１１１ ok", "card <CARD_1> ok"),
        ("card 4111\u200b1111\u200b1111\u200b1111 ok", "card <CARD_1> ok"),
        ("call ٢٠٢-٥٥٥-٠١٤٣", "call <PHONE_1>"),
        ("call २०२-५५५-०१४३", "call <PHONE_1>"),
        ("\u202eada@example.com\u202c", "\u202e<EMAIL_1>\u202c"),
        ("a\u00adda@exa\u00admple.com", "<EMAIL_1>"),
        ("𝐚𝐝𝐚@example.com", "<EMAIL_1>"),
        ("ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００", "<IBAN_1>"),
        ("(שלום 536-22-1234 עולם)", "(שלום <ID_1> עולם)"),
        ("\u206612 Oak Street\u2069", "\u2066<ADDRESS_1>\u2069"),
    ],
)
def test_tricks_of_unicode_hide_nothing(text: str, expected: str) -> None:
    assert redact([text]).texts == [expected]
