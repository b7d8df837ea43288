"""How large, how deep and how tightly packed a stranger's file may be."""

MAX_ROW = 4 << 20  # bytes of one row; a book of a million words is about as long
MAX_DEPTH = 64  # lists and objects within each other
PACKED = 200  # bytes that one packed byte may become; text seldom gets beyond 20
FREE = 64 << 20  # unpacked bytes that are not held against it
