"""Messages as a model reads them: in its own chat template, or in plain turns where it has none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from askback.asking.replies import Request
from askback.errors import UserError
from askback.records import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

NEXT_TURN = "\nUser:"  # ends a reply of a model without chat template


class Turns:
    """A model's tokenizer and chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.plain = not tokenizer.chat_template
        added = tokenizer.added_tokens_decoder
        self.control = [id_ for id_, token in added.items() if token.special]
        spelled = [token.content for token in added.values()]
        self._added = [text for text in spelled if len(text) > 1 and not text.isspace()]

    @classmethod
    def load(cls, folder: Path) -> Turns:
        """Those of the model in `folder`; what tokenizer.json says, whatever class is named."""
        from transformers import PreTrainedTokenizerFast

        turns = cls(PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True))
        if turns.plain:
            print(
                f"questions: {folder} has no chat template, so it reads plain turns, User: and "
                "Assistant:; a model tuned for chat asks better",
                file=sys.stderr,
            )
        return turns

    def encode(self, request: Request) -> list[int]:
        """The ids of a request's messages, up to where the reply goes on.

        A last message of the assistant's is how the reply begins. Raises UserError, naming the
        passage, where the chat template refuses the messages.
        """
        if self.plain:
            return list(self.tokenizer(self._plain(request.messages)).input_ids)
        text = self._in_template(request)
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of what was said."""
        text = self.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text

    def _in_template(self, request: Request) -> str:
        from jinja2 import TemplateError

        primed = request.messages[-1].role == "assistant"
        try:
            text = self.tokenizer.apply_chat_template(
                [{"role": m.role, "content": self._as_text(m.content)} for m in request.messages],
                tokenize=False,
                continue_final_message=primed,
                add_generation_prompt=not primed,
            )
        except (TemplateError, ValueError) as error:
            raise UserError(
                f"passage {request.passage}: the model's chat template refuses the prompt: "
                f"{str(error).splitlines()[0]}; choose another model or prompt"
            ) from None
        assert isinstance(text, str)
        return text

    def _plain(self, messages: Sequence[Message]) -> str:
        turns = [f"{m.role.title()}: {self._as_text(m.content)}" for m in messages]
        primed = messages[-1].role == "assistant"
        return "\n\n".join(turns if primed else [*turns, "Assistant:"])

    def _as_text(self, text: str) -> str:
        """`text` with a space in whatever spells an added token, so that no book ends a turn."""
        for token in self._added:
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text
