"""Questions from language models, each paid for once: what the stage `questions` is made of."""
