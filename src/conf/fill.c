#include "conf/fill.h"

#include "base/err.h"
#include "conf/value.h"

struct filler {
    struct findings *findings;
    struct arena *arena;
    bool is_partial; /* what is absent may stand behind the mistake */
    bool has_no_memory;
};

static void *field_of(void *base, size_t offset)
{
    return (char *)base + offset;
}

static void say_fault(struct filler *f, const struct setting *s, const char *title, const char *why)
{
    char label[SCHEMA_LABEL], expected[SCHEMA_TEXT];
    finding_error(f->findings, s->line, "%s: \"%.200s\"%s%s, expected %s",
                  schema_label(s->option, title, label), s->text, why[0] ? ": " : " is not right",
                  why, schema_expected(s->option, expected));
}

static void fill_value(struct filler *f, const struct setting *s, const char *title, void *field)
{
    char why[VALUE_WHY];
    int err = value_parse(s->option, str_of(s->text), f->arena, field, why);
    if (err == ERR_PARSE)
        say_fault(f, s, title, why);
    else if (err)
        f->has_no_memory = true;
}

static void fill_list(struct filler *f, const struct setting *s, const char *title, void *base)
{
    const struct schema_option *o = s->option;
    size_t size = value_size(o->type), n = 0;
    for (const struct setting *at = s; at; at = settings_next(at))
        n++;
    char *elements = arena_calloc(f->arena, n, size);
    if (!elements) {
        f->has_no_memory = true;
        return;
    }
    memcpy(field_of(base, o->offset), &elements, sizeof elements);
    memcpy(field_of(base, o->n_offset), &n, sizeof n);
    for (const struct setting *at = s; at; at = settings_next(at), elements += size)
        fill_value(f, at, title, elements);
}

static void say_missing(struct filler *f, const struct schema_option *o,
                        const struct settings_section *s)
{
    char label[SCHEMA_LABEL], expected[SCHEMA_TEXT];
    if (f->is_partial)
        return;
    finding_error(f->findings, s->line, "%s: missing, expected %s",
                  schema_label(o, s->title, label), schema_expected(o, expected));
}

static void fill_fallback(struct filler *f, const struct schema_option *o, struct str text,
                          void *field)
{
    char why[VALUE_WHY];
    int err = value_parse(o, text, f->arena, field, why);
    BUG_ON(err == ERR_PARSE);
    f->has_no_memory = f->has_no_memory || err;
}

static bool take_word(struct str *rest, struct str *word)
{
    const char *blank = str_find(*rest, ' ');
    *word = blank ? str_span(rest->p, blank) : *rest;
    *rest = str_skip(*rest, word->n + 1);
    return word->n > 0;
}

static void fill_default_list(struct filler *f, const struct schema_option *o, void *base)
{
    size_t size = value_size(o->type), n = 0;
    struct str rest = str_of(o->fallback), word;
    while (take_word(&rest, &word))
        n++;
    char *elements = arena_calloc(f->arena, n + 1, size);
    if (!elements) {
        f->has_no_memory = true;
        return;
    }
    memcpy(field_of(base, o->offset), &elements, sizeof elements);
    memcpy(field_of(base, o->n_offset), &n, sizeof n);
    rest = str_of(o->fallback);
    for (; take_word(&rest, &word); elements += size)
        fill_fallback(f, o, word, elements);
}

static void fill_default(struct filler *f, const struct schema_option *o, void *base)
{
    if (o->fallback && o->is_list)
        fill_default_list(f, o, base);
    else if (o->fallback)
        fill_fallback(f, o, str_of(o->fallback), field_of(base, o->offset));
}

static void fill_own_options(struct filler *f, enum schema_section_id id,
                             const struct settings_section *s, void *base)
{
    for (const struct schema_option *o = schema_next(id, NULL); o; o = schema_next(id, o)) {
        const struct setting *first = settings_find(s, o);
        bool has_value = first && !settings_is_empty(first);
        if (!has_value && !o->fallback && !o->absent)
            say_missing(f, o, s);
        else if (!first)
            fill_default(f, o, base);
        else if (has_value && o->is_list)
            fill_list(f, first, s->title, base);
        else if (has_value)
            fill_value(f, first, s->title, field_of(base, o->offset));
    }
}

/* And those of the sections that stand in it. */
static void fill_options(struct filler *f, enum schema_section_id id,
                         const struct settings_section *s, void *base)
{
    fill_own_options(f, id, s, base);
    if (id == SECTION_TOP) /* those are sections of their own */
        return;
    for (enum schema_section_id in = schema_next_in(id, SECTION_TOP); in < SECTION_MAX;
         in = schema_next_in(id, in))
        fill_own_options(f, in, s, base);
}

/* All sections of one kind that has titles. */
static void fill_sections(struct filler *f, enum schema_section_id id, const struct settings *from,
                          struct conf *out)
{
    const struct schema_section *kind = &schema_sections[id];
    size_t n = from->n[id];
    if (n == 0 && kind->is_optional)
        return;
    if (n == 0 || n > kind->max) {
        if (f->is_partial)
            return;
        finding_error(f->findings, 0, "%zu %s sections, expected at least one and at most %u", n,
                      kind->name, kind->max);
        return;
    }
    char *element = arena_calloc(f->arena, n, kind->size);
    if (!element) {
        f->has_no_memory = true;
        return;
    }
    memcpy(field_of(out, kind->offset), &element, sizeof element);
    memcpy(field_of(out, kind->n_offset), &n, sizeof n);
    for (const struct settings_section *s = from->sections[id]; s; s = s->next) {
        struct setting title = {.option = &kind->title, .text = s->title, .line = s->line};
        fill_value(f, &title, NULL, field_of(element, kind->title.offset));
        fill_options(f, id, s, element);
        element += kind->size;
    }
}

int fill_conf(struct findings *f, struct arena *a, const struct settings *from, struct conf *out)
{
    struct filler filler = {.findings = f, .arena = a, .is_partial = from->is_partial};
    for (int i = 0; i < SECTION_MAX; i++) {
        enum schema_section_id id = (enum schema_section_id)i;
        if (schema_is_nested(id))
            continue;
        if (schema_sections[i].is_titled)
            fill_sections(&filler, id, from, out);
        else
            fill_options(&filler, id, from->sections[id], out);
    }
    return filler.has_no_memory ? ERR_NOMEM : 0;
}
