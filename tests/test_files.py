"""Files that appear whole or not at all, and records that come back as they were written."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from askback import files
from askback.errors import UserError
from askback.records import Message
from tests.faults import AFTER, BEFORE

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Line:
    name: str
    number: int
    parts: list[str]


def tree(folder: Path) -> dict[str, str]:
    """Every file below the folder with its text."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def write_folder(path: Path, **texts: str) -> None:
    """A folder of texts, whole."""
    with files.whole(path) as part:
        part.mkdir()
        for name, text in texts.items():
            (part / name).write_text(text)


def test_a_file_appears_with_the_folders_above_it(tmp_path):
    with files.whole(tmp_path / "a" / "b" / "file") as part:
        part.write_text("new")
        assert tree(tmp_path) == {"a/b/.file.part": "new"}

    assert tree(tmp_path) == {"a/b/file": "new"}


def test_a_folder_takes_the_place_of_another_and_mixes_with_nothing_in_it(tmp_path):
    write_folder(tmp_path / "out", one="1", two="2")
    write_folder(tmp_path / "out", three="3")

    assert tree(tmp_path) == {"out/three": "3"}


def test_a_file_takes_the_place_of_a_folder(tmp_path):
    write_folder(tmp_path / "out", one="1")
    with files.whole(tmp_path / "out") as part:
        part.write_text("file")

    assert tree(tmp_path) == {"out": "file"}


def give_up(path: Path, error: BaseException) -> None:
    """Raises in the middle of a folder."""
    with files.whole(path) as part:
        part.mkdir()
        (part / "half").write_text("half")
        raise error


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), SystemExit()])
def test_a_block_that_raises_leaves_the_old_and_no_part(tmp_path, error):
    (tmp_path / "file").write_text("old")
    write_folder(tmp_path / "out", one="1")
    for name in ["file", "out"]:
        with pytest.raises(type(error)):
            give_up(tmp_path / name, error)

    assert tree(tmp_path) == {"file": "old", "out/one": "1"}


def test_a_block_that_raises_leaves_nothing_where_nothing_was(tmp_path):
    with pytest.raises(ValueError, match="enough"):
        give_up(tmp_path / "out", ValueError("enough"))

    assert list(tmp_path.iterdir()) == []


def test_a_block_that_writes_nothing_does_not_remove_what_is_there(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(FileNotFoundError), files.whole(tmp_path / "file"):
        pass

    assert tree(tmp_path) == {"file": "old"}


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path):
    """DVC links outs to its cache; a stage must never write through."""
    write_folder(tmp_path / "cache", one="1")
    (tmp_path / "text").write_text("cached")
    (tmp_path / "out").symlink_to(tmp_path / "cache")
    (tmp_path / "file").symlink_to(tmp_path / "text")
    write_folder(tmp_path / "out", two="2")
    with files.whole(tmp_path / "file") as part:
        part.write_text("new")

    expected = {"cache/one": "1", "text": "cached", "out/two": "2", "file": "new"}
    assert tree(tmp_path) == expected
    assert not (tmp_path / "out").is_symlink()


def test_sigkill_in_the_block_leaves_the_old_and_the_next_run_replaces_the_leftover(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from askback import files\n"
        "with files.whole(Path(sys.argv[1])) as part:\n"
        "    part.mkdir(); (part / 'half').write_text('half')\n"
        "    print('in the block', flush=True); time.sleep(60)\n"
    )
    write_folder(tmp_path / "out", one="1")
    command = [sys.executable, "-c", code, tmp_path / "out"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the block\n"
        process.kill()

    assert tree(tmp_path) == {"out/one": "1", ".out.part/half": "half"}

    write_folder(tmp_path / "out", one="2")
    assert tree(tmp_path) == {"out/one": "2"}


def attempts(fault: str, kind: str, folder: Path) -> list[dict[str, Any]]:
    """What tests/faults.py found after each attempt."""
    command = [sys.executable, "-m", "tests.faults", fault, kind, str(folder)]
    printed = subprocess.check_output(command, cwd=ROOT, timeout=60)
    return list(json.loads(printed))


@pytest.mark.parametrize("kind", ["file", "folder", "records"])
@pytest.mark.parametrize(("fault", "least"), [("fail", 10), ("kill", 10), ("full", 5)])
def test_whatever_goes_wrong_where_the_old_stands_or_the_new_never_a_third(
    tmp_path, kind, fault, least
):
    tried = attempts(fault, kind, tmp_path)

    assert len(tried) > least
    assert [attempt["passed"] for attempt in tried] == [False] * (len(tried) - 1) + [True]
    assert tried[-1]["found"] == AFTER
    whole: list[list[str] | None] = [BEFORE, AFTER]
    if (kind, fault) == ("folder", "kill"):  # in the one moment between two renames
        assert sum(attempt["found"] is None for attempt in tried) == 1
        whole.append(None)
    for attempt in tried:
        assert attempt["found"] in whole
        assert attempt["again"] == AFTER
        assert attempt["rest"] == []


TEXTS = [
    "",
    " ",
    "two\nlines",
    "carriage\rreturn\r\n",
    "\u2028line\u2029paragraph\x85next\x0b\x0c\x1c\x1d\x1e",
    'a "quote" and a \\ and a \\n',
    "zero \x00 byte",
    "\ufeffmark",
    "e\u0301 is not é",
    "🛶👩🏽‍🚀",
    "</script><|im_end|>",
]


def test_texts_come_back_as_they_were_one_line_each(tmp_path):
    messages = [Message("user", text) for text in TEXTS]
    files.write(tmp_path / "file", messages)

    assert list(files.read(tmp_path / "file", Message)) == messages
    assert (tmp_path / "file").read_bytes().count(b"\n") == len(TEXTS)


@given(st.lists(st.builds(Line, st.text(), st.integers(0, 10**9), st.lists(st.text()))))
@settings(
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example writes anew
)
def test_any_records_come_back_as_they_were(tmp_path, lines):
    files.write(tmp_path / "file", lines)

    assert list(files.read(tmp_path / "file", Line)) == lines


def test_lines_are_utf_8_with_keys_in_the_order_of_the_fields(tmp_path):
    files.write(tmp_path / "file", [Line("é\u2028", 1, ["x"]), Line("", 2, [])])

    assert (tmp_path / "file").read_bytes() == (
        '{"name":"é\u2028","number":1,"parts":["x"]}\n{"name":"","number":2,"parts":[]}\n'
    ).encode()


def test_an_empty_file_has_no_records(tmp_path):
    files.write(tmp_path / "file", [])

    assert (tmp_path / "file").read_bytes() == b""
    assert list(files.read(tmp_path / "file", Message)) == []


def test_a_stream_that_fails_midway_leaves_the_old_records(tmp_path):
    def stream() -> Iterator[Message]:
        yield Message("user", "new")
        raise UserError("line 2 is damaged")

    files.write(tmp_path / "file", [Message("user", "old")])
    with pytest.raises(UserError, match="line 2"):
        files.write(tmp_path / "file", stream())

    assert list(files.read(tmp_path / "file", Message)) == [Message("user", "old")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "invalid json: eof while parsing a value"),
        (b'{"role":"user","cont', "invalid json: eof while parsing a string"),
        (b'{"role":"user"}', "content: field required"),
        (b'{"role":"user","content":3}', "content: input should be a valid string"),
        (b'{"role":"devil","content":""}', "role: input should be 'system', 'user' or 'assistant'"),
        (b'{"role":"user","content":"\xff"}', "invalid json: invalid unicode code point"),
        (b'{"role":"user","content":"\\ud800"}', "invalid json: unexpected end of hex escape"),
        (b"\x00\x00\x00", "invalid json: expected value"),
        (b"[]", "input should be an object"),
        pytest.param(b"[" * 100_000, "invalid json: recursion limit exceeded", id="deep"),
    ],
)
def test_a_damaged_line_is_told_by_file_and_number(tmp_path, line, reason):
    path = tmp_path / "messages.jsonl"
    good = b'{"role":"user","content":"\xe2\x80\xa8\xc2\x85"}\n'  # breaks a line, but not here
    path.write_bytes(good + good + line + b"\n" + good)
    records = files.read(path, Message)

    assert [next(records).content for _ in range(2)] == ["\u2028\x85"] * 2
    with pytest.raises(UserError) as caught:
        next(records)
    assert str(caught.value) == f"{path}:3: not a Message: {reason}"


def test_a_fault_deep_in_a_record_is_named_by_its_place(tmp_path):
    (tmp_path / "file").write_text('{"name":"a","number":1,"parts":["x",2]}\n')

    with pytest.raises(UserError, match=r":1: not a Line: parts: 1: input should be a valid str"):
        list(files.read(tmp_path / "file", Line))


def test_a_last_line_cut_off_is_never_read_as_a_record(tmp_path):
    files.write(tmp_path / "file", [Message("user", "one"), Message("user", "two")])
    data = (tmp_path / "file").read_bytes()
    first = data.index(b"\n") + 1
    for length in range(first + 1, len(data) - 1):
        (tmp_path / "file").write_bytes(data[:length])
        with pytest.raises(UserError, match=":2: not a Message"):
            list(files.read(tmp_path / "file", Message))


def test_json_for_people_is_sorted_and_keeps_its_letters(tmp_path):
    files.write_json(tmp_path / "file", {"b": [1, 2.5], "a": "é"})

    assert (tmp_path / "file").read_text("utf-8") == (
        '{\n  "a": "é",\n  "b": [\n    1,\n    2.5\n  ]\n}\n'
    )


def test_a_figure_that_is_no_number_is_never_written(tmp_path):
    """NaN is not JSON, and a gate would let it pass: no comparison with it holds."""
    files.write_json(tmp_path / "file", {"loss": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "file", {"loss": float("nan")})

    assert json.loads((tmp_path / "file").read_text()) == {"loss": 1.0}


def test_the_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"\x00\r\n" * 100_000)

    assert files.sha256(tmp_path / "file") == hashlib.sha256(b"\x00\r\n" * 100_000).hexdigest()
