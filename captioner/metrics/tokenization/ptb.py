"""Penn Treebank tokenization of captions as the coco-caption evaluation does it, in Python.

The rule is the Penn Treebank tokenizer of Stanford CoreNLP 3.4.1, lower-cased, with a fixed list of marks
dropped. Brackets are not on that list in the form in which they come out (`-lrb-`), and neither are runs
such as `!!`: both stay, because published scores were computed with them. That tokenizer reads into the
next caption to decide whether `plan B.` ends a sentence; here the next caption is taken to begin with `A`, as
most captions do.
"""

import re
from typing import NamedTuple

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
# These keep their period, in any case; the names of states only with a capital: a car wash. in Wash.
_ABBREVIATION = r"""
    adj | adm | adv | al | ala | alex | apr | ariz | assn | assoc | asst | attys? | aug | ave | bhd |
    bldg | blvd | brig | bros | calif | capt | cf | cie | cmdr | co | col | colo | conn | corp | cos |
    cpl | ct | dak | dec | dept | det | drs? | elec | ens | esq | est | etc | ext | feb | fla | fri | ft |
    ga | gen | govs? | hon | inc | ind | insp | intl | invt | jan | jos | jr | jul | jun | kans? | ky |
    lieut | lt | ltd | maj | mar | md | messrs | mfg | mich | minn | mlle | mme | mo | mont? | mrs? | ms |
    msgr | mt | mtg | natl | neb | nev | nov | oct | okla | penn | pfc | ph | plc | pp?te | ppty | pres |
    prof | ptes | ptys? | pvt | rd | reps? | rev | rt | sens? | sept? | seq | sfc | sgt | spc | sq | sr |
    st | ste | supt | sys | tel | tenn | thu | thurs | tues? | univ | va | vs | vt | wed | wisc? | wm | wyo
    | ph\.d
"""
_NUMBERED = "art | ca | figs? | nos? | op | pp | prop"  # before a number only: no. 8
_STATE = "ark | az | del | ill | la | mass | miss | ore | pa | tex | wash"
_SENTENCE_START = r"""(?-i:
    A | About | According | Additionally | After | An | As | At | But | Earlier | He | Her | Here | However |
    If | In | It | Last | Many | More | Now | Once | One | Other | Our | She | Since | So | Some | Such |
    That | The | Their | Then | There | These | They | This | We | What | When | While | Yet | You)\b"""
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
    | (?: {_ABBREVIATION} | (?=(?-i:[A-Z])) (?:{_STATE}) )\. (?!\w)                  # st. Wash.
    | (?: {_NUMBERED} )\. (?=\s*\d)                                            # no. 8
    | [a-z] (?= \. (?: \s*$ | \s+ {_SENTENCE_START} ) )                         # plan B. The end
    | (?:[a-z]\.)+ (?!\w) | [^\W\d_](?:\.[^\W\d_])+\.? (?!\w)                # a. t.v. u.s.a
    | \d+ (?:[.,:/-]\d+)+ | \.\d+                                               # 3,000 12:43 .5
    | (?-i:[A-Z]+&[A-Z]+) | </?[a-z]+>                                          # AT&T <unk>
    | [\w\u0300-\u036f]+ (?:[-/._@!?][\w\u0300-\u036f]+)*                       # t-shirt and/or
    | -[lr][rsc]b- | [!?]+ | \.{{3}} | -{{2,}} | \*+
    | [^\s\U00010000-\U0010ffff]                                                # emoji vanish
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_ENDS_WITH_PERIOD = re.compile(rf"[a-z] | {_ABBREVIATION} | {_STATE}", re.VERBOSE)

# Forms that were compared with the Java tokenizer and never differed: a run of these, white space between.
_WORD = "(?:[a-zß-öø-ÿ]+(?:-[a-zß-öø-ÿ]+)*|[a-z]+/[a-z]+)"
_AUXILIARY = "ai|are|ca|could|did|do|does|had|has|have|is|might|must|need|should|was|were|wo|would"
_SURE = re.compile(
    rf"""\s* (?: (?! ["(]? (?: cannot | g[io][mnt][mnt][ea] | lemme | wanna | nat )' ) (?:
      ["(]? (?: [a-z]{{2,}}'(?:s|d|m|re|ve|ll) | (?:{_AUXILIARY})n't | {_WORD}
        | \d{{1,4}}(?:st|nd|rd|th|s)? ) [")]? [,;:!?]? "?
    | (?! (?: [^\W\d_] | {_ABBREVIATION} | (?=(?-i:[A-Z])) (?:{_STATE}) ) \. )
      (?! (?: {_NUMBERED} )\. \s* \d)
      (?: {_WORD}(?:'s)? | [a-z]+\d+ | \d{{1,4}}(?:st|nd|rd|th|s) ) \. (?= \s | $)
    | n't | '(?:s|d|m|re|ve|ll) | -[lr][rs]b- | --? | [&",;:!?.] | </?[a-z]+>
    ) (?: \s+ | $) )*""",
    re.VERBOSE | re.IGNORECASE,
)


class Tokenized(NamedTuple):
    """The tokens of a caption; `is_sure` where its form was compared with the Java tokenizer."""

    tokens: list[str]
    is_sure: bool


def tokenize(caption: str) -> list[str]:
    """Tokenize a caption: lower-cased, clitics split off, punctuation dropped. The result may be empty.

    >>> tokenize("A man doesn't pet his dog's (wet) fur by St. J.")
    ['a', 'man', 'does', "n't", 'pet', 'his', 'dog', "'s", '-lrb-', 'wet', '-rrb-', 'fur', 'by', 'st.', 'j']
    """
    return _plain_words(caption) or _lexed(caption)


def tokenize_with_doubt(caption: str) -> Tokenized:
    """Tokenize a caption, and say whether the Java tokenizer is certain to give the same tokens.

    Most captions with odd punctuation are tokenized as by Java too; it is only not certain.

    >>> [tokenize_with_doubt(caption).is_sure for caption in ("A dog's ball.", "Turn @ 5 o'clock")]
    [True, False]
    """
    if words := _plain_words(caption):
        return Tokenized(words, is_sure=True)
    return Tokenized(_lexed(caption), _SURE.fullmatch(caption) is not None)


def _plain_words(caption: str) -> list[str]:
    """Tokenize letters and commas up to a last period, which most captions are; empty for others."""
    body = caption.strip().lower()
    letters = body.replace(",", " ").removesuffix(".")
    words = letters.split()
    together = "".join(words)
    plain = together.isascii() and together.isalpha() and _CONTRACTIONS.keys().isdisjoint(words)
    if plain and not (body.endswith(".") and _ENDS_WITH_PERIOD.fullmatch(words[-1])):
        return words
    return []


def _lexed(caption: str) -> list[str]:
    """Tokenize any caption by the regular expression."""
    tokens: list[str] = []
    for token in _TOKEN.findall(caption.translate(_SUBSTITUTES)):
        token = token.lower()
        if token in _CONTRACTIONS:
            tokens += _CONTRACTIONS[token]
        elif token not in _DROPPED and not token.startswith("--"):
            tokens.append(_BRACKETS.get(token, token))
    return tokens
