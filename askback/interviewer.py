"""The embedded interviewer: asks by rule, without a model, as a stand-in for one.

It finds the phrases that set a passage apart from the rest of its book and puts one of them into an
open form that reads well with any noun phrase. Its phrases and forms are English.
"""

import hashlib
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

NAME = "embedded"
MAX_CHARS = 200  # of a question
APART = 6  # passages that follow one asked in some form and are asked in others
CHOICE = 5  # of a passage's phrases, the best first

FORMS = [
    "What did {phrase} mean to you?",
    "How do you look back on {phrase} today?",
    "What comes to mind first when you think of {phrase}?",
    "What made {phrase} stay with you?",
    "Why does the thought of {phrase} still matter to you?",
    "What did you feel about {phrase} at the time?",
    "What did {phrase} teach you?",
    "How did {phrase} change the way you saw things?",
    "What would you like us to understand about {phrase}?",
    "How did {phrase} come to matter to you?",
    "What drew your attention to {phrase}?",
    "What do people get wrong about {phrase}?",
    "What moved you to write about {phrase}?",
    "Why did you want to tell us about {phrase}?",
    "When you remember {phrase}, what do you feel?",
    "What went through your mind when it came to {phrase}?",
    "How would you explain {phrase} to someone who was not there?",
    "What lay behind {phrase}, as you saw it?",
    "What part did {phrase} play in what followed?",
    "Would you take us back to {phrase}?",
    "What did you make of {phrase}?",
    "How did you come to think as you do about {phrase}?",
    "What surprised you most about {phrase}?",
    "What was it about {phrase} that touched you?",
    "What has stayed with you of {phrase}?",
    "What did {phrase} tell you about people?",
    "Where did {phrase} lead you?",
    "What did you hope for when you thought of {phrase}?",
    "What should nobody forget about {phrase}?",
    "Why do you begin to speak of {phrase} here?",
    "How did you come to know about {phrase}?",
    "What did {phrase} ask of you?",
]
PLAIN_FORMS = [
    "What was on your mind then?",
    "What did you feel at that moment?",
    "What happened next, as you remember it?",
    "Why did this matter to you?",
    "How do you see it today?",
    "What would you like us to understand here?",
    "What made you think so?",
    "What did that teach you?",
    "Would you tell us more about that time?",
    "What lay behind it?",
    "What has stayed with you of it?",
    "How did it go on from there?",
    "What should nobody forget about this?",
    "What moved you to tell us this?",
]
