"""`askback plan`: what the questions will take, before anything is asked."""

import os
from argparse import ArgumentParser, Namespace

from askback.asking.backends import Settings
from askback.asking.endpoints import introduction
from askback.asking.replies import read
from askback.home import home
from askback.params import load
from askback.terminal import say
from stages.questions import QuestionsParams, forecast, project

HELP = "say what the questions will take: passages, tokens, dollars, minutes"
EXAMPLES = """examples:
  askback plan                                 by the params and passages of this folder
  ASKBACK_PRICE=0.15,0.60 askback plan         with dollars per million tokens in and out"""


def arguments(parser: ArgumentParser) -> None:
    """Nothing: the command reads params.yaml and data/ of this folder."""


def run(options: Namespace) -> None:
    """Prints who would see the book, what is known and what it would take to ask the rest."""
    params = load("questions", QuestionsParams)
    asked, replies = project(), read([home("replies")])
    if params.backend == "embedded":
        return say(f"{len(asked.passages):,} passages; the embedded backend asks no model")
    settings = Settings.read(os.environ) if params.backend == "endpoint" else None
    for line in introduction(settings.endpoints) if settings else ():
        say(line)
    wanted = asked.wanted(replies.get)
    for line in forecast(asked, wanted, replies, settings).lines():
        say(line)
    say(f"${replies.spent:.4f} spent so far")
    if settings and settings.budget is not None:
        say(f"ASKBACK_BUDGET leaves ${max(settings.budget - replies.spent, 0):.4f}")
