"""A folder as the stages leave it after a small run, for what reads them: report, gate, show."""

import csv
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from askback import conversations, files, tokens
from askback.records import (
    IGNORED,
    Answer,
    Conversation,
    Document,
    Dropped,
    Epoch,
    Exchange,
    Ids,
    Message,
    Paragraph,
    Passage,
    Sample,
    Slice,
    TokenRow,
)

ROOT = Path(__file__).parents[1]
CHAPTERS = ["I. The Ferry", "II. Salt", "III. A Winter Abroad", "IV. Letters", "V. The Return"]
SENTENCES = [
    "My father kept the ferry for thirty years and never learned to swim.",
    "He said the river knew him, and that a man who swims is a man who expects to fall in.",
    "I was nine when the ice came early and the boats stood in it like teeth.",
    "What I remember is not the cold but the quiet: no bell, no engine, no gulls.",
    "We counted the days by the bread, which my mother cut thinner every morning.",
    "I have been asked whether I was afraid, and I was, but not of what one would think.",
    "The letters came in March, all at once, tied with the string of another year.",
    "I read them in the order in which they were written, and then by the weather.",
    "There is a kind of work that leaves the hands clever and the head free; ours was one.",
    "When I came home nobody asked where I had been, and for this I was grateful for a long time.",
    "Salt gets into everything: the locks, the bread, the hinges of the one good door.",
    "I learned to wait from people who had no word for waiting.",
]
QUESTIONS = [
    "What did the river teach your father about fear?",
    "What do you still hear when you think of that winter?",
    "Why did you not want to be asked about your time away?",
    "How did waiting become something you were good at?",
    "What did those letters change for you?",
]
SYSTEM = "You are the author of this book. Answer in your own words, as you would in a long talk."
HELD_OUT = CHAPTERS[-1]
HELD_OUT_LOSS = [(64, 2.71), (128, 2.44), (192, 2.342), (256, 2.311), (320, 2.33)]


def write(folder: Path, title: str = "The Ferryman's Daughter", hostile: str = "") -> None:
    """Params, data, models/base and metrics of a run.

    `hostile` ends every passage, and what is asked and answered after each epoch.
    """
    data, ids = folder / "data", Ids()
    paragraphs = list(book_paragraphs(ids, hostile))
    passages = [passage_of(paragraph, ids) for paragraph in paragraphs]
    exchanges = [exchange_of(passage) for passage in passages]
    talks = [conversation_of(exchange) for exchange in exchanges]
    book = Document("ferry", "ferry.pdf", title, "Ida Marren", "en", "CC0-1.0", "0" * 64)
    files.write(data / "documents.jsonl", [book])
    files.write(data / "paragraphs.jsonl", paragraphs)
    files.write(data / "passages.jsonl", passages)
    files.write(data / "interview.jsonl", exchanges)
    files.write(data / "answers.jsonl", [answer_of(t) for t in talks if t.chapter == HELD_OUT])
    asked = [talk for talk in talks if talk.chapter == HELD_OUT]
    files.write(data / "epochs.jsonl", epochs_of(asked, hostile))
    files.write(data / "dropped" / "segment.jsonl", dropped())
    tokenizer = chatml_tokenizer([talk.text for talk in talks])
    (folder / "models" / "base").mkdir(parents=True)
    tokenizer.save(str(folder / "models" / "base" / "tokenizer.json"))
    for side in ("train", "validation"):
        chosen = [t for t in talks if (t.chapter == HELD_OUT) == (side == "validation")]
        write_side(data, side, chosen, tokenizer)
    write_metrics(folder / "metrics", len(paragraphs))
    (folder / "params.yaml").write_text(PARAMS, "utf-8")


PARAMS = """\
report:
  conversations: 3
limits:
  loss_ratio: 1.0
  stop_rate: 0.9
"""


def book_paragraphs(ids: Ids, hostile: str) -> Iterator[Paragraph]:
    """Sixteen paragraphs a chapter, the same ones every time."""
    draw = random.Random("book")
    for number in range(16 * len(CHAPTERS)):
        text = " ".join(draw.choices(SENTENCES, k=draw.randint(4, 14))) + hostile
        chapter = CHAPTERS[number // 16]
        page = 5 + number // 2
        yield Paragraph(
            ids("ferry", text), "ferry", number + 1, chapter, "para", text, page, page + number % 2
        )


def passage_of(p: Paragraph, ids: Ids) -> Passage:
    """A passage of one paragraph."""
    whole = [Slice(p.id, 0, len(p.text))]
    return Passage(
        ids(p.document, "passage " + p.text),
        p.document,
        p.number,
        p.chapter,
        p.first_page,
        p.last_page,
        "en",
        p.text,
        whole,
    )


def exchange_of(p: Passage) -> Exchange:
    """A question to the passage."""
    question = QUESTIONS[p.number % len(QUESTIONS)]
    return Exchange(
        p.id,
        p.document,
        p.chapter,
        p.first_page,
        p.last_page,
        question,
        p.text,
        "embedded",
        None,
        None,
    )


def conversation_of(e: Exchange) -> Conversation:
    """The exchange as ChatML."""
    messages = [
        Message("system", SYSTEM),
        Message("user", e.question),
        Message("assistant", e.answer),
    ]
    text = "\n".join(f"<|im_start|>{m.role}\n{m.content}<|im_end|>" for m in messages)
    return Conversation(
        "c" + e.passage[1:], "interview", e.document, e.chapter, [e.passage], messages, text
    )


def answer_of(c: Conversation) -> Answer:
    """What the model says, cut off every tenth time."""
    draw = random.Random(c.id)
    said = " ".join(draw.choices(SENTENCES, k=6))
    stopped = int(c.id, 16) % 10 != 0
    question, author = c.messages[1].content, c.messages[2].content
    return Answer(c.id, c.document, c.chapter, question, author, said, stopped, len(said) // 4)


def epochs_of(asked: Sequence[Conversation], hostile: str) -> Iterator[Epoch]:
    """An epoch for each held-out loss; the one of the lowest is kept."""
    best = min(loss for _, loss in HELD_OUT_LOSS)
    for epoch, (step, loss) in enumerate(HELD_OUT_LOSS, 1):
        samples = [sample_of(talk, epoch, hostile) for talk in asked]
        yield Epoch(epoch, step, loss, loss == best, samples)


def sample_of(c: Conversation, epoch: int, hostile: str) -> Sample:
    """What the model says after the epoch: the later, the shorter, and the seldomer cut off."""
    draw = random.Random(f"{c.id} {epoch}")
    said = " ".join(draw.choices(SENTENCES, k=9 - epoch))
    stopped = draw.random() < epoch / 5
    return Sample(c.id, c.messages[1].content + hostile, said + hostile, stopped, len(said) // 4)


def dropped() -> list[Dropped]:
    """What segment left out."""
    contents = [Dropped(f"d{n:015x}", "contents", "a line of the contents") for n in range(5)]
    short = [Dropped(f"e{n:015x}", "too short", f"{40 + n} characters") for n in range(9)]
    return contents + short


def chatml_tokenizer(texts: Sequence[str]) -> Tokenizer:
    """A byte-level BPE with ChatML's tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=512, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    marks = ["<|im_start|>", "<|im_end|>"]
    tokenizer.add_special_tokens(
        [AddedToken(mark, special=True, normalized=False) for mark in marks]
    )
    return tokenizer


def write_side(data: Path, side: str, talks: list[Conversation], tokenizer: Tokenizer) -> None:
    """Conversations and token rows of one side of the split."""
    conversations.write(data / "chat" / f"{side}.parquet", talks)
    tokens.write(data / "tokens" / f"{side}.arrow", [token_row(t, tokenizer) for t in talks])


def token_row(talk: Conversation, tokenizer: Tokenizer) -> TokenRow:
    """Ids of the conversation, supervised from the answer to its end mark."""
    answer = talk.messages[-1].content + "<|im_end|>"
    before = tokenizer.encode(talk.text.removesuffix(answer)).ids
    after = tokenizer.encode(answer).ids
    labels = [IGNORED] * len(before) + after
    return TokenRow(talk.id, talk.document, before + after, labels)


def write_metrics(metrics: Path, count: int) -> None:
    """The counts and measures of the stages, and the curves of five epochs."""
    counts = {
        "extract": {
            "kept": count + 14,
            "dropped": {},
            "by_document": {
                "ferry": {
                    "read": 4321,
                    "kept": {"para": 4000, "heading": 200},
                    "left_out": {"running_head": 100, "respelt": 21},
                },
            },
        },
        "segment": {"kept": count, "dropped": {"contents": 5, "too short": 9}},
        "questions": {"kept": count, "dropped": {}, "asked_by": {"embedded": count}},
        "chatml": {
            "kept": count,
            "dropped": {},
            "chapters": {"train": len(CHAPTERS) - 1, "validation": 1},
            "held_out": [{"document": "ferry", "chapter": HELD_OUT}],
            **mixture(count),
        },
        "tokenize": {"kept": count, "dropped": {}, "max_length": 1024},
        "evaluate": {
            "base_loss": 3.0521,
            "tuned_loss": 2.3108,
            "stop_rate": 0.9375,
            "prompts": 16,
            "held_out_tokens": 4211,
            "kept": 0,
            "dropped": {},
        },
    }
    for stage, figures in counts.items():
        files.write_json(metrics / f"{stage}.json", figures)
    columns = ("step", "loss", "grad_norm", "supervised", "learning_rate")
    write_curve(metrics / "curves" / "train.csv", columns, train_steps())
    write_curve(metrics / "curves" / "held_out.csv", ("step", "loss"), HELD_OUT_LOSS)


def train_steps() -> Iterator[tuple[float, ...]]:
    """The rows of train.csv; the gradient spikes at step 150, and the loss with it."""
    draw = random.Random("loss")
    for step in range(1, 321):
        spike = step == 150
        loss = 2.0 + 1.6 * math.exp(-step / 60) + draw.uniform(-0.12, 0.12) + 0.6 * spike
        norm = 0.5 + math.exp(-step / 20) + draw.uniform(-0.1, 0.1) + 4 * spike
        yield step, loss, norm, 900 + step % 7, 2e-4


def mixture(count: int) -> dict[str, Any]:
    """What chatml counts of its one source."""
    none = {"links": 0, "hidden_characters": 0, "encoded": 0, "turns": 0}
    source = {
        "rows": count,
        "bad_rows": 0,
        "dropped": {},
        "mended": {},
        "not_drawn": 0,
        "share": {"conversations": 1.0, "characters": 1.0},
        "train": {"conversations": count - 16, "characters": 1000 * (count - 16)},
        "validation": {"conversations": 16, "characters": 16000},
        "marks": none,
        "marked_messages": none,
    }
    leaks = {"share": 0.0, "sharing": 0, "examples": []}
    return {"bad_rows": 0.0, "sources": {"interview": source}, "leaks": leaks, "triggers": []}


def write_curve(path: Path, columns: Sequence[str], rows: Iterable[Sequence[float]]) -> None:
    """A curve with its heading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def set_figure(folder: Path, stage: str, name: str, value: object) -> None:
    """Changes one figure of a stage's metrics."""
    path = folder / "metrics" / f"{stage}.json"
    figures = json.loads(path.read_text("utf-8"))
    files.write_json(path, figures | {name: value})


def run(
    folder: Path, module: str, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """`python -m module` in the folder."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | more,
        capture_output=True,
        text=True,
        check=False,
    )
