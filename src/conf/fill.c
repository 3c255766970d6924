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

static void fill_default(struct filler *f, const struct schema_option *o, void *base)
{
    char why[VALUE_WHY];
    if (!o->fallback || o->is_list)
        return;
    int err = value_parse(o, str_of(o->fallback), f->arena, field_of(base, o->offset), why);
    BUG_ON(err == ERR_PARSE);
    f->has_no_memory = f->has_no_memory || err;
}

static void fill_options(struct filler *f, enum schema_section_id id,
                         const struct settings_section *s, void *base)
{
    for (const struct schema_option *o = schema_next(id, NULL); o; o = schema_next(id, o)) {
        const struct setting *first = settings_find(s, o);
        if (!first && !o->fallback && !o->absent)
            say_missing(f, o, s);
        else if (!first)
            fill_default(f, o, base);
        else if (o->is_list)
            fill_list(f, first, s->title, base);
        else
            fill_value(f, first, s->title, field_of(base, o->offset));
    }
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
        if (schema_sections[i].is_titled)
            fill_sections(&filler, id, from, out);
        else
            fill_options(&filler, id, from->sections[id], out);
    }
    return filler.has_no_memory ? ERR_NOMEM : 0;
}
