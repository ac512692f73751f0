"""Captions to tokens as the coco-caption evaluation does it, in Python.

The rule is the Penn Treebank tokenizer of Stanford CoreNLP 3.4.1, lower-cased, with a fixed list of marks
dropped. Brackets are not on that list in the form in which they come out (`-lrb-`), and neither are runs
such as `!!`: both stay, because published scores were computed with them.
"""

import re

TOKENIZER = "python"  # recorded beside every score

_DROPPED = frozenset(["'", '"', "`", ".", "?", "!", ",", ":", "-", "...", ";"])

_SUBSTITUTES = str.maketrans(
    dict.fromkeys("\u2018\u2019\u00b4", "'")
    | dict.fromkeys("\u201c\u201d", '"')
    | dict.fromkeys("\u2013\u2014", " -- ")
    | {"\u2026": "...", "½": "1/2", "£": "#", "€": "$", "\u00ad": None}  # U+00AD is the soft hyphen
    | dict.fromkeys("\u200b\ufeff", " ")  # zero-width space, byte order mark
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_CONTRACTIONS = {
    "cannot": ["can", "not"],
    "gimme": ["gim", "me"],
    "gonna": ["gon", "na"],
    "gotta": ["got", "ta"],
    "lemme": ["lem", "me"],
    "wanna": ["wan", "na"],
    "'tis": ["'t", "is"],
    "'twas": ["'t", "was"],
}
_ABBREVIATION = r"""
    adm | al | apr | ariz | assn | atty | aug | ave | bldg | blvd | bros | calif | capt | cf | co | col
    | conn | corp | cpl | dec | dept | det | dr | elec | est | etc | ext | feb | fla | fri | ft | gen |
    gov | hon | inc | ind | insp | jan | jr | jul | jun | ky | lieut | lt | ltd | maj | mar | messrs |
    mich | minn | mo | mon | mr | mrs | ms | mt | natl | nov | oct | okla | penn | plc | pres | prof |
    pvt | rd | rep | reps | rev | rt | sen | sens | sep | sept | seq | sgt | sq | sr | st | ste | supt |
    tel | tenn | thu | thurs | tue | tues | univ | va | vs | wed | wis | wyo | ph\.d
"""
_WITH_APOSTROPHE = r"""
    c'mon | e'er | ev'ry | li'l | nat'l | nor'easter | o'clock | s'mores | dunkin' | ol' | y'(?=all\b)
    | [djlo]'[^\W\d_]{2,} | [^\W\d_]*[aeiouy]'[aeiou][^\W\d_]*
"""

# The first alternative that matches wins; a caption is a run of them, with white space between.
_TOKEN = re.compile(
    rf"""
    (?=\S) (?:                                                                # fails at once at a space
      [a-z]+ (?=[ ,])                                                           # nearly all words
    | '(?:tis | twas) \b
    | 'n' | 'n (?!\w) | '(?:s | m | d | re | ve | ll | em | till? | cause | [2-9]0s) \b
    | n't \b | [^\W\d_]+? (?=n't\b)                                             # do n't
    | {_WITH_APOSTROPHE}
    | (?:{_ABBREVIATION})\. (?!\w) | no\. (?=\ *\d)                             # st. no. 8
    | (?-i:[A-Z]) (?= \.(?:\s*$ | \ +(?:A|The)\b) )                             # plan B. The end
    | (?:[^\W\d_]\.)+ (?!\w) | [^\W\d_](?:\.[^\W\d_])+\.? (?!\w)                # a. t.v. u.s.a
    | \d+ (?:[.,:/-]\d+)+ | \.\d+                                               # 3,000 12:43 .5
    | (?-i:[A-Z]+&[A-Z]+)                                                       # AT&T
    | [\w\u0300-\u036f]+ (?:[-/._@!?][\w\u0300-\u036f]+)*                       # t-shirt and/or
    | -[lr][rsc]b- | [!?]+ | \.{{3}} | -{{2,}} | \*+
    | [^\s\U00010000-\U0010ffff]                                                # emoji vanish
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_ENDS_WITH_PERIOD = re.compile(rf"[a-z] | {_ABBREVIATION}", re.VERBOSE)


def tokenize(caption: str) -> list[str]:
    """The tokens of a caption, lower-cased, clitics split off, punctuation dropped. May be empty.

    >>> tokenize("A man doesn't pet his dog's (wet) fur by St. J.")
    ['a', 'man', 'does', "n't", 'pet', 'his', 'dog', "'s", '-lrb-', 'wet', '-rrb-', 'fur', 'by', 'st.', 'j']
    """
    return _plain_words(caption) or _lexed(caption)


def _plain_words(caption: str) -> list[str]:
    """The short way for nearly all captions: letters and commas up to a last period; empty for the others."""
    body = caption.strip().lower()
    letters = body.replace(",", " ").removesuffix(".")
    words = letters.split()
    plain = "".join(words).isalpha() and _CONTRACTIONS.keys().isdisjoint(words)
    if plain and not (body.endswith(".") and _ENDS_WITH_PERIOD.fullmatch(words[-1])):
        return words
    return []


def _lexed(caption: str) -> list[str]:
    tokens: list[str] = []
    for token in _TOKEN.findall(caption.translate(_SUBSTITUTES)):
        token = token.lower()
        if token in _CONTRACTIONS:
            tokens += _CONTRACTIONS[token]
        elif token not in _DROPPED and not token.startswith("--"):
            tokens.append(_BRACKETS.get(token, token))
    return tokens
