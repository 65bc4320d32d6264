"""The events of a YAML text from ruamel.yaml's parser, with short cuts for what case files are made of.

Each short cut takes over where its outcome cannot differ from the library's own method, and calls that method
everywhere else: scalars that begin and end on one line, moves within the text, and the scanner's question
whether it must read on. Reading takes about half the time; the events are the same, as the tests show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import StringMark
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import Reader
from ruamel.yaml.scanner import Scanner
from ruamel.yaml.tokens import ScalarToken

__all__ = ["events"]

_BREAKS = "\r\x85\u2028\u2029"
_PLAIN_START = r"[^\s\x00\x85\ufeff#,:?\[\]{}&*!|>'\"%@`-]"
_WORD = r"(?:[^\s\x00\x85\ufeff:,?\[\]{}]|:(?=[^\s\x00\x85,\[\]{}]))*"
_BLOCK_WORD = r"(?:[^\s\x00\x85\ufeff:]|:(?=[^\s\x00\x85]))"
_IN_FLOW = re.compile(rf"{_PLAIN_START}{_WORD}(?=[,\]}}]|: )")
_KEY = re.compile(rf"{_PLAIN_START}{_BLOCK_WORD}*(?=:[ \n])")
_VALUE = re.compile(rf"{_PLAIN_START}{_BLOCK_WORD}*(?: (?!#){_BLOCK_WORD}+)*\n( *)(?=[^\s\x00\x85#])")
_QUOTED = {
    '"': re.compile(r'"([^"\\\r\n\x00\x85\u2028\u2029]*)"'),
    "'": re.compile(r"'([^'\r\n\x00\x85\u2028\u2029]*)'(?!')"),
}


class _Reader(Reader):
    """A reader of a text that is all in memory."""

    def forward(self, length: int = 1) -> None:
        end = self.pointer + length
        passed = self.buffer[self.pointer : end]
        if end >= len(self.buffer) or not passed.isprintable():
            super().forward(length)
            return
        self.pointer = end
        self.index += length
        self.column += length

    def get_mark(self) -> Any:
        return StringMark(self.name, self.index, self.line, self.column, self.buffer, self.pointer)


class _Scanner(Scanner):
    reader: Any = None

    def __init__(self, loader: Any = None) -> None:
        self.reader = loader.reader
        super().__init__(loader)

    def need_more_tokens(self) -> bool:
        if self.done:
            return False
        if not self.tokens:
            return True
        if not self.possible_simple_keys:
            return False
        return bool(super().need_more_tokens())

    def check_token(self, *choices: Any) -> bool:
        while self.need_more_tokens():
            self.fetch_more_tokens()
        return bool(self.tokens) and (not choices or isinstance(self.tokens[0], choices))

    def scan_plain(self) -> Any:
        reader = self.reader
        text, start = reader.buffer, reader.pointer
        if self.flow_context:
            found = _IN_FLOW.match(text, start)
            end = found.end() if found else start
        else:
            found = _KEY.match(text, start)
            end = found.end() if found else start
            if found is None:
                found = _VALUE.match(text, start)
                # A line indented deeper than the scalar's parent carries it on.
                if found is not None and len(found[1]) > self.indent:
                    found = None
                end = found.start(1) - 1 if found else start
        if found is None:
            return super().scan_plain()
        return self._token(text[start:end], end - start, plain=True, style=None)

    def scan_flow_scalar(self, style: Any) -> Any:
        found = _QUOTED[style].match(self.reader.buffer, self.reader.pointer)
        if found is None:
            return super().scan_flow_scalar(style)
        return self._token(found[1], len(found[0]), plain=False, style=style)

    def _token(self, value: str, length: int, *, plain: bool, style: Any) -> Any:
        begin = self.reader.get_mark()
        self.reader.forward(length)
        if plain:
            self.allow_simple_key = False
        return ScalarToken(value, plain, begin, self.reader.get_mark(), style)


class _Parser(Parser):
    scanner: Any = None

    def __init__(self, loader: Any) -> None:
        self.scanner = loader.scanner
        super().__init__(loader)


def events(text: str) -> Iterator[Any]:
    """Return the parser's events for a text, one by one.

    Raises
    ------
    ruamel.yaml.error.YAMLError
        Where the text is not valid YAML.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Reader, yaml.Scanner, yaml.Parser = _Reader, _Scanner, _Parser
    yield from yaml.parse(text)
