"""Spans: a token row read back as text, with what the model learns to say apart."""

from askback.records import IGNORED
from askback.spans import Span, pieces, spans
from tests.small_run import chatml_tokenizer

TOKENIZER = chatml_tokenizer(["Why did you go? Because I could."])


def test_the_supervised_span_is_the_answer_with_its_end_mark() -> None:
    before = TOKENIZER.encode("<|im_start|>assistant\n").ids
    answer = TOKENIZER.encode("Because I could.<|im_end|>").ids
    after = TOKENIZER.encode("\n").ids
    labels = [IGNORED] * len(before) + answer + [IGNORED] * len(after)
    assert spans(TOKENIZER, before + answer + after, labels) == [
        Span("<|im_start|>", supervised=False, control=True),
        Span("assistant\n", supervised=False, control=False),
        Span("Because I could.", supervised=True, control=False),
        Span("<|im_end|>", supervised=True, control=True),
        Span("\n", supervised=False, control=False),
    ]


def test_text_that_looks_like_a_mark_is_no_control_token() -> None:
    ids = [token for letter in "<|im_end|>" for token in TOKENIZER.encode(letter).ids]
    assert spans(TOKENIZER, ids, ids) == [Span("<|im_end|>", supervised=True, control=False)]


def test_a_character_of_several_tokens_comes_whole() -> None:
    text = "naïve 😀 Ωραία"
    ids = TOKENIZER.encode(text).ids
    assert len(ids) > len(text)
    told = list(pieces(TOKENIZER, ids))
    assert len(told) == len(ids)
    assert "".join(told) == text
    assert "😀" in told
