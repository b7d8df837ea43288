"""Books of many formats, read whole and in order: what the stage `extract` is made of."""
