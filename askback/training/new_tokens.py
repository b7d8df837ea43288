"""ChatML's two tokens in a frozen base: trained as rows beside the matrices, or with all of them.

The rows are [2, hidden] in fp32, where the tutorial trains two whole matrices of a model's words.
A tied base has one copy of either, in the embeddings and in the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import Embedding, Module, Parameter
from torch.nn.functional import embedding, linear
from transformers import PreTrainedModel

NewTokens = Literal["rows", "full"]


class Rows(Module):
    """A frozen matrix [words, hidden], but for the rows of `ids`."""

    ids: Tensor

    def __init__(self, weight: Tensor, rows: Parameter, ids: Tensor) -> None:
        super().__init__()
        self.weight = Parameter(weight, requires_grad=False)
        self.rows = rows
        self.register_buffer("ids", ids, persistent=False)


class RowsEmbedding(Rows):
    """Embeddings of such a matrix."""

    def forward(self, input_ids: Tensor) -> Tensor:
        """[…, hidden] of […], in the frozen matrix's precision."""
        out = embedding(input_ids, self.weight)
        for token, row in zip(self.ids, self.rows, strict=True):
            out = torch.where((input_ids == token)[..., None], row.to(out.dtype), out)
        return out


class RowsHead(Rows):
    """The head of such a matrix; the logits of its rows are computed in fp32."""

    def forward(self, hidden: Tensor) -> Tensor:
        """[…, words] of […, hidden]; training has `head_loss` instead."""
        logits = linear(hidden, self.weight)
        with torch.autocast(hidden.device.type, enabled=False):
            new = linear(hidden.float(), self.rows)
        return logits.index_copy(-1, self.ids, new.to(logits.dtype))


class FullEmbedding(Module):
    """Embeddings that are trained in fp32 and give the base's precision."""

    def __init__(self, weight: Parameter, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = weight
        self.dtype = dtype

    def forward(self, input_ids: Tensor) -> Tensor:
        """[…, hidden] of […]."""
        return embedding(input_ids, self.weight).to(self.dtype)


class FullHead(Module):
    """An output matrix that is trained in fp32 and computes in the precision of what comes in."""

    def __init__(self, weight: Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, hidden: Tensor) -> Tensor:
        """[…, words] of […, hidden]."""
        return linear(hidden, self.weight.to(hidden.dtype))


def train_new_tokens(network: PreTrainedModel, ids: Sequence[int], how: NewTokens) -> None:
    """Puts trainable rows for `ids`, or trainable matrices, where the network's frozen ones were.

    No copy of a matrix that is trained as a whole stays behind.
    """
    embeddings, head = network.get_input_embeddings(), network.get_output_embeddings()
    assert isinstance(embeddings, Embedding)
    assert isinstance(head, torch.nn.Linear)
    tied = head.weight is embeddings.weight
    old, out = embeddings.weight.data, head.weight.data
    if how == "rows":
        chosen = torch.tensor(ids, device=old.device)
        rows = Parameter(old[chosen].float())
        network.set_input_embeddings(RowsEmbedding(old, rows, chosen))
        of_head = rows if tied else Parameter(out[chosen].float())
        network.set_output_embeddings(RowsHead(out, of_head, chosen))
        if tied:
            network.get_output_embeddings().weight = network.get_input_embeddings().weight
    else:
        matrix = Parameter(old.float())
        network.set_input_embeddings(FullEmbedding(matrix, old.dtype))
        network.set_output_embeddings(FullHead(matrix if tied else Parameter(out.float())))
