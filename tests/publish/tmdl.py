"""A reader of TMDL, strict: what Stockroom writes and no more. It rejects a broken file with the line and the reason.

Microsoft gives no validator of TMDL apart from Power BI and Analysis Services themselves. This one knows the grammar as documented
(tabs for depth, `kind name`, `property: value`, flags, `= expression`, `///`), the objects and properties that occur here, and what
must fit together: names, references, types, ways of filtering, DAX and M in as far as brackets, functions and names go.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass, field

GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NAME = r"(?:[A-Za-z_][A-Za-z0-9_]*|'(?:[^']|'')+')"
_TEXT = r"\S.*"
_FLAG = None

# per kind of object: the kinds it may hold, its properties (a pattern, or a flag without value), those it must have
_KINDS: dict[str, tuple[set[str], dict[str, str | None], set[str]]] = {
    "": ({"database", "model", "table", "relationship", "expression", "annotation", "ref"}, {}, set()),
    "database": (set(), {"compatibilityLevel": r"1[0-9]{3}"}, {"compatibilityLevel"}),
    "model": (
        {"dataAccessOptions"},
        {"culture": r"[a-z]{2}-[A-Z]{2}", "defaultPowerBIDataSourceVersion": r"powerBI_V3", "sourceQueryCulture": r"[a-z]{2}-[A-Z]{2}"},
        {"culture", "defaultPowerBIDataSourceVersion", "sourceQueryCulture"},
    ),
    "dataAccessOptions": (set(), {"legacyRedirects": _FLAG, "returnErrorValuesAsNull": _FLAG}, {"legacyRedirects", "returnErrorValuesAsNull"}),
    "table": ({"column", "measure", "partition", "annotation"}, {"lineageTag": GUID, "dataCategory": r"Time", "isHidden": _FLAG}, {"lineageTag"}),
    "column": (
        {"annotation"},
        {
            "dataType": r"string|int64|double|decimal|boolean|dateTime", "isKey": _FLAG, "isHidden": _FLAG, "formatString": _TEXT,
            "lineageTag": GUID, "summarizeBy": r"none|sum", "sourceColumn": r"[a-z_][a-z0-9_]*",
        },
        {"dataType", "lineageTag", "summarizeBy", "sourceColumn"},
    ),
    "measure": ({"annotation"}, {"formatString": _TEXT, "isHidden": _FLAG, "displayFolder": _TEXT, "lineageTag": GUID}, {"formatString", "displayFolder", "lineageTag"}),
    "partition": (set(), {"mode": r"import|directQuery", "source": "="}, {"mode", "source"}),
    "relationship": (set(), {"isActive": r"true|false", "fromColumn": rf"{NAME}\.{NAME}", "toColumn": rf"{NAME}\.{NAME}"}, {"fromColumn", "toColumn"}),
    "expression": ({"annotation"}, {"lineageTag": GUID}, {"lineageTag"}),
    "annotation": (set(), {}, set()),
    "ref": (set(), {}, set()),
}  # fmt: skip
_WITHOUT_NAME = {"database", "dataAccessOptions"}
_WITH_EXPRESSION = {"measure", "partition", "expression", "annotation"}
_ANNOTATIONS = {
    "": "__PBI_TimeIntelligenceEnabled",
    "table": "PBI_ResultType",
    "column": "SummarizationSetBy",
    "expression": "PBI_ResultType",
}
_DAX_FUNCTIONS = {
    "SUM",
    "SUMX",
    "COUNTROWS",
    "DISTINCTCOUNT",
    "MIN",
    "MAX",
    "CALCULATE",
    "DIVIDE",
    "REMOVEFILTERS",
    "TRUE",
    "FALSE",
}
_M_FUNCTIONS = {
    "Parquet.Document",
    "File.Contents",
    "PostgreSQL.Database",
    "Table.TransformColumnTypes",
    "Int64.Type",
    "Currency.Type",
}


class TmdlError(ValueError):
    """The file is broken."""


@dataclass
class Node:
    """An object of a file."""

    kind: str
    name: str
    expression: str
    line: int
    properties: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    def all(self, kind: str) -> list[Node]:
        return [child for child in self.children if child.kind == kind]


def parse(text: str) -> list[Node]:
    """The objects of a file. Raises TmdlError."""
    root = Node("", "", "", 0)
    stack = [root]
    lines = text.split("\n")
    if lines.pop() != "":
        raise TmdlError("the last line has no end")
    waiting: tuple[int, int] | None = None  # a description: its line and depth
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if not line.strip():
            if waiting:
                raise TmdlError(f"line {waiting[0]}: the description belongs to nothing")
            continue
        depth = len(line) - len(line.lstrip("\t"))
        content = line[depth:]
        if content[0] == " " or content != content.rstrip():
            raise TmdlError(f"line {number}: depth is tabs, and no line ends with blanks")
        if content.startswith("///"):
            if not content.startswith("/// ") or waiting:
                raise TmdlError(f"line {number}: a description is one line with a blank after ///")
            waiting = (number, depth)
            continue
        if depth > len(stack) - 1:
            raise TmdlError(f"line {number}: too deep")
        del stack[depth + 1 :]
        parent = stack[depth]
        kind = re.match(r"[A-Za-z]+", content)
        word = kind[0] if kind else ""
        if word in _KINDS[parent.kind][0] and not content.startswith(f"{word}:"):
            node = _object(word, content, number)
            if waiting and (waiting[1] != depth or word not in ("table", "column", "measure", "expression")):
                raise TmdlError(f"line {waiting[0]}: the description belongs to nothing")
            waiting = None
            if word == "annotation" and node.name != _ANNOTATIONS.get(parent.kind):
                raise TmdlError(f"line {number}: {parent.kind} has no annotation {node.name}")
            if any(
                other.kind == word and other.name.lower() == node.name.lower() and word != "dataAccessOptions"
                for other in parent.children
            ):
                raise TmdlError(f"line {number}: a second {word} {node.name}")
            parent.children.append(node)
            stack.append(node)
            continue
        if waiting:
            raise TmdlError(f"line {waiting[0]}: the description belongs to nothing")
        number = _property(parent, content, lines, number, depth)
    if waiting:
        raise TmdlError(f"line {waiting[0]}: the description belongs to nothing")
    for node in root.children:
        _complete(node)
    return root.children


_parsed = functools.cache(parse)  # a mutant is one file: the others are read once


def _object(kind: str, content: str, number: int) -> Node:
    if kind in _WITHOUT_NAME:
        if content != kind:
            raise TmdlError(f"line {number}: {kind} has no name")
        return Node(kind, "", "", number)
    if kind == "ref":
        found = re.fullmatch(rf"ref table ({NAME})", content)
        if not found:
            raise TmdlError(f"line {number}: not a reference")
        return Node(kind, unquoted(found[1]), "", number)
    name = GUID if kind == "relationship" else NAME
    found = re.fullmatch(rf"{kind} (?P<name>{name})(?P<rest> = (?P<expression>\S.*))?", content)
    if not found or (found["rest"] is not None) != (kind in _WITH_EXPRESSION):
        raise TmdlError(f"line {number}: not a {kind}")
    if kind == "partition" and found["expression"] != "m":
        raise TmdlError(f"line {number}: a partition is of M")
    return Node(kind, unquoted(found["name"]), found["expression"] or "", number)


def _property(parent: Node, content: str, lines: list[str], number: int, depth: int) -> int:
    """Read one property; the number of the next line."""
    known = _KINDS[parent.kind][1]
    name = re.match(r"[A-Za-z]*", content)[0]
    if name not in known:
        raise TmdlError(f"line {number}: {parent.kind or 'a file'} has no {content.split()[0]}")
    if name in parent.properties:
        raise TmdlError(f"line {number}: a second {name}")
    if parent.children:
        raise TmdlError(f"line {number}: properties come before what the {parent.kind} holds")
    pattern, rest = known[name], content[len(name) :]
    if pattern is _FLAG:
        if rest:
            raise TmdlError(f"line {number}: {name} has no value")
        parent.properties[name] = "true"
    elif pattern == "=":
        if not rest.startswith(" ="):
            raise TmdlError(f"line {number}: {name} is an expression")
        inline = rest[2:].strip()
        block = [inline] if inline else []
        while not inline and number < len(lines) and lines[number].startswith("\t" * (depth + 2)):
            block.append(lines[number][depth + 2 :])
            number += 1
        if not block:
            raise TmdlError(f"line {number}: {name} is empty")
        parent.properties[name] = "\n".join(block)
    else:
        if not re.fullmatch(rf": ({pattern})", rest):
            raise TmdlError(f"line {number}: {content} is not a value of {name}")
        parent.properties[name] = rest[2:]
    return number


def _complete(node: Node) -> None:
    missing = _KINDS[node.kind][2] - set(node.properties)
    if missing:
        raise TmdlError(f"line {node.line}: {node.kind} {node.name} has no {', '.join(sorted(missing))}")
    if node.kind == "table" and len(node.all("partition")) != 1:
        raise TmdlError(f"line {node.line}: table {node.name} has {len(node.all('partition'))} partitions")
    for child in node.children:
        _complete(child)


def unquoted(name: str) -> str:
    return name[1:-1].replace("''", "'") if name.startswith("'") else name


# The files together ----------------------------------------------------------------------------------------------------------------


def check(files: dict[str, str]) -> dict[str, Node]:
    """All files of a `definition` folder; the tables by name. Raises TmdlError."""
    objects = {}
    for path, text in files.items():
        try:
            objects[path] = _parsed(text)
        except TmdlError as error:
            raise TmdlError(f"{path}, {error}") from None
    for path, kinds in {"database.tmdl": {"database"}, "model.tmdl": {"model", "annotation", "ref"}, "expressions.tmdl": {"expression"},
                        "relationships.tmdl": {"relationship"}}.items():  # fmt: skip
        if path not in objects or {node.kind for node in objects[path]} != kinds:
            raise TmdlError(f"{path}: must hold {', '.join(sorted(kinds))}")
    tables = {}
    for path, nodes in objects.items():
        if path.startswith("tables/"):
            if [node.kind for node in nodes] != ["table"] or path != f"tables/{nodes[0].name}.tmdl":
                raise TmdlError(f"{path}: must hold the table it is named after")
            tables[nodes[0].name] = nodes[0]
    references = [node.name for node in objects["model.tmdl"] if node.kind == "ref"]
    if sorted(references) != sorted(tables):
        raise TmdlError(f"model.tmdl: references and tables differ: {sorted(set(references) ^ set(tables))}")
    _unique_tags([node for nodes in objects.values() for node in nodes])
    measures = _check_names(tables)
    _check_relationships(objects["relationships.tmdl"], tables)
    columns = {(table.name, column.name) for table in tables.values() for column in table.all("column")}
    for measure in measures.values():
        check_dax(measure, set(tables), columns, measures)
    _check_cycles(measures)
    parameters = {node.name: node.expression for node in objects["expressions.tmdl"]}
    for name, text in parameters.items():
        if not re.fullmatch(r'"([^"]|"")*" meta \[IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true\]', text):
            raise TmdlError(f"expressions.tmdl: {name} is not a parameter")
    for table in tables.values():
        check_m(table, set(parameters))
    return tables


def _unique_tags(nodes: list[Node]) -> None:
    tags: list[str] = []

    def collect(node: Node) -> None:
        tags.extend([node.properties["lineageTag"]] if "lineageTag" in node.properties else [])
        for child in node.children:
            collect(child)

    for node in nodes:
        collect(node)
    twice = [tag for tag, count in Counter(tags).items() if count > 1]
    if twice:
        raise TmdlError(f"lineageTag {twice[0]} is given twice")


def _check_names(tables: dict[str, Node]) -> dict[str, Node]:
    measures: dict[str, Node] = {}
    seen: set[str] = set()
    for table in tables.values():
        names = [child.name.lower() for child in table.children if child.kind in ("column", "measure")]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise TmdlError(f"table {table.name}: a second {twice[0]}")
        for column in table.all("column"):
            if column.properties["sourceColumn"] != column.name:
                raise TmdlError(f"{table.name}.{column.name} reads {column.properties['sourceColumn']}")
        for measure in table.all("measure"):
            if measure.name.lower() in seen:
                raise TmdlError(f"a second measure {measure.name}")
            seen.add(measure.name.lower())
            measures[measure.name] = measure
    return measures


def _check_relationships(nodes: list[Node], tables: dict[str, Node]) -> None:
    active: dict[str, set[str]] = {}
    ends: set[tuple[str, str]] = set()
    for node in nodes:
        found = {}
        for side in ("fromColumn", "toColumn"):
            table, column = (unquoted(part) for part in re.fullmatch(rf"({NAME})\.({NAME})", node.properties[side]).groups())
            there = {item.name: item for item in tables[table].all("column")} if table in tables else {}
            if column not in there:
                raise TmdlError(f"relationship {node.name}: {table}.{column} is not there")
            found[side] = (table, there[column])
        (table, column), (to_table, to_column) = found["fromColumn"], found["toColumn"]
        if column.properties["dataType"] != to_column.properties["dataType"]:
            raise TmdlError(f"relationship {node.name}: {table}.{column.name} and {to_table}.{to_column.name} are of two types")
        if "isKey" not in to_column.properties:
            raise TmdlError(f"relationship {node.name}: {to_table}.{to_column.name} is no key")
        if (table, column.name) in ends:
            raise TmdlError(f"relationship {node.name}: a second one of {table}.{column.name}")
        ends.add((table, column.name))
        if node.properties.get("isActive") != "false":
            if to_table in active.setdefault(table, set()):
                raise TmdlError(f"relationship {node.name}: two active ways from {to_table} to {table}")
            active[table].add(to_table)
    for table, targets in active.items():
        ways = Counter(reached for target in targets for reached in [target, *_reach(target, active)])
        twice = [name for name, count in ways.items() if count > 1]
        if twice or table in ways:
            raise TmdlError(f"two active ways from {twice[0] if twice else table} to {table}")


def _reach(table: str, active: dict[str, set[str]]) -> list[str]:
    return [name for target in active.get(table, set()) for name in [target, *_reach(target, active)]]


_DAX = re.compile(
    rf"""\s+ | (?P<text>"[^"]*") | (?P<column>(?P<table>{NAME})\[(?P<of>[^\]]+)\]) | \[(?P<measure>[^\]]+)\]
    | (?P<function>[A-Z]+)(?=\() | (?P<name>{NAME}) | (?P<number>\d+(\.\d+)?) | (?P<sign><>|>=|<=|[-+*/=<>,()])""",
    re.VERBOSE,
)


def check_dax(measure: Node, tables: set[str], columns: set[tuple[str, str]], measures: dict[str, Node]) -> None:
    """Every name is there, every function is known, brackets close, and operands and signs take turns."""
    place, depth, before = 0, 0, "("
    where = f"measure {measure.name}"
    while place < len(measure.expression):
        found = _DAX.match(measure.expression, place)
        if not found:
            raise TmdlError(f"{where}: not understood: {measure.expression[place:]}")
        place = found.end()
        if found["column"] and (unquoted(found["table"]), found["of"]) not in columns:
            raise TmdlError(f"{where}: {found['column']} is not there")
        if found["measure"] and found["measure"] not in measures:
            raise TmdlError(f"{where}: [{found['measure']}] is not there")
        if found["function"] and found["function"] not in _DAX_FUNCTIONS:
            raise TmdlError(f"{where}: unknown function {found['function']}")
        if found["name"] and unquoted(found["name"]) not in tables:
            raise TmdlError(f"{where}: {found['name']} is not there")
        sign = found["sign"]
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            raise TmdlError(f"{where}: brackets do not close")
        operand = any(found[group] for group in ("text", "column", "measure", "name", "number", "function"))
        if operand and before in ("operand", ")"):
            raise TmdlError(f"{where}: two operands in a row")
        if sign and sign not in "()" and before in ("sign", "(", "function"):
            raise TmdlError(f"{where}: {sign} after nothing")
        if sign == ")" and before == "sign":
            raise TmdlError(f"{where}: nothing before )")
        if operand or sign:
            before = "function" if found["function"] else "operand" if operand else sign if sign in "()" else "sign"
    if depth or before in ("sign", "("):
        raise TmdlError(f"{where}: ends too early")


def _check_cycles(measures: dict[str, Node]) -> None:
    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise TmdlError(f"measure {name} is made of itself")
        for other in re.findall(r"(?<![A-Za-z0-9_'])\[([^\]]+)\]", measures[name].expression):
            visit(other, (*path, name))

    for name in measures:
        visit(name, ())


def check_m(table: Node, parameters: set[str]) -> None:
    """The query of a table: brackets and quotes close, names are there, and each column gets its type."""
    (partition,) = table.all("partition")
    text = partition.properties["source"]
    where = f"partition {partition.name}"
    if partition.name != table.name:
        raise TmdlError(f"{where} is in table {table.name}")
    bare = re.sub(r'"([^"]|"")*"', '""', text)
    if bare.count('"') % 2:
        raise TmdlError(f"{where}: a quote is open")
    closing, open_ones = {")": "(", "]": "[", "}": "{"}, []
    for sign in bare:
        if sign in "([{":
            open_ones.append(sign)
        elif sign in closing and (not open_ones or open_ones.pop() != closing[sign]):
            raise TmdlError(f"{where}: brackets do not close")
    if open_ones:
        raise TmdlError(f"{where}: brackets do not close")
    columns = [column.name for column in table.all("column")]
    if text.startswith("#table("):
        if re.findall(r"(\w+) = text", text) != columns:
            raise TmdlError(f"{where}: its columns are not those of the table")
        return
    shape = re.fullmatch(
        r"\s*let\n\s+Rows = (?P<rows>[^\n]+),\n\s+Typed = Table\.TransformColumnTypes\(Rows, \{(?P<types>.*)\}\)\n\s*in\n\s+Typed",
        text,
    )
    if not shape:
        raise TmdlError(f"{where}: not let Rows, Typed in Typed")
    named = set(re.findall(r"[A-Za-z_][A-Za-z0-9_.]*", re.sub(r'"[^"]*"', "", shape["rows"])))
    unknown = named - parameters - _M_FUNCTIONS - {"Schema", "Item", "Data"}
    if unknown:
        raise TmdlError(f"{where}: {', '.join(sorted(unknown))} is not there")
    if f'"{table.name}"' not in shape["rows"] and f'"/{table.name}.parquet"' not in shape["rows"]:
        raise TmdlError(f"{where}: reads another table")
    pairs = re.findall(r'\{"(\w+)", (type \w+|Int64\.Type|Currency\.Type)\}', shape["types"])
    if ", ".join(f'{{"{name}", {kind}}}' for name, kind in pairs) != shape["types"] or [name for name, _ in pairs] != columns:
        raise TmdlError(f"{where}: its types are not those of the table")
    wanted = {
        "string": "type text",
        "int64": "Int64.Type",
        "double": "type number",
        "decimal": "Currency.Type",
        "boolean": "type logical",
    }
    for column, (name, kind) in zip(table.all("column"), pairs, strict=True):
        expected = wanted.get(column.properties["dataType"], kind if kind in ("type date", "type datetime") else "type date")
        if kind != expected:
            raise TmdlError(f"{where}: {name} is {kind} here and {column.properties['dataType']} there")
