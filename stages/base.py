"""Makes the base ready to learn ChatML: reads data/chat/train.parquet, writes models/base/.

python -m stages.base data/chat/train.parquet models/base --metrics metrics/base.json

`tiny` is built here from the training side's text; a Hub id or a folder is checked and pinned.
Either way the folder ends with a tokenizer that knows ChatML and with a row for each new token:
the mean of the old rows, computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from askback import chat, conversations, files, model, tiny
from askback.errors import UserError
from askback.ledger import Ledger
from askback.model import Base
from askback.params import Section, load
from askback.stage import In, Out, run
from askback.text_tokenizer import token_id
from askback.tiny import TinyParams

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class BaseParams(Section):
    """Which model is tuned."""

    model: str  # `tiny`, a Hub id, or a folder
    revision: str | None
    sha256: str | None
    tiny: TinyParams


def build_tiny(train: Path, folder: Path, params: TinyParams) -> Base:
    """Tokenizer, config and weights of `tiny`, written into `folder`."""
    import torch

    model.quieten()
    texts = list(answers(train))
    tokenizer = tiny.train_tokenizer(texts, params.vocabulary)
    network = tiny.pretrain(texts, tokenizer, params)
    old = tokenizer.get_vocab_size()
    new = add_chatml(tokenizer)
    network.resize_token_embeddings(tokenizer.get_vocab_size(), mean_resizing=False)
    with torch.no_grad():
        for matrix in [
            network.get_input_embeddings().weight,
            network.get_output_embeddings().weight,
        ]:
            matrix[old:] = matrix[:old].mean(0)
    network.save_pretrained(folder)
    save_tokenizer(tokenizer, folder, {"bos_token": tiny.BOS}, bos=True)
    names = ["config.json", "model.safetensors"]
    return pin("tiny", None, folder, names, new)


def answers(train: Path) -> Iterator[str]:
    """What the author says in the training conversations."""
    for conversation in conversations.read(train):
        yield from (m.content for m in conversation.messages if m.role == "assistant")


def adopt(params: BaseParams, folder: Path) -> Base:
    """Tokenizer, config and new rows of a base made by others, written into `folder`."""
    from tokenizers import Tokenizer

    source = model.locate(params.model, params.revision)
    model.refuse_unsafe(source)
    names = [p.name for p in source.iterdir() if p.suffix == ".safetensors"] + ["config.json"]
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    old = tokenizer.get_vocab_size()
    new = add_chatml(tokenizer)
    base = pin(params.model, params.revision, source, [*names, "tokenizer.json"], new)
    refuse_other_bytes(params, base)
    save_config(source, folder, tokenizer)
    save_rows(source, folder, old, len(new))
    settings = tokenizer_settings(source)
    save_tokenizer(tokenizer, folder, settings, bos=begins_with_bos(tokenizer, settings))
    return base


def refuse_other_bytes(params: BaseParams, base: Base) -> None:
    """Raises UserError unless a folder's files are the ones that params.yaml pins."""
    if Path(params.model).is_dir() and params.sha256 != base.sha256:
        was = "is not pinned" if params.sha256 is None else "is not what base.sha256 says"
        raise UserError(f"params.yaml: {params.model} {was}; write base.sha256: {base.sha256}")


def pin(
    name: str, revision: str | None, folder: Path, names: list[str], new: dict[str, int]
) -> Base:
    """The record of a base whose bytes are the files `names` of `folder`."""
    sizes = {file: (folder / file).stat().st_size for file in sorted(names)}
    return Base(name, revision, sizes, model.fingerprint(folder, names), new)


def add_chatml(tokenizer: Tokenizer) -> dict[str, int]:
    """Adds the ChatML tokens that `tokenizer` lacks; their ids."""
    return {token: token_id(tokenizer, token) for token in chat.add_chatml(tokenizer)}


def tokenizer_settings(source: Path) -> dict[str, Any]:
    """The base's tokenizer_config.json, empty where it has none."""
    path = source / "tokenizer_config.json"
    return model.read_json(path) if path.is_file() else {}


def begins_with_bos(tokenizer: Tokenizer, settings: Mapping[str, Any]) -> bool:
    """Whether the base was trained on texts that begin with its BOS token."""
    bos = token_text(settings.get("bos_token"))
    if bos is None:
        return False
    said = settings.get("add_bos_token")
    return bool(
        tokenizer.encode("a").ids[0] == tokenizer.token_to_id(bos) if said is None else said
    )


def token_text(token: str | Mapping[str, Any] | None) -> str | None:
    """A special token's text, from either of the forms that tokenizer_config.json has."""
    return token["content"] if isinstance(token, Mapping) else token


def save_tokenizer(
    tokenizer: Tokenizer, folder: Path, settings: Mapping[str, Any], bos: bool
) -> None:
    """tokenizer.json and tokenizer_config.json, with ChatML's marks and template."""
    tokenizer.save(str(folder / "tokenizer.json"))
    kept = {key: token_text(settings.get(key)) for key in ["bos_token", "unk_token"]}
    chatml = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": chat.IM_END,
        "pad_token": chat.PAD,
        "additional_special_tokens": [chat.IM_START],
        "chat_template": chat.template(bos),
        "clean_up_tokenization_spaces": False,
    }
    files.write_json(
        folder / "tokenizer_config.json", {k: v for k, v in kept.items() if v} | chatml
    )


def save_config(source: Path, folder: Path, tokenizer: Tokenizer) -> None:
    """The base's config with room for every token."""
    config = model.read_json(source / "config.json")
    config["vocab_size"] = max(config["vocab_size"], tokenizer.get_vocab_size())
    files.write_json(folder / "config.json", config)


def save_rows(source: Path, folder: Path, old: int, count: int) -> None:
    """The new tokens' rows: in each embedding matrix the mean of its `old` rows, in fp32."""
    from safetensors.torch import save_file

    names = embeddings(source)
    rows = {
        name: matrix[:old].float().mean(0).expand(count, -1).contiguous()
        for name, matrix in model.tensors(source, names)
    }
    for name in names:
        if name not in rows:
            raise UserError(f"{source}: no tensor {name} in its safetensors; fetch the base again")
    save_file(rows, folder / model.ROWS)


def embeddings(source: Path) -> list[str]:
    """The names of the matrices with a row for each token: one where they are tied, else two."""
    network = model.empty(source)
    both = {id(network.get_input_embeddings().weight), id(network.get_output_embeddings().weight)}
    tied = network.config.tie_word_embeddings
    names = [name for name, parameter in network.named_parameters() if id(parameter) in both]
    return names[:1] if tied else names


def main(train: In, base: Out, ledger: Ledger) -> None:
    """Builds or adopts the base and gives it ChatML's tokens."""
    params = load("base", BaseParams)
    with files.whole(base) as folder:
        folder.mkdir()
        made = (
            build_tiny(train, folder, params.tiny)
            if params.model == "tiny"
            else adopt(params, folder)
        )
        made.save(folder)
    vocabulary = model.read_json(base / "config.json")["vocab_size"]
    ledger.figures |= {"model": made.model, "vocabulary": vocabulary, "sha256": made.sha256}


if __name__ == "__main__":
    run(main)
