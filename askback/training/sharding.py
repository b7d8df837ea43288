"""Frozen weights spread over the processes: each keeps a part, and a whole layer while it runs.

PyTorch's FSDP2 does it. A layer is gathered as bytes, so packed NF4 weights stay uint8 and norms
can have any precision. The scales of NF4 (bitsandbytes' quant_state) are no parameters: they stay
whole.
"""

from __future__ import annotations

from importlib.metadata import version

from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from transformers import PreTrainedModel

from askback.errors import UserError
from askback.training import processes


def shard(network: PreTrainedModel) -> None:
    """Takes all but this process's part of the decoder layers' frozen weights from the network.

    What is trained, the embeddings and the head stay whole; so does all where there is but one
    process. LoRA must be in place, since PEFT wants whole weights. From then on every process has
    to run the network as often as the others, forward and backward.
    """
    if processes.count() == 1:
        return
    if tuple(map(int, version("torch").split(".")[:2])) < (2, 12):
        raise UserError("ASKBACK_SHARD needs torch 2.12 or later, which shards packed weights")
    mesh = init_device_mesh(network.device.type, (processes.count(),))
    decoder = network.get_submodule("model")
    for layer in decoder.get_submodule("layers").children():
        trained = {p for p in layer.parameters() if p.requires_grad}
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=trained)
    # Shards nothing more, but lets a layer's weights travel while the one before computes.
    fully_shard(decoder, mesh=mesh, ignored_params=set(decoder.parameters()))
