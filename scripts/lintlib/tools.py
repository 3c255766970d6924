"""The tools' gates: clang-format, each header alone, compiler and analyzer, clang-tidy, cppcheck.

What a tool said about a file is kept in <build>/lint-cache under a hash of all that it saw, so a
second run only asks about what has changed.
"""
import functools
import glob
import hashlib
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from .tree import Finding

AT_ONCE = 2
BANNED = 'src/base/banned.h'
PACKAGES = ('libconfuse', 'libpq', 'libcrypto', 'libmicrohttpd', 'jansson', 'libsystemd')
GNU = re.compile(r'^([^\s:][^:\n]*):(\d+):(?:\d+:)? (?:fatal error|error|warning): (.*)$', re.M)
CPPCHECK = ('--enable=warning,style,performance,portability', '--inline-suppr', '--std=c11',
            '--quiet', '--error-exitcode=3', '--suppress=missingIncludeSystem',
            '--suppress=unmatchedSuppression', '--template={file}:{line}: warning: {message} [{id}]',
            '--template-location=')


def run(tree, command, text=None):
    done = subprocess.run(command, cwd=tree.root, capture_output=True, text=True, input=text,
                          errors='replace')
    return done.returncode, done.stdout + done.stderr


@functools.lru_cache(maxsize=None)
def version(tree, tool):
    return run(tree, [tool, '--version'])[1]


@functools.lru_cache(maxsize=None)
def base_flags(tree):
    flags = ['-std=gnu11', '-D_GNU_SOURCE', '-Isrc', '-I' + tree.build]
    for package in PACKAGES:
        status, out = run(tree, ['pkg-config', '--cflags', package])
        flags += [f.replace('-I', '-isystem', 1) for f in out.split()] if status == 0 else []
    return tuple(flags)


def flags_for_c(tree):
    return base_flags(tree) + (('-include', BANNED) if BANNED in tree.files else ())


@functools.lru_cache(maxsize=None)
def warnings(tree):
    """The build's own warning flags."""
    if 'Makefile.am' not in tree.files:
        return ('-Wall', '-Wextra')
    m = re.search(r'^AM_CFLAGS\s*=((?:[^\n]*\\\n)*[^\n]*)', tree.text('Makefile.am'), re.M)
    return tuple(re.findall(r'(?<!\S)-W(?!l,)[\w=-]+', m.group(1))) if m else ()


def findings_in(tree, output, fallback):
    """file:line: warning: text [check] becomes findings; without a [check] the gate is fallback."""
    found = []
    for path, line, what in GNU.findall(output):
        path = os.path.relpath(os.path.join(tree.root, path), tree.root)
        m = re.search(r'\[(?:-W(?:error=)?)?([\w.,=*/-]+)\]$', what)
        gate = m.group(1).split(',')[0] if m else fallback
        found.append(Finding(path, int(line), gate, tree.function_at(path, int(line)), what))
    return sorted(set(found))


class Cache:
    def __init__(self, tree):
        self.folder = os.path.join(tree.build, 'lint-cache')
        os.makedirs(self.folder, exist_ok=True)
        self.seen = set()

    def ask(self, key, work):
        name = hashlib.sha256('\0'.join(key).encode()).hexdigest()
        path = os.path.join(self.folder, name)
        self.seen.add(name)
        if os.path.exists(path):
            with open(path, encoding='utf-8') as f:
                return [Finding(*x) for x in json.load(f)]
        found = work()
        with open(path + '.new', 'w', encoding='utf-8') as f:
            json.dump(found, f)
        os.replace(path + '.new', path)
        return found

    def drop_unseen(self):
        for path in glob.glob(os.path.join(self.folder, '*')):
            if os.path.basename(path) not in self.seen:
                os.unlink(path)


def compile_once(tree, path):
    """Warnings of the build, and of gcc's analyzer on top."""
    status, out = run(tree, ['gcc', *flags_for_c(tree), *warnings(tree), '-Wno-error', '-O2',
                             '-fanalyzer', '-fdiagnostics-plain-output', '-c', '-o', '/dev/null',
                             path])
    return or_failure(findings_in(tree, out, 'compile'), path, 'compile', status, out)


def tidy_once(tree, path):
    status, out = run(tree, ['clang-tidy', '--quiet', path, '--', *flags_for_c(tree)])
    return or_failure(findings_in(tree, out, 'clang-tidy'), path, 'clang-tidy', status, out)


def cppcheck_once(tree, path):
    flags = [f for f in flags_for_c(tree) if f.startswith(('-I', '-D'))]
    status, out = run(tree, ['cppcheck', *CPPCHECK, *flags, path])
    return or_failure(findings_in(tree, out, 'cppcheck'), path, 'cppcheck', status, out)


def or_failure(found, path, gate, status, out):
    """A tool that failed without a finding must not look like success."""
    if status == 0 or found:
        return found
    return [Finding(path, 1, gate, '', f'exit {status}: {out.strip()[-200:]}')]


TOOLS = (('gcc', compile_once), ('clang-tidy', tidy_once), ('cppcheck', cppcheck_once))


def check_file(tree, cache, path):
    status, text = run(tree, ['gcc', '-E', '-CC', *flags_for_c(tree), path])
    if status:
        return or_failure(findings_in(tree, text, 'compile'), path, 'compile', status, text)
    settings = tree.text('.clang-tidy') if '.clang-tidy' in tree.files else ''
    found = []
    for tool, work in TOOLS:
        key = (tool, version(tree, tool), path, text, settings, *warnings(tree), *CPPCHECK)
        found += cache.ask(key, lambda work=work: work(tree, path))
    return [f if f.path == path else f._replace(what=f'{f.what} (seen from {path})') for f in found]


def in_parallel(work, items):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [f for found in pool.map(work, items) for f in found]


def check_tools(tree):
    tree.functions  # once, before the threads ask for them
    cache = Cache(tree)
    found = in_parallel(lambda p: check_file(tree, cache, p), tree.c_files('src', endings=('.c',)))
    cache.drop_unseen()
    # A header's finding comes from each file that includes it.
    return list({(f.path, f.line, f.gate): f for f in sorted(found, reverse=True)}.values())


def check_header(tree, path):
    """Without banned.h before it: what that includes would hide what the header forgot."""
    status, out = run(tree, ['gcc', *base_flags(tree), *warnings(tree), '-Wno-error', '-fsyntax-only',
                             '-fdiagnostics-plain-output', '-x', 'c', '-'],
                      f'#include "{path[len("src/"):]}"\n')
    found = [Finding(path, f.line if f.path == path else 1, 'header-alone', '', f.what)
             for f in findings_in(tree, out, 'header-alone')]
    return or_failure(found, path, 'header-alone', status, out)


def check_headers(tree):
    return in_parallel(lambda p: check_header(tree, p), tree.c_files('src', endings=('.h',)))


def check_format(tree):
    paths = tree.c_files('src', 'tests')
    if not paths:
        return []
    _, out = run(tree, ['clang-format', '--dry-run', '-Werror', *paths])
    found = {(f.path, f.line) for f in findings_in(tree, out, 'format')}
    return [Finding(p, line, 'format', '', 'not as clang-format has it (./dev fmt)')
            for p, line in sorted(found)]
