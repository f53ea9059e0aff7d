"""Parses the SQL of a product file and refuses what is dangerous or not the same on every Spark engine."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from landfall.spec.spark_functions import meant_function

DIALECT = "spark"

# Functions that reach outside the data, or that one of the engines lacks, with what to write instead.
_REFUSED_FUNCTIONS: dict[str, str] = {
    **dict.fromkeys(
        ("secret", "try_secret", "reflect", "try_reflect", "java_method", "http_request", "ai_query"),
        "remove it: SQL of a product reads its inputs and nothing else",
    ),
    **dict.fromkeys(
        ("read_files", "read_kafka", "remote_query", "cloud_files", "read_csv", "read_json", "read_parquet"),
        "declare the files as a dataset and name it in inputs:",
    ),
    "input_file_name": "use the load columns of the bronze table",
    "try_to_date": "write cast(try_to_timestamp(x, format) as date)",
    "zip_with": "write transform(sequence(1, size(x)), i -> …)",
    "product": "Spark has no such aggregate; write exp(sum(ln(x)))",
    **dict.fromkeys(
        ("make_time", "to_time", "try_to_time", "time_diff", "time_trunc"),
        "Spark has no times of day without a date yet: keep a timestamp, or seconds as a number",
    ),
    "transform_keys": "write map_from_entries(transform(map_entries(x), …))",
    "transform_values": "write map_from_entries(transform(map_entries(x), …))",
}
# What the columns of a LATERAL VIEW are called that gives them no names.
_GENERATED = {"col", "key", "value", "pos"}
# Of arguments that are missing the parser also stumbles over its own feet, as in map(x).
_UNREADABLE = (SqlglotError, RecursionError, ValueError, IndexError)
_TABLE_FUNCTIONS = frozenset(
    {"range", "explode", "explode_outer", "posexplode", "posexplode_outer", "inline"}
)


@dataclass(frozen=True, slots=True)
class SqlProblem:
    """What is wrong in a text of SQL; ``line`` counts from 1 within the text."""

    code: str
    message: str
    remedy: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed text. ``tree`` is ``None`` where it has no readable meaning; it is shared, never change it."""

    tree: exp.Expr | None
    problems: tuple[SqlProblem, ...] = ()


@lru_cache(maxsize=16384)
def read_expression(text: str) -> Parsed:
    """Return one SQL expression: a condition, a value, or a value with its alias."""
    problem = _token_problem(text) or _ending_problem(text)
    if problem is not None:
        return Parsed(None, (problem,))
    try:
        tree = sqlglot.parse_one(text, read=DIALECT, into=exp.Expr)
    except _UNREADABLE as error:
        return Parsed(None, (_syntax_problem(text, error),))
    problems = [*_refused(tree), *_unknown_functions(tree)]
    if tree.find(exp.Query) is not None:
        message = "an expression cannot hold a query"
        problems.append(SqlProblem("LF1053", message, "use a join step, or put the whole into a sql step"))
        return Parsed(None, tuple(problems))
    return Parsed(tree, tuple(problems))


@lru_cache(maxsize=4096)
def read_query(text: str) -> Parsed:
    """Return one query: a single SELECT, with or without WITH in front."""
    problem = _token_problem(text)
    if problem is not None:
        return Parsed(None, (problem,))
    first = re.match(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*([A-Za-z]*)", text, re.DOTALL)
    if first is None or first[1].upper() not in ("SELECT", "WITH"):
        word = first[1] if first is not None else ""
        message = f"a sql step is one query, it cannot start with '{word or text.strip()[:10]}'"
        return Parsed(None, (SqlProblem("LF1053", message, "start it with SELECT or WITH"),))
    try:
        statements = [tree for tree in sqlglot.parse(text, read=DIALECT) if tree is not None]
    except _UNREADABLE as error:
        return Parsed(None, (_syntax_problem(text, error),))
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        what = f"{len(statements)} statements" if len(statements) != 1 else "a statement that changes data"
        return Parsed(
            None, (SqlProblem("LF1053", f"a sql step is one query, this is {what}", "keep one SELECT"),)
        )
    tree = statements[0]
    return Parsed(tree, (*_refused(tree), *_unknown_functions(tree)))


def line_of(node: exp.Expr) -> int:
    """Return the line of a node within its text, 1 if the parser kept none."""
    for part in node.walk():
        line = part.meta.get("line")
        if isinstance(line, int):
            return line
    return 1


def _token_problem(text: str) -> SqlProblem | None:
    """Return what is wrong with a text before it is parsed, where the parser would take it or read it otherwise."""
    if not text.strip():
        return SqlProblem("LF1050", "the SQL text is empty", "write an expression")
    try:
        tokens = sqlglot.tokenize(text, read=DIALECT)
    except TokenError as error:
        return _syntax_problem(text, error)
    if not tokens:
        return SqlProblem("LF1050", "the SQL text is nothing but a comment", "write an expression")
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        refused = _refused_token(text, token, following)
        if refused is not None:
            return SqlProblem("LF1053", *refused, line=token.line)
    return _bracket_problem(tokens)


def _bracket_problem(tokens: Sequence[Token]) -> SqlProblem | None:
    """Return that a bracket of a CAST or another call is not closed, which the parser overlooks at the end."""
    open_ones: list[Token] = []
    for token in tokens:
        if token.token_type is TokenType.L_PAREN:
            open_ones.append(token)
        elif token.token_type is TokenType.R_PAREN and open_ones:
            open_ones.pop()
    if not open_ones:
        return None
    return SqlProblem("LF1050", "a bracket '(' is not closed", "add the ')'", open_ones[-1].line)


def _ending_problem(text: str) -> SqlProblem | None:
    """Return what is wrong with the end of an expression, behind which the runtime goes on writing."""
    last = sqlglot.tokenize(text, read=DIALECT)[-1]
    behind = re.sub(r"/\*.*?\*/", "", text[last.end + 1 :], flags=re.DOTALL)
    if re.search(r"--[^\n]*\Z", behind):
        message = "a comment at the end of an expression takes away what comes behind it"
        return SqlProblem(
            "LF1053", message, "put the comment between /* and */, or behind a # of YAML", last.line
        )
    if last.token_type is TokenType.SEMICOLON:
        message = "an expression cannot end with a semicolon"
        return SqlProblem("LF1053", message, "leave it out", last.line)
    return None


def _refused_token(text: str, token: Token, following: Token | None) -> tuple[str, str] | None:
    if token.token_type is TokenType.PIPE_GT:
        return "the pipe |> is not understood by every Spark engine", "write SELECT … FROM …"
    if token.token_type is TokenType.VAR and not token.text.isascii():
        return (
            f"a name with other letters than A to Z must be quoted for Spark: {token.text}",
            f"write `{token.text}` in back-ticks",
        )
    is_pair = (
        following is not None
        and token.token_type is following.token_type is TokenType.STRING
        and following.start == token.end + 1
        and text[token.end] == text[following.start]
    )
    if is_pair:
        return "two quotes in a row mean different texts on different Spark engines", "write ' for a quote"
    return None


def _syntax_problem(text: str, error: Exception) -> SqlProblem:
    if isinstance(error, RecursionError):
        return SqlProblem("LF1050", "the SQL text is nested too deep", "split it over several steps")
    details = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    line = details.get("line") or 1
    near = str(details.get("highlight") or "").strip()
    shown = text.strip().splitlines()[0][:60]
    where = f"at '{near}' in '{shown}'" if near and near != shown else f"in '{shown}'"
    if isinstance(error, TokenError):
        where = f"in '{shown}': a quote or a comment is not closed"
    return SqlProblem("LF1050", f"SQL syntax error {where}", "correct the SQL text", line=int(line))


def _unknown_functions(tree: exp.Expr) -> Iterator[SqlProblem]:
    for node in tree.find_all(exp.Anonymous):
        name = str(node.name).lower()
        meant = meant_function(name) if name not in _REFUSED_FUNCTIONS else None
        if meant is not None:
            yield SqlProblem(
                "LF1057", f"unknown function '{name}'", f"did you mean '{meant}'?", line_of(node)
            )


def _refused(tree: exp.Expr) -> Iterator[SqlProblem]:
    """Yield a problem for each construct that no product may use."""
    for node in tree.walk():
        for kind, find in _CONSTRUCTS:
            if isinstance(node, kind):
                found = find(node)
                if found is not None:
                    yield SqlProblem("LF1053", *found, line=line_of(node))


_Finding = tuple[str, str] | None


def _in_select(node: exp.Expr) -> _Finding:
    if node.args.get("qualify") is not None:
        return "QUALIFY is not understood by every Spark engine", "filter on row_number() in an outer query"
    if any(node.args.get(key) is not None for key in ("distribute", "cluster", "sort")):
        return (
            "DISTRIBUTE BY, CLUSTER BY and SORT BY are not part of every engine",
            "leave them out, or use ORDER BY",
        )
    if node.args.get("into") is not None:
        return "SELECT INTO writes a table", "leave INTO out; output: says where the rows go"
    return None


def _in_star(node: exp.Expr) -> _Finding:
    if any(node.args.get(key) for key in ("except_", "replace", "rename")):
        return (
            "SELECT * EXCEPT is not understood by every Spark engine",
            "list the columns, or add a drop step",
        )
    return None


def _in_lateral(node: exp.Expr) -> _Finding:
    if isinstance(node.this, exp.Subquery):
        return None
    if not node.args.get("view"):
        message = f"LATERAL {node.this.sql(DIALECT)[:60]} keeps other rows on different Spark engines"
        return message, "write LATERAL VIEW explode(…)"
    alias = node.args.get("alias")
    if alias is None or not alias.name:
        return "a LATERAL VIEW needs a name", "write LATERAL VIEW explode(xs) t AS x"
    columns = {column.name.casefold() for column in alias.columns} or _GENERATED
    where = node.parent.args.get("where") if node.parent is not None else None
    for column in where.find_all(exp.Column) if where is not None else ():
        own = not column.table or column.table.casefold() == alias.name.casefold()
        if own and column.name.casefold() in columns and column.find_ancestor(exp.Select) is node.parent:
            return (
                f"WHERE does not see '{column.name}' of a LATERAL VIEW on every Spark engine",
                "select it in an inner query, and put WHERE around that",
            )
    return None


def _in_window(node: exp.Expr) -> _Finding:
    counted = node.this
    if isinstance(counted, exp.AggFunc) and isinstance(counted.this, exp.Distinct):
        return (
            "DISTINCT is not there in a window on Spark",
            "write size(collect_set(x) over (…)), or join an aggregate",
        )
    return None


def _in_join(node: exp.Expr) -> _Finding:
    words = {str(node.args.get(key) or "").upper() for key in ("method", "kind", "side")}
    if "CROSS" in words and node.args.get("on") is not None:
        return "CROSS JOIN with ON is not understood by every Spark engine", "write JOIN … ON"
    if "NATURAL" in words and words & {"SEMI", "ANTI"}:
        return "Spark has no NATURAL SEMI or ANTI JOIN", "write USING"
    return None


def _in_array_contains(node: exp.Expr) -> _Finding:
    if isinstance(node.expression, exp.Null):
        return "array_contains does not look for NULL on Spark", "write exists(xs, x -> x is null)"
    return None


def _in_group(node: exp.Expr) -> _Finding:
    if node.args.get("all") is not None:
        return "GROUP BY ALL is not understood by every Spark engine", "list the columns to group by"
    return None


def _in_intersect(node: exp.Expr) -> _Finding:
    if node.args.get("distinct") is False:
        return "INTERSECT ALL counts repeated rows differently by engine", "use INTERSECT, or a join"
    return None


def _in_with(node: exp.Expr) -> _Finding:
    if node.args.get("recursive"):
        return "WITH RECURSIVE is not understood by every Spark engine", "spell the levels out"
    return None


def _in_like(node: exp.Expr) -> _Finding:
    if isinstance(node.expression, (exp.Any, exp.All)):
        return (
            "LIKE ANY and LIKE ALL are not understood by every Spark engine",
            "join LIKE conditions with or, and",
        )
    return None


def _in_table(node: exp.Expr) -> _Finding:
    if isinstance(node.this, exp.Func):
        name = _function_name(node.this)
        if name not in _TABLE_FUNCTIONS and name not in _REFUSED_FUNCTIONS:
            return f"table function '{name}' is not allowed", "read the inputs of the transformation only"
        return None
    if node.args.get("db") is not None or re.search(r"[/:.]", node.name):
        return (
            f"table '{_table_text(node)}' is a path or lies outside the product",
            "name an input of the transformation",
        )
    return None


def _in_frame(node: exp.Expr) -> _Finding:
    sides = (node.args.get("start"), node.args.get("end"))
    if str(node.args.get("kind")).upper() == "RANGE" and any(
        isinstance(side, exp.Interval) for side in sides
    ):
        return (
            "RANGE over dates gives wrong sums on one of the engines",
            "order by unix_date(x) or epoch seconds",
        )
    return None


def _in_function(node: exp.Expr) -> _Finding:
    name = _function_name(node)
    if isinstance(node, exp.Count) and node.this is None and not node.expressions:
        return "count() counts nothing", "write count(*)"
    if name in _REFUSED_FUNCTIONS:
        return f"function '{name}' is not allowed", _REFUSED_FUNCTIONS[name]
    return None


def _always(message: str, remedy: str) -> Callable[[exp.Expr], _Finding]:
    return lambda _: (message, remedy)


_CONSTRUCTS: tuple[tuple[type[exp.Expr], Callable[[exp.Expr], _Finding]], ...] = (
    (exp.Select, _in_select),
    (exp.Star, _in_star),
    (exp.Group, _in_group),
    (exp.Lateral, _in_lateral),
    (exp.ArrayContains, _in_array_contains),
    (exp.Window, _in_window),
    (exp.Join, _in_join),
    (exp.Intersect, _in_intersect),
    (exp.With, _in_with),
    (exp.Like, _in_like),
    (exp.ILike, _in_like),
    (exp.Table, _in_table),
    (exp.WindowSpec, _in_frame),
    (exp.Func, _in_function),
    (
        exp.Pivot,
        _always("PIVOT and UNPIVOT do not work on every Spark engine", "use sum(case when …), or stack"),
    ),
    (exp.QueryTransform, _always("TRANSFORM USING runs a program", "use SQL functions")),
    (exp.Collate, _always("COLLATE is not understood by every Spark engine", "compare lower(x)")),
    (exp.TableSample, _always("TABLESAMPLE picks other rows on every engine", "filter on a hash of a key")),
    (exp.Placeholder, _always("parameters are not filled in", "write the value, or ${var.name}")),
    (exp.Parameter, _always("parameters are not filled in", "write the value, or ${var.name}")),
    (exp.SessionParameter, _always("session variables are not read", "write the value, or ${var.name}")),
)


def _function_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def _table_text(node: exp.Expr) -> str:
    return ".".join(part.name for part in node.parts) if isinstance(node, exp.Table) else node.name
