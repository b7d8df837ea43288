"""How stage `train` tunes a base: packs, plan, steps, checkpoints, epochs."""
