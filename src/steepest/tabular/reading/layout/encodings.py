"""The encoding of a text file, told from its first bytes, and whether Windows-1252 makes sense of an old one."""

from __future__ import annotations

import codecs
import re
import unicodedata

from steepest.printable import quoted

# The encoding of texts that are not in UTF-8, as old programs of Windows write them. It holds Latin-1.
FALLBACK = "cp1252"
NAMES = {FALLBACK: "Windows-1252", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32"}
# The encodings that a message may propose, and how the Unicode names of their letters begin.
SCRIPTS = {
    "cp1251": ("CYRILLIC",), "koi8-r": ("CYRILLIC",), "cp866": ("CYRILLIC",),
    "cp932": ("CJK UNIFIED", "HIRAGANA", "KATAKANA"), "gb18030": ("CJK UNIFIED",), "big5": ("CJK UNIFIED",),
    "cp949": ("HANGUL",), "cp1253": ("GREEK",), "cp1255": ("HEBREW",), "cp1256": ("ARABIC",), "cp874": ("THAI",),
    "cp1250": ("LATIN",),
}  # fmt: skip
# The share of the letters beyond ASCII that must suit an encoding for it to be proposed, the most that are proposed,
# and the share of words that may be strange in Windows-1252. Chosen, not measured.
SUITED, MOST_PROPOSED, MOST_STRANGE = 0.9, 4, 0.05
# A file with no more zeros among its bytes has no wide letters. Chosen, not measured: in wide letters the marks between
# fields, digits and ends of lines have a zero each, and a slip puts a single one into other files.
LEAST_ZEROS = 0.01
# Words with letters beyond ASCII, and the signs of print that stand beside words in Western texts.
_WORDS = re.compile(r"[A-Za-z\x80-\U0010ffff]+")
_BEFORE = "«»‹›“”„‚‘’–—…§€©®™·•¿¡\u00a0"
_AFTER = _BEFORE + "£¥¢°²³¹"
# Signs that are no letters of a Western word: letters of other encodings, read as Windows-1252.
_STRANGE = re.compile(
    r"[^\W\d_][^\x00-\x7f\w’‘·°\u00ad–—]+[^\W\d_]|[£¥¹²³¼½¾¨¯¬¦¤¶¸´×÷†‡ˆ˜][^\W\d_]|[ªº¡¿][^\x00-\x7f]"
)


def encoding_of(start: bytes) -> str:
    r"""Return the encoding of a file by its first bytes.

    Parameters
    ----------
    start : bytes
        The first bytes.

    Returns
    -------
    str
        The encoding: UTF-8 unless a mark, or zeros in every other byte alone, tell that of wide letters.

    Examples
    --------
    >>> encoding_of("a,b".encode("utf-16")), encoding_of(b"a\x00,\x00b\x00"), encoding_of(b"a,b")
    ('utf-16', 'utf-16-le', 'utf-8')
    """
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [start[parity::2].count(0) for parity in (0, 1)]
    if max(zeros) <= LEAST_ZEROS * len(start):
        return "utf-8"
    # The marks, digits and Latin letters of a text have a zero in one of their two bytes, and other letters seldom.
    encoding = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(start)
    broken = sum(letter == "\ufffd" or (letter < " " and letter not in "\t\r\n") for letter in text)
    return encoding if broken <= len(text) // 100 else "utf-8"


def known_encoding(name: str) -> str:
    """Return the name of an encoding as Python has it.

    Parameters
    ----------
    name : str
        The name that the user gave.

    Returns
    -------
    str
        The name.

    Raises
    ------
    ValueError
        If Python knows no such encoding of texts.

    Examples
    --------
    >>> known_encoding("Windows-1251"), known_encoding("Shift-JIS")
    ('cp1251', 'shift_jis')
    """
    try:
        # Python has other codecs, too, such as base64.
        "a".encode(name)
        return codecs.lookup(name).name
    except (LookupError, TypeError, ValueError):
        what = f"encoding={quoted(name)} is no encoding that Python knows"
        raise ValueError(f"{what}: give a name such as 'utf-8', 'cp1251', 'shift_jis' or 'gb18030'") from None


def nonsense(sample: bytes) -> str:
    """Return a word that makes no sense as Windows-1252.

    Parameters
    ----------
    sample : bytes
        Lines with bytes beyond ASCII.

    Returns
    -------
    str
        The word, as Windows-1252 shows it; "" if the sample makes sense.

    Examples
    --------
    >>> nonsense("Москва,5".encode("cp1251")), nonsense("Köln – 5 °C, Ÿ".encode("cp1252"))
    ('Ìîñêâà', '')
    """
    words = _wide_words(sample.decode(FALLBACK, errors="replace"))
    strange = [word for word in words if _is_strange(word)]
    return strange[0] if len(strange) > MOST_STRANGE * len(words) else ""


def proposals(sample: bytes) -> list[tuple[str, str]]:
    """Return the encodings that make sense of a sample, the best first, each with a word as it shows it.

    Parameters
    ----------
    sample : bytes
        Whole lines with bytes beyond ASCII.

    Returns
    -------
    list of tuple of str
        Names of encodings, with words.

    Examples
    --------
    >>> proposals("Москва,5".encode("koi8-r"))[0]
    ('koi8-r', 'Москва')
    """
    found = []
    for encoding, scripts in SCRIPTS.items():
        try:
            words = _wide_words(sample.decode(encoding))
        except UnicodeDecodeError:
            continue
        if words and (score := _suitability(words, scripts)) >= SUITED:
            found.append((score, encoding, words[0]))
    found.sort(key=lambda each: -each[0])
    return [(encoding, word) for _, encoding, word in found[:MOST_PROPOSED]]


def _wide_words(text: str) -> list[str]:
    """Return the words with letters beyond ASCII, without the signs of print around them."""
    words = (word.lstrip(_BEFORE).rstrip(_AFTER) for word in _WORDS.findall(text))
    return [word for word in words if not word.isascii()]


def _is_strange(word: str) -> bool:
    """Tell whether a word is none of a Western language: of letters beyond ASCII alone, or with other signs inside."""
    wide = sum(not letter.isascii() for letter in word)
    return (len(word) >= 3 and wide > 0.7 * len(word)) or _STRANGE.search(word) is not None or "\ufffd" in word


def _suitability(words: list[str], scripts: tuple[str, ...]) -> float:
    """Return the share of the letters beyond ASCII that are of the scripts, and in the case that words have."""
    wide = suited = 0
    for word in words:
        # A word is small, is capital, or begins with a capital.
        cased = word.islower() or word.isupper() or word[1:].islower() or not word[1:].isupper()
        beyond = [letter for letter in word if not letter.isascii() and unicodedata.category(letter)[0] in "LM"]
        # Latin words also have letters of ASCII, and others have none.
        mixed = len(beyond) <= 0.8 * len(word)
        wide += len(beyond)
        if cased and mixed == (scripts == ("LATIN",)):
            suited += sum(unicodedata.name(letter, "").startswith(scripts) for letter in beyond)
    # Words are seldom all capitals: those of another encoding with the same letters may be.
    capitals = sum(map(str.isupper, words)) / len(words)
    return suited / wide - 0.05 * capitals if wide else 0.0
