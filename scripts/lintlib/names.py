"""Names: what others can call begins with the name of its file."""
import os

from .tree import Finding


def check(tree):
    found = []
    for f in tree.functions:
        noun = os.path.splitext(os.path.basename(f.path))[0]
        is_public = not f.is_static or f.path.endswith('.h')
        if not f.path.startswith('src/') or not is_public or f.name in (noun, 'main'):
            continue
        if not f.name.startswith(noun + '_'):
            found.append(Finding(f.path, f.line, 'prefix', f.name,
                                 f'{f.name} does not begin with {noun}_'))
    return found
