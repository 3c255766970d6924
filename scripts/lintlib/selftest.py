"""Proof that the gates work: one small tree is clean, and each way to spoil it is found."""
import os
import shutil
import tempfile

GOOD = {
    'src/layers.txt': 'layer base\n    list str stats\nlayer core base\n    fork\n'
                      'layer net base\n    flow loop\n',
    'src/base/str.h': '/* A length. Any thread. */\n#ifndef STR_H\n#define STR_H\n'
                      '\n#include <stddef.h>\n\nsize_t str_len(const char *z);\n\n#endif\n',
    'src/base/str.c': '#include "base/str.h"\n\n#include <string.h>\n\n'
                      'size_t str_len(const char *z)\n{\n    return strlen(z);\n}\n',
    'src/base/stats.def': '/* One row a counter. */\n',
}


def function(name, lines):
    return f'int str_{name}(int a);\nint str_{name}(int a)\n{{\n' + '    a++;\n' * lines \
        + '    return a;\n}\n'


def file(path, text):
    return lambda tree: {**tree, path: text}


def append(path, text):
    return lambda tree: {**tree, path: tree[path] + text}


STR_C, STR_H, DEF = 'src/base/str.c', 'src/base/str.h', 'src/base/stats.def'
NEST = 'int str_deep(int a);\nint str_deep(int a)\n{\n    while (a)\n        if (a > 1)\n' \
    '            for (;;)\n                if (a)\n                    return a;\n    return 0;\n}\n'

MACRO_NEST = 'int str_each(int a);\nint str_each(int a)\n{\n    all_of(a)\n        while (a)\n' \
    '            if (a > 1)\n                if (a)\n                    return a;\n    return 0;\n}\n'
OPTION = 'struct opt o[] = {{.name = "workers"}};\n'

# (what it proves, group, gate that must speak, how to spoil the good tree)
CASES = [
    ('include upward', 'includes', 'includes', append(STR_C, '#include "core/fork.h"\n')),
    ('include above in the layer', 'includes', 'includes', append(STR_C, '#include "base/list.h"\n')),
    ('core sees net', 'includes', 'includes',
     file('src/core/fork.c', '#include "net/flow.h"\n')),
    ('layers.txt lets core see net', 'includes', 'includes',
     file('src/layers.txt', 'layer base\n str stats\nlayer core base\nlayer net base core\n')),
    ('file in no layer', 'includes', 'includes', file('src/base/util.c', '\n')),
    ('own header not first', 'includes', 'own-header',
     file(STR_C, '#include <string.h>\n#include "base/banned.h"\n#include "base/str.h"\n')),
    ('library outside its layer', 'includes', 'includes', append(STR_C, '#include <ev.h>\n')),
    ('long file', 'shape', 'file-lines', append(STR_C, '\n' * 600)),
    ('long function', 'shape', 'function-lines', append(STR_C, function('long', 60))),
    ('six parameters', 'shape', 'parameters',
     append(STR_C, 'int str_six(int a, int b, int c, int d, int e, int f)\n{\n}\n')),
    ('nesting of four', 'shape', 'nesting', append(STR_C, NEST)),
    ('nesting of four with a loop of our own', 'shape', 'nesting', append(STR_C, MACRO_NEST)),
    ('name without prefix', 'names', 'prefix', append(STR_C, 'int length(void)\n{\n}\n')),
    ('code not formatted', 'format', 'format', append(STR_C, 'int  x ;\n')),
    ('counter without help', 'house', 'stats-help', append(DEF, 'COUNTER(STAT_A, "a", "", "")\n')),
    ('counter that nobody counts', 'house', 'stats-unused',
     append(DEF, 'COUNTER(STAT_A, "a", "", "An a.")\n')),
    ('histogram without help', 'house', 'stats-help', append(DEF, 'HISTOGRAM(STAT_A, "a", "")\n')),
    ('histogram that nobody adds to', 'house', 'stats-unused',
     append(DEF, 'HISTOGRAM(STAT_A, "a", "An a.")\n')),
    ('option without manual', 'house', 'manual',
     file('src/conf/schema.c', OPTION)),
    ('document names no file', 'house', 'doc-path', file('README.md', 'See `src/base/gone.c`.\n')),
    ('loose end', 'house', 'loose-end', append(STR_C, '/* TO' + 'DO: this */\n')),
    ('suppression of everything', 'house', 'suppression', append(STR_C, '/* NOLINT */\n')),
    ('header without comment', 'house', 'header-comment', file(STR_H, '#ifndef STR_H\n#endif\n')),
    ('secret compared in a time that tells', 'house', 'leaky-compare',
     append(STR_C, 'int str_m(const char *mac, const char *b) { return memcmp(mac, b, 3); }\n')),
    ('exception without reason', 'house', 'allow', file('lint.allow', 'src/base/str.c nesting\n')),
    ('header that needs another', 'headers', 'header-alone',
     file(STR_H, '/* No include. */\nsize_t str_len(const char *z);\n')),
    ('warning', 'tools', 'unused-variable',
     append(STR_C, 'int str_w(void);\nint str_w(void)\n{\n    int a = 1;\n    return 0;\n}\n')),
    ('code that does not compile', 'tools', 'compile', append(STR_C, 'int x = ;\n')),
    ('analyzer', 'tools', 'analyzer-use-after-free',
     append(STR_C, '#include <stdlib.h>\nchar str_u(char *p);\nchar str_u(char *p)\n{\n'
                   '    free(p);\n    return *p;\n}\n')),
    ('clang-tidy', 'tools', 'bugprone-suspicious-semicolon',
     append(STR_C, 'int str_t(int a);\nint str_t(int a)\n{\n    if (a);\n    return 0;\n}\n')),
    ('cppcheck', 'tools', 'duplicateExpression',
     append(STR_C, 'int str_c(int a);\nint str_c(int a)\n{\n    return a == 2 || a == 2;\n}\n')),
]
EVERY_GROUP = [
    ('exception that nothing needs', 'allow', file('lint.allow', 'src/base/str.c nesting why\n')),
]


def write(root, tree):
    for path, text in tree.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as f:
            f.write(text)


def findings_of(lint, here, groups, tree):
    with tempfile.TemporaryDirectory(prefix='lint-') as root:
        write(root, tree)
        for name in ('.clang-format', '.clang-tidy', 'Makefile.am'):
            shutil.copy(os.path.join(here, name), root)
        return lint(root, os.path.join(root, 'build'), groups)


def run(lint, here, groups):
    passed, failed = 0, []

    def prove(what, is_good, found):
        nonlocal passed
        if is_good:
            passed += 1
        else:
            failed.append('\n    '.join([what, *map(str, found)]))

    found = findings_of(lint, here, groups, GOOD)
    prove('a clean tree is clean', not found, found)
    for what, group, gate, spoil in CASES:
        if group in groups:
            found = findings_of(lint, here, [group], spoil(GOOD))
            prove(f'{what}: {gate} must speak', any(f.gate == gate for f in found), found)
    excepted = append(STR_C, NEST)({**GOOD, 'lint.allow': f'{STR_C}:str_* nesting a reason\n'})
    found = findings_of(lint, here, ['shape'], excepted)
    prove('an exception holds', not found, found)
    documented = {**GOOD, 'src/conf/schema.c': OPTION, 'docs/man/x.5': '.It Ic workers\n'}
    found = findings_of(lint, here, ['house'], documented)
    prove('an option in the manual page is fine', not found, found)
    if 'tools' in groups:
        for what, gate, spoil in EVERY_GROUP:
            found = findings_of(lint, here, groups, spoil(GOOD))
            prove(what, any(f.gate == gate for f in found), found)
    for f in failed:
        print('lint self-test:', f)
    print(f'lint self-test: {passed} passed, {len(failed)} failed')
    return 1 if failed else 0
