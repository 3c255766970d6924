"""What the parts of the tree owe each other: counters, options, paths in documents, loose ends."""
import fnmatch
import os
import re

from .tree import TOP_DIRS, Finding

STATS = 'src/base/stats.def'
SCHEMA = 'src/conf/schema.c'
ROW = re.compile(r'^(?:(?:COUNTER|GAUGE)\((\w+),\s*"([^"]*)",\s*"(?:\\.|[^"\\])*"|'
                 r'HISTOGRAM\((\w+),\s*"([^"]*)"),\s*"([^"]*)"\)', re.M)
ROW_START = re.compile(r'^(?:COUNTER|GAUGE|HISTOGRAM)\(', re.M)
# An option is a row with .name = "…", or where no row has that, a row {"name", … or OPT…("name", ….
OPTIONS = (re.compile(r'\.name\s*=\s*"([a-z][a-z0-9-]*)"'),
           re.compile(r'(?:\{\s*|\b(?:CFG|OPT)[A-Z_]*\(\s*)"([a-z][a-z0-9-]*)"'))
LOOSE_END = re.compile(r'\b(?:TO' r'DO|FIX' r'ME|X' r'XX)\b')
SUPPRESSION = re.compile(r'NOLINT(?:NEXTLINE|BEGIN|END)?(?![\w(])|cppcheck-suppress(?! \w)')
SPAN = re.compile(r'`([^`\n]+)`')
LINK = re.compile(r'\]\(([^)#\s]+)[^)]*\)')
# What a stranger may guess at is compared in a time that says nothing.
LEAKY = re.compile(r'\b(?:memcmp|strn?(?:case)?cmp|str_i?eq|str_cmp)\([^;/]*'
                   r'\b(?:response|ha1|mac|signature)\b(?!->)')
TEXTS = ('.c', '.h', '.def', '.py', '.md', '.sh', '.ac', '.am', '.conf', '.service', '.txt',
         '.sim', '.1', '.5', '.8', 'dev', 'run', 'lint')


def line_at(text, pos):
    return text.count('\n', 0, pos) + 1


def check_stats(tree):
    if STATS not in tree.files:
        return []
    text, found, helped = tree.text(STATS), [], set()
    users = '\n'.join(tree.code(f) for f in tree.c_files('src'))
    rows = list(ROW.finditer(text))
    if len(rows) != len(ROW_START.findall(text)):
        found.append(Finding(STATS, 1, 'stats', '', 'a row does not read COUNTER(id, "name", '
                             '"labels", "help") on one line'))
    for m in rows:
        ident, name, help_text = (group for group in m.groups() if group is not None)
        line = line_at(text, m.start())
        if not help_text.strip() and name not in helped:
            found.append(Finding(STATS, line, 'stats-help', ident, f'{ident} has no help'))
        helped.add(name)
        if not re.search(rf'\b{ident}\b', users):
            found.append(Finding(STATS, line, 'stats-unused', ident, f'nothing counts {ident}'))
    return found


def check_options(tree):
    if SCHEMA not in tree.files:
        return []
    text = tree.text(SCHEMA)
    pages = [tree.text(f) for f in tree.files if re.fullmatch(r'docs/man/.*\.5(?:\.in)?', f)]
    manual = '\n'.join(pages).replace('\\-', '-')
    if '\n@OPTIONS@\n' in manual:  # the build puts the list there, from the same tables
        return []
    rows = next((rows for rows in (list(o.finditer(text)) for o in OPTIONS) if rows), [])
    options = {m.group(1): line_at(text, m.start()) for m in rows}
    if not options:
        return [Finding(SCHEMA, 1, 'manual', '', 'no option found in its tables')]
    return [Finding(SCHEMA, line, 'manual', name, f'option {name} is not in docs/man/*.5')
            for name, line in options.items()
            if not re.search(rf'(?<![\w-]){re.escape(name)}(?![\w-])', manual)]


def exists(tree, path):
    path = path.rstrip('/')
    return (os.path.exists(os.path.join(tree.root, path))
            or any(fnmatch.fnmatch(f, path) for f in tree.files))


def named_paths(text):
    """(position, path from the root) of everything in backquotes that looks like a path of ours."""
    layers = '|'.join(('base', 'sip', 'core', 'net', 'store', 'conf', 'service', 'admin', 'daemon'))
    for m in SPAN.finditer(text):
        for word in m.group(1).split():
            word = word.removeprefix('./').rstrip('.,;:')
            if '<' in word or '{' in word or '$' in word:
                continue
            if word.split('/')[0] in TOP_DIRS and '/' in word or word in ('dev', 'lint.allow'):
                yield m.start(), word
            elif re.fullmatch(rf'(?:{layers})/[\w*]+\.(?:[ch]|def)', word):
                yield m.start(), 'src/' + word


def check_docs(tree):
    found = []
    for path in tree.files:
        if not path.endswith('.md') or not (path.startswith('docs/') or '/' not in path):
            continue
        text = tree.text(path)
        wanted = list(named_paths(text))
        for m in LINK.finditer(text):
            if not re.match(r'[a-z]+:', m.group(1)):
                target = os.path.normpath(os.path.join(os.path.dirname(path), m.group(1)))
                wanted.append((m.start(), target))
        found += [Finding(path, line_at(text, pos), 'doc-path', name, f'{name} does not exist')
                  for pos, name in wanted if not exists(tree, name)]
    return found


def check_words(tree):
    found = []
    for path in tree.files:
        if not path.endswith(TEXTS) or '/corpus/' in path:
            continue
        for number, line in enumerate(tree.lines(path), 1):
            if LOOSE_END.search(line):
                found.append(Finding(path, number, 'loose-end', '', line.strip()))
            if path.endswith(('.c', '.h')) and SUPPRESSION.search(line):
                found.append(Finding(path, number, 'suppression', '',
                                     'a suppression names its check'))
    return found


def check_comments(tree):
    return [Finding(p, 1, 'header-comment', '', 'does not begin with a comment that says what it is')
            for p in tree.c_files('src', endings=('.h', '.def'))
            if not tree.text(p).startswith('/*')]


def check_compared(tree):
    found = []
    for path in tree.c_files('src'):
        for number, line in enumerate(tree.lines(path), 1):
            if LEAKY.search(line):
                found.append(Finding(path, number, 'leaky-compare', '',
                                     'a secret is compared by CRYPTO_memcmp'))
    return found


def check(tree):
    return (check_stats(tree) + check_options(tree) + check_docs(tree) + check_words(tree)
            + check_comments(tree) + check_compared(tree))
