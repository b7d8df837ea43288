"""`askback check`: all of params.yaml and what the machine must have, before anything runs."""

import subprocess
from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules

import stages
from askback import params
from askback.errors import UserError
from askback.params import PARAMS, Persona, Section
from askback.reading.pdf import MISSING

HELP = "check params.yaml and this machine"
EXAMPLES = """example:
  askback check    before `dvc repro`; exits 2 where params.yaml has a fault"""


def arguments(parser: ArgumentParser) -> None:
    """Nothing: the command reads params.yaml of this folder."""


def run(options: Namespace) -> None:
    """Says what it found; raises UserError with the first fault of every section."""
    present = params.read()
    print(pdftotext())
    known = sections()
    found = [*strangers(present, known), *faults(known)]
    if found:
        raise UserError("\n".join(found))
    print(f"{PARAMS}: all {len(known)} sections are good; next: dvc repro")


def sections() -> dict[str, type[Section]]:
    """Every section of params.yaml with the class that its stage reads it by.

    The class is named as the section: `SegmentParams` for `segment`, `LimitsParams` for `limits`.
    """
    names = [module.name for module in iter_modules(stages.__path__)]
    modules = [import_module(f"stages.{name}") for name in names]
    named = {
        thing.__name__.removesuffix("Params").lower(): thing
        for module in modules
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Section)
    }
    read = {name: named[name] for name in ("limits" if n == "gate" else n for n in names)}
    return {"persona": Persona} | read


def strangers(present: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """Every section that nothing reads."""
    for name in present:
        if name not in known:
            yield f"{PARAMS}: `{name}` is no section{params.did_you_mean(name, known)}"


def faults(known: Mapping[str, type[Section]]) -> Iterator[str]:
    """The first fault of each section."""
    for name, section in known.items():
        try:
            params.load(name, section)
        except UserError as error:
            yield str(error)


def pdftotext() -> str:
    """The version of the pdftotext that extract would run, or how to install one."""
    try:
        told = subprocess.run(["pdftotext", "-v"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return MISSING
    return told.stderr.partition("\n")[0]
