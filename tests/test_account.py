from askback.reading.account import Account, count


def test_spaces_of_all_kinds_are_not_counted() -> None:
    assert count(" a\tb\nc\u00a0d\u3000e\u2009f ") == 6
    assert count("\x1f") == 0  # pages has it for what is raised


def test_nothing_is_missing_if_all_that_was_read_is_kept_or_left_out() -> None:
    account = Account(read=10)
    account.kept["para"] += 6
    account.leave_out("running_head", "a b")
    account.leave_out("page_number", "12")
    assert account.missing == 0
    assert account.left_out == {"running_head": 2, "page_number": 2}


def test_what_is_in_no_bucket_is_missing() -> None:
    account = Account(read=10)
    account.kept["note"] += 6
    assert account.missing == 4


def test_ligatures_make_more_of_what_was_read() -> None:
    account = Account(read=1)
    account.left_out["respelt"] -= 1
    account.kept["para"] += 2
    assert account.missing == 0


def test_a_text_of_spaces_is_left_out_as_nothing() -> None:
    account = Account()
    account.leave_out("tiny", "  ")
    assert account.missing == 0
