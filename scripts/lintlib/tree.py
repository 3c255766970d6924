"""The source tree under inspection: its files, their text without comments, their functions."""
import functools
import json
import os
import re
import subprocess
from collections import namedtuple

TOP_DIRS = ('src', 'tests', 'scripts', 'docs', 'etc', 'packaging', '.ci')


class Finding(namedtuple('Finding', 'path line gate name what')):
    """name: the function or thing that lint.allow may except; '' for the whole file."""
    def __str__(self):
        return f'{self.path}:{self.line}: {self.gate}: {self.what}'


Function = namedtuple('Function', 'path name line end params is_static body')

_BLANKED = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def strip_code(text):
    """C text with comments gone and literals emptied; every line keeps its number."""
    def blank(m):
        s = m.group()
        if s[0] in '"\'':
            return s[0] * 2
        return '\n' * s.count('\n') or ' '
    return _BLANKED.sub(blank, text)


class Tree:
    def __init__(self, root, build):
        self.root = os.path.abspath(root)
        self.build = os.path.abspath(build)

    def _known_to_git(self):
        """Tracked files and new ones that nothing ignores; none outside of a work tree."""
        if not os.path.exists(os.path.join(self.root, '.git')):
            return []
        out = subprocess.run(['git', 'ls-files', '-z', '-co', '--exclude-standard'], cwd=self.root,
                             check=False, capture_output=True, text=True).stdout
        return [f for f in out.split('\0') if f]

    @functools.cached_property
    def files(self):
        """Every file that belongs to the source, relative to the root."""
        found = self._known_to_git() or [
            os.path.relpath(os.path.join(folder, name), self.root)
            for top in TOP_DIRS for folder, _, names in os.walk(os.path.join(self.root, top))
            for name in names] + os.listdir(self.root)
        return sorted(f for f in found if os.path.isfile(os.path.join(self.root, f)))

    def c_files(self, *tops, endings=('.c', '.h')):
        return [f for f in self.files if f.endswith(endings) and f.split('/')[0] in tops]

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        with open(os.path.join(self.root, path), encoding='utf-8', errors='replace') as f:
            return f.read()

    def lines(self, path):
        return self.text(path).splitlines()

    @functools.lru_cache(maxsize=None)
    def code(self, path):
        return strip_code(self.text(path))

    @functools.cached_property
    def functions(self):
        """Every function definition of src/ and tests/, found by ctags."""
        paths = self.c_files('src', 'tests')
        if not paths:
            return []
        out = subprocess.run(
            ['ctags', '--options=NONE', '-L', '-', '-o', '-', '--output-format=json',
             '--languages=C', '--langmap=C:.c.h', '--kinds-C=f', '--fields=+neSf'],
            cwd=self.root, check=True, capture_output=True, text=True,
            input='\n'.join(paths)).stdout
        return [self._function(json.loads(line)) for line in out.splitlines()]

    def _function(self, tag):
        path, line, end = tag['path'], tag['line'], tag.get('end', tag['line'])
        body = '\n'.join(self.code(path).split('\n')[line - 1:end])
        is_static = bool(re.search(r'\bstatic\b', self.lines(path)[line - 1])) or 'file' in tag
        return Function(path, tag['name'], line, end, count_params(tag.get('signature', '')),
                        is_static, body)

    def function_at(self, path, line):
        """The name of the function around a line, '' outside of any."""
        for f in self.functions:
            if f.path == path and f.line <= line <= f.end:
                return f.name
        return ''


def count_params(signature):
    """Named parameters of "(int a, int (*f)(int, int), ...)"; the three dots are none."""
    inner, depth, n = signature.strip()[1:-1], 0, 1
    if inner.strip() in ('', 'void'):
        return 0
    for c in inner:
        depth += {'(': 1, ')': -1}.get(c, 0)
        n += c == ',' and depth == 0
    return n - (1 if inner.rstrip().endswith('...') else 0)
