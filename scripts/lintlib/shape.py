"""Sizes: lines of a file and of a function, parameters, depth of nested control structures."""
import functools
import re

from .tree import Finding

FILE_LINES, FUNCTION_LINES, PARAMETERS, NESTING = 600, 60, 5, 3

TOKEN = re.compile(r'[A-Za-z_]\w*|\d[\w.]*|->|[^\s\w]')
CLOSING = {'(': ')', '{': '}', '[': ']'}
LOOPS = ('for', 'while', 'switch')


class Scanner:
    """Walks the statements of one function body and notes how deep control structures go."""
    def __init__(self, code, loop_macros):
        # A preprocessor line is no statement; continuation lines belong to it.
        code = re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', '', code, flags=re.M)
        self.t = TOKEN.findall(code)
        self.i = 0
        self.loops = set(LOOPS) | set(loop_macros)
        self.deepest = 0

    def peek(self, k=0):
        return self.t[self.i + k] if self.i + k < len(self.t) else ''

    def group(self):
        """Passes one bracketed group; any kind of bracket may nest."""
        want = [CLOSING[self.peek()]]
        self.i += 1
        while want and self.peek():
            c = self.peek()
            if c in CLOSING:
                want.append(CLOSING[c])
            elif c == want[-1]:
                want.pop()
            self.i += 1

    def body(self, depth):
        self.deepest = max(self.deepest, depth)
        self.statement(depth)

    def statement(self, depth):
        c = self.peek()
        if c == '{':
            self.block(depth)
        elif c == 'if':
            self.conditional(depth)
        elif c in self.loops or self.is_loop_macro():
            self.i += 1
            self.group()
            self.body(depth + 1)
        elif c == 'do':
            self.i += 1
            self.body(depth + 1)
            self.simple()
        elif c in ('case', 'default') or (self.peek(1) == ':' and c.isidentifier()):
            self.label()
        else:
            self.simple()

    def is_loop_macro(self):
        """name(…) before a statement is a loop, even if nobody told us so."""
        if not self.peek().isidentifier() or self.peek(1) != '(':
            return False
        start = self.i
        self.i += 1
        self.group()
        goes_on = self.peek() == '{' or self.peek().isidentifier()
        self.i = start
        return goes_on

    def block(self, depth):
        self.i += 1
        while self.peek() not in ('}', ''):
            self.statement(depth)
        self.i += 1

    def conditional(self, depth):
        self.i += 1
        self.group()
        self.body(depth + 1)
        if self.peek() == 'else':
            self.i += 1
            if self.peek() == 'if':  # "else if" goes on at the same depth
                self.statement(depth)
            else:
                self.body(depth + 1)

    def label(self):
        while self.peek() not in (':', ''):
            if self.peek() in CLOSING:
                self.group()
            else:
                self.i += 1
        self.i += 1

    def simple(self):
        """A declaration or an expression, to its semicolon."""
        while self.peek() not in (';', '}', ''):
            if self.peek() in CLOSING:
                self.group()
            else:
                self.i += 1
        if self.peek() == ';':
            self.i += 1


def depth_of(body, loop_macros):
    start = body.find('{')
    if start < 0:
        return 0
    s = Scanner(body[start:], loop_macros)
    s.statement(0)
    return s.deepest


@functools.lru_cache(maxsize=None)
def loop_macros(tree):
    """What .clang-format calls a loop is a loop here, too."""
    if '.clang-format' not in tree.files:
        return ()
    m = re.search(r'^ForEachMacros:\s*\[(.*?)\]', tree.text('.clang-format'), re.M | re.S)
    return tuple(re.findall(r'\w+', m.group(1))) if m else ()


def check(tree):
    found = []
    for path in tree.c_files('src', 'tests', endings=('.c', '.h', '.def')):
        n = len(tree.lines(path))
        if n > FILE_LINES:
            found.append(Finding(path, n, 'file-lines', '', f'{n} lines, {FILE_LINES} at most'))
    for f in tree.functions:
        for gate, n, most in (('function-lines', f.end - f.line + 1, FUNCTION_LINES),
                              ('parameters', f.params, PARAMETERS),
                              ('nesting', depth_of(f.body, loop_macros(tree)), NESTING)):
            if n > most:
                found.append(Finding(f.path, f.line, gate, f.name,
                                     f'{f.name}: {n}, {most} at most'))
    return found
