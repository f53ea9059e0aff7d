r"""Forms of text by name, as regular expressions that every engine reads alike.

No look-around and no back references, which Sail has not; classes are spelt out, because ``\d`` and ``\s`` are ASCII
for Java and Unicode for Rust. A form says nothing about the thing behind it: an address may exist or not.
"""

# Spelt out: what `\\s` means differs from engine to engine beyond ASCII.
WHITE_SPACE = "[\t\n\u000b\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"

_INK = WHITE_SPACE.replace("[", "[^", 1)
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = (
    "(?:[0-9]{4}-(?:"
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP_YEAR}-02-29)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?"

PATTERNS = {
    # As browsers read an address, but with a dot in the domain.
    "email": rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})+",
    "url": rf"[hH][tT][tT][pP][sS]?://(?:{_LABEL}\.)*{_LABEL}(?::[0-9]{{1,5}})?(?:[/?#][^\x00-\x20\x7F]*)?",
    "uuid": "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
    "iso_date": _DATE,
    "iso_timestamp": rf"{_DATE}T{_TIME}(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?",
    "iban": "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}",
    "bic": "[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?",
    "ipv4": rf"(?:{_BYTE}\.){{3}}{_BYTE}",
    # ITU-T E.164: country code and number, fifteen digits at most.
    "phone": r"\+[1-9][0-9]{6,14}",
    "trimmed": rf"(?:{_INK}(?:(?s:.)*{_INK})?)?",
}
