"""What looks like a secret is not shown; what only speaks of one is."""

import pytest

from landfall.concealing import conceal, concealed

KEY = "A" * 86 + "=="
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLWl0"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Login failed; PWD=hunter2;Server=x", "Login failed; PWD=(secret);Server=x"),
        ("mssql://sa:hunter2@db.example/x", "mssql://sa:(secret)@db.example/x"),
        (f"AccountName=a;AccountKey={KEY}", "AccountName=a;AccountKey=(secret)"),
        (f"the key {KEY} is refused", "the key (secret) is refused"),
        (
            "https://a.blob.core.windows.net/c?sv=2&sig=abc%2Fdef&se=9",
            "https://a.blob.core.windows.net/c?sv=2&sig=(secret)&se=9",
        ),
        ("Authorization: Bearer abcdefgh12345678.x", "Authorization: Bearer (secret)"),
        (f"token {JWT} has expired", "token (secret) has expired"),
        ("dapi0123456789abcdef0123456789abcdef-2", "(secret)"),
        ('{"password": "correct horse"}', '{"password": "(secret)"}'),
        ('{\\"api_key\\": \\"k-9\\"}', '{\\"api_key\\": \\"(secret)\\"}'),
        ("client_secret: Xy7~longer-value", "client_secret: (secret)"),
        ("password='hunter2'", "password=(secret)'"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nrest", "(secret)\nrest"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "(secret)"),
    ],
)
def test_a_secret_is_concealed_and_what_stands_around_it_stays(text: str, shown: str) -> None:
    assert conceal(text) == shown
    assert conceal(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Its token is missing or out of date.",
        "secret: keyvault:fleet-sql",
        "password=keyvault:fleet-sql",
        "token=${TOKEN}",
        "'password' must be a text",
        "The tokens: a list of names",
        "orders: rule 'token_known' refused 3 of 12 rows",
        "https://127.0.0.1:7071/api/runs?cursor=WyItYXQiXQ",
        "abfss://lake@account.dfs.core.windows.net/sales",
        "a design=modern house, run 20260101-120000-aaaa",
        "etag 0x8DE5A7F2",
    ],
)
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert conceal(text) == text


def test_texts_of_an_answer_are_looked_at_wherever_they_stand() -> None:
    answer = {"rows": [{"reason": "pwd=hunter2", "count": 3}], "at": None}

    assert concealed(answer) == {"rows": [{"reason": "pwd=(secret)", "count": 3}], "at": None}
