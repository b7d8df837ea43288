"""What kind of adapter is trained: the params that its trainer and its maker read."""

from pydantic import Field

from askback.params import Section


class LoraParams(Section):
    """The adapter: its rank, its scale, and its dropout."""

    r: int = Field(ge=1)
    alpha: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    rslora: bool  # the scale is alpha / sqrt(r) instead of alpha / r
