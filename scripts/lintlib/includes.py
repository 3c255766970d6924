"""Includes point downward: src/layers.txt is held against every #include "…" under src/."""
import os
import re

from .tree import Finding

LAYERS = 'src/layers.txt'
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
GENERATED = ('config.h',)
# A library is seen by one layer only.
LIBRARIES = {'osip': 'sip', 'ev.h': 'net', 'confuse.h': 'conf', 'microhttpd.h': 'admin',
             'lmdb.h': 'store', 'wslay': 'net', 'ares.h': 'net', 'curl': 'net'}
# Siblings that never see each other, whatever layers.txt says.
APART = ('core', 'net')


def parse_layers(tree):
    """({layer: (allowed layers, {module: place from the top})}, findings)"""
    layers, bad, current = {}, [], None
    for number, line in enumerate(tree.lines(LAYERS), 1):
        words = line.split('#')[0].split()
        if words[:1] == ['layer']:
            current = words[1]
            for other in words[2:]:
                if other not in layers:
                    bad.append(Finding(LAYERS, number, 'includes', current,
                                       f'{other} is not a layer further up in this file'))
            if {current, *words[2:]} >= set(APART) and current in APART:
                bad.append(Finding(LAYERS, number, 'includes', current,
                                   f'{APART[0]} and {APART[1]} never see each other'))
            layers[current] = (set(words[2:]), {})
        elif words:
            places = layers[current][1]
            places.update({w: len(places) + i for i, w in enumerate(words)})
    return layers, bad


def split(path):
    """'base/str.h' -> ('base', 'str')"""
    layer, _, name = path.rpartition('/')
    return layer, os.path.splitext(name)[0]


def judge(layers, own, target):
    """Why own (layer, module) may not include target, or None."""
    (layer, module), (to_layer, to_module) = own, target
    if to_layer not in layers or to_module not in layers[to_layer][1]:
        return f'{to_layer}/{to_module} is not in {LAYERS}'
    if to_layer != layer:
        return None if to_layer in layers[layer][0] else f'{layer} may not include {to_layer}'
    places = layers[layer][1]
    if to_module != module and places[to_module] <= places[module]:
        return f'{to_module} stands above {module} in layer {layer}'
    return None


def check_file(tree, layers, path):
    own = split(path[len('src/'):])
    if own[0] not in layers or own[1] not in layers[own[0]][1]:
        return [Finding(path, 1, 'includes', '', f'not listed in {LAYERS}')]
    found, quoted = [], []
    code = tree.code(path).split('\n')  # to pass by what stands in comments
    for m in INCLUDE.finditer(tree.text(path)):
        line = tree.text(path).count('\n', 0, m.start(1)) + 1
        if not code[line - 1].lstrip().startswith('#'):
            continue
        target, why = m.group(2), None
        if m.group(1) == '<':
            why = next((f'<{target}> belongs to layer {home}' for start, home in LIBRARIES.items()
                        if target.startswith(start) and own[0] != home), None)
        else:
            quoted.append(target)
            if target not in GENERATED:
                why = judge(layers, own, split(target))
        if why:
            found.append(Finding(path, line, 'includes', target, why))
    header = path[len('src/'):-2] + '.h'
    if path.endswith('.c') and 'src/' + header in tree.files and quoted[:1] != [header]:
        found.append(Finding(path, 1, 'own-header', '', f'does not include {header} first'))
    return found


def check(tree):
    layers, found = parse_layers(tree)
    for path in tree.c_files('src', endings=('.c', '.h', '.def')):
        found += check_file(tree, layers, path)
    return found
