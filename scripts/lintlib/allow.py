"""lint.allow: the exceptions, each with its reason, none without a use."""
import fnmatch
from collections import namedtuple

from .tree import Finding

FILE = 'lint.allow'
Entry = namedtuple('Entry', 'line path name gate')


def parse(tree):
    entries, bad = [], []
    if FILE not in tree.files:
        return entries, bad
    for number, line in enumerate(tree.lines(FILE), 1):
        words = line.split(None, 2)
        if not words or words[0].startswith('#'):
            continue
        if len(words) < 3:
            bad.append(Finding(FILE, number, 'allow', '', 'not "path[:name] gate reason"'))
            continue
        path, _, name = words[0].partition(':')
        entries.append(Entry(number, path, name, words[1]))
    return entries, bad


def matches(entry, finding):
    return (entry.gate == finding.gate and fnmatch.fnmatchcase(finding.path, entry.path)
            and fnmatch.fnmatchcase(finding.name, entry.name or ''))


def apply(tree, findings, is_complete):
    """Findings without the excepted ones. After a complete run an unused exception is one more."""
    entries, left = parse(tree)
    used = set()
    for f in findings:
        hits = [e for e in entries if matches(e, f)]
        used.update(hits)
        if not hits:
            left.append(f)
    if is_complete:
        left += [Finding(FILE, e.line, 'allow', '', 'nothing needs this exception')
                 for e in entries if e not in used]
    return left
