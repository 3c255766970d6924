#include "conf/settings.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "conf/scan.h"

enum { FILE_MAX = 64 << 20 };

/* libConfuse's callbacks get no argument of ours. */
static struct reader {
    struct findings *findings;
    struct arena *arena;
    struct settings *out;
    struct settings_section *tails[SECTION_MAX];
    cfg_t *root;
    struct scan scan;
    size_t n_closed; /* sections, so far: the next one's line is scan.lines[n_closed] */
    bool has_no_memory;
    bool has_bad_grammar;
} * reading;

/* ---------------------------------------------------------------- what libConfuse calls */

static enum schema_section_id id_of(cfg_t *cfg)
{
    enum schema_section_id id = schema_section_find(cfg_name(cfg));
    return id == SECTION_MAX ? SECTION_TOP : id;
}

static struct settings_section *section_add(enum schema_section_id id, cfg_t *cfg)
{
    struct settings_section *s = arena_calloc(reading->arena, 1, sizeof *s);
    const char *title = cfg ? cfg_title(cfg) : NULL;
    if (s && title)
        s->title = str_dup_z(reading->arena, str_of(title));
    if (!s || (title && !s->title)) {
        reading->has_no_memory = true;
        return NULL;
    }
    s->handle = cfg;
    if (reading->tails[id])
        reading->tails[id]->next = s;
    else
        reading->out->sections[id] = s;
    reading->tails[id] = s;
    reading->out->n[id]++;
    return s;
}

/* Itself, or the one that it stands in: which is the newest of its kind. */
static cfg_t *outermost(cfg_t *cfg)
{
    enum schema_section_id id = id_of(cfg);
    if (!schema_is_nested(id))
        return cfg;
    cfg_opt_t *parents =
        cfg_getopt(reading->root, schema_sections[schema_sections[id].parent].name);
    return cfg_opt_getnsec(parents, cfg_opt_size(parents) - 1);
}

/* The section that libConfuse is in, the newest of its kind; what stands in a nested one is kept
 * with that around it. */
static struct settings_section *section_of(cfg_t *cfg)
{
    cfg = outermost(cfg);
    enum schema_section_id id = id_of(cfg);
    struct settings_section *newest = reading->tails[id];
    if (!schema_sections[id].is_titled || (newest && newest->handle == cfg))
        return newest;
    return section_add(id, cfg);
}

static int append(struct settings_section *s, struct setting with)
{
    struct setting *item = arena_alloc(reading->arena, sizeof *item);
    char *text = with.text ? str_dup_z(reading->arena, str_of(with.text)) : NULL;
    if (!item || (with.text && !text)) {
        reading->has_no_memory = true;
        return -1;
    }
    *item = with;
    item->text = text;
    if (s->last)
        s->last->next = item;
    else
        s->first = item;
    s->last = item;
    return 0;
}

/* An "=" where the option has a value already; "+=" only adds to a list. */
static bool is_repeated(const struct settings_section *s, const struct schema_option *o,
                        unsigned n_values, unsigned line)
{
    const struct setting *before = n_values > 1 ? NULL : settings_find(s, o);
    if (!before)
        return false;
    char label[SCHEMA_LABEL];
    finding_error(reading->findings, line, "%s: given again, expected once (it is in line %u)",
                  schema_label(o, s->title, label), before->line);
    return true;
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    return false;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    unsigned line = (unsigned)cfg->line;
    *(const char **)result = ""; /* libConfuse wants to keep something */
    const struct schema_option *o = schema_find(id_of(cfg), opt->name);
    if (!o) { /* a path, "log|level", which libConfuse follows */
        finding_error(reading->findings, line, "no such option '%s' here", opt->name);
        return 0;
    }
    if (has_control(value)) {
        finding_error(reading->findings, line, "%s: a control character, expected text", o->name);
        return 0;
    }
    struct settings_section *s = section_of(cfg);
    if (!s)
        return -1;
    if (is_repeated(s, o, cfg_opt_size(opt), line))
        return 0;
    return append(s, (struct setting){.option = o, .text = value, .line = line});
}

/* "= {}", for which libConfuse calls nobody: alone, or after the list had values. */
static int take_emptied(cfg_t *cfg, struct settings_section *s, const struct schema_option *o)
{
    const cfg_opt_t *opt = cfg_getopt(cfg, o->name);
    const struct setting *before = settings_find(s, o);
    if (!o->is_list || opt->nvalues > 0 || !(opt->flags & CFGF_MODIFIED))
        return 0;
    if (!before)
        return append(s, (struct setting){.option = o, .line = (unsigned)cfg->line});
    if (!settings_is_empty(before))
        (void)is_repeated(s, o, 0, (unsigned)cfg->line);
    return 0;
}

static int take_all_emptied(cfg_t *cfg, struct settings_section *s)
{
    int err = 0;
    for (const struct schema_option *o = schema_next(id_of(cfg), NULL); o && !err;
         o = schema_next(id_of(cfg), o))
        err = take_emptied(cfg, s, o);
    return err;
}

static int on_section_end(cfg_t *parent, cfg_opt_t *opt)
{
    (void)parent;
    cfg_t *cfg = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
    struct settings_section *s = section_of(cfg);
    if (!s)
        return -1;
    if (take_all_emptied(cfg, s))
        return -1;
    size_t nth = reading->n_closed++;
    if (schema_is_nested(id_of(cfg)))
        return 0;
    if (s->line == 0 && nth < reading->scan.n)
        s->line = reading->scan.lines[nth];
    s->handle = NULL;
    return 0;
}

static void add_options(struct buf *out, enum schema_section_id id)
{
    const char *comma = "";
    for (const struct schema_option *o = schema_next(id, NULL); o; o = schema_next(id, o)) {
        buf_addf(out, "%s%s", comma, o->name);
        comma = ", ";
    }
    for (enum schema_section_id in = schema_next_in(id, SECTION_TOP); in < SECTION_MAX;
         in = schema_next_in(id, in))
        buf_addf(out, ", %s { }", schema_sections[in].name);
}

static void on_error(cfg_t *cfg, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
    char text[1024];
    struct buf out = buf_over(text, sizeof text - 1);
    enum schema_section_id id = id_of(cfg);
    reading->has_bad_grammar = true;
    if (id != SECTION_TOP)
        buf_addf(&out, "%s: ", schema_sections[id].name);
    buf_addv(&out, fmt, ap);
    if (strncmp(fmt, "no such option", 14) == 0) {
        buf_add(&out, STR(", expected one of: "));
        add_options(&out, id);
    } else if (strncmp(fmt, "found duplicate", 15) == 0) {
        buf_add(&out, STR(", expected a title of its own for each section"));
    }
    text[out.len] = '\0';
    finding_error(reading->findings, (unsigned)cfg->line, "%s", text);
}

/* ---------------------------------------------------------------- the tables for libConfuse */

static cfg_opt_t value_option(const struct schema_option *o)
{
    return (cfg_opt_t){.name = o->name,
                       .type = CFGT_STR,
                       .flags = CFGF_NODEFAULT | (o->is_list ? CFGF_LIST : 0),
                       .parsecb = on_value};
}

/* The options of a section, with room for the sections in it; NULL: no memory. */
static cfg_opt_t *section_options(enum schema_section_id id, size_t *n)
{
    cfg_opt_t *opts = arena_calloc(reading->arena, schema_count(id) + SECTION_MAX, sizeof *opts);
    *n = 0;
    if (!opts)
        return NULL;
    for (const struct schema_option *o = schema_next(id, NULL); o; o = schema_next(id, o))
        opts[(*n)++] = value_option(o);
    return opts;
}

static cfg_opt_t section_option(enum schema_section_id id, cfg_opt_t *subopts)
{
    bool is_titled = schema_sections[id].is_titled;
    return (cfg_opt_t){.name = schema_sections[id].name,
                       .type = CFGT_SEC,
                       .flags =
                           is_titled ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES : CFGF_NONE,
                       .subopts = subopts,
                       .validcb = on_section_end};
}

/* Of a section and all that it can hold. */
static cfg_opt_t *all_options_of(enum schema_section_id id)
{
    size_t n, unused;
    cfg_opt_t *opts = section_options(id, &n);
    for (enum schema_section_id in = schema_next_in(id, SECTION_TOP); opts && in < SECTION_MAX;
         in = schema_next_in(id, in)) {
        cfg_opt_t *subopts = section_options(in, &unused);
        if (!subopts)
            return NULL;
        opts[n++] = section_option(in, subopts);
    }
    return opts;
}

static cfg_opt_t *all_options(void)
{
    size_t n;
    cfg_opt_t *opts = section_options(SECTION_TOP, &n);
    for (enum schema_section_id id = schema_next_in(SECTION_TOP, SECTION_TOP);
         opts && id < SECTION_MAX; id = schema_next_in(SECTION_TOP, id)) {
        cfg_opt_t *subopts = all_options_of(id);
        if (!subopts)
            return NULL;
        opts[n++] = section_option(id, subopts);
    }
    return opts;
}

/* ---------------------------------------------------------------- reading */

/* An empty string where an option's name should stand is the one mistake that libConfuse keeps to
 * itself. */
static void on_silence(const cfg_t *cfg)
{
    if (errno != EINVAL) {
        reading->has_no_memory = true;
        return;
    }
    reading->has_bad_grammar = true;
    finding_error(reading->findings, (unsigned)cfg->line,
                  "an empty string stands here or below, expected an option's name");
}

static int parse(char *text, size_t len)
{
    cfg_opt_t *opts = all_options();
    FILE *in = opts ? fmemopen(text, len, "r") : NULL;
    cfg_t *cfg = in ? cfg_init(opts, CFGF_NONE) : NULL;
    reading->root = cfg;
    if (cfg) {
        cfg_set_error_function(cfg, on_error);
        errno = 0;
        if (cfg_parse_fp(cfg, in) != CFG_SUCCESS && !reading->has_bad_grammar)
            on_silence(cfg);
        cfg_free(cfg);
    }
    if (in)
        (void)fclose(in);
    return !cfg || reading->has_no_memory ? ERR_NOMEM : 0;
}

static int add_untitled(void)
{
    for (int id = 0; id < SECTION_MAX; id++)
        if (!schema_sections[id].is_titled && !schema_is_nested((enum schema_section_id)id) &&
            !section_add((enum schema_section_id)id, NULL))
            return ERR_NOMEM;
    return 0;
}

static size_t count(const char *text, size_t len, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += text[i] == c;
    return n;
}

static int read_text(char *text, size_t len)
{
    size_t n_braces = count(text, len, '}');
    reading->scan.lines = arena_calloc(reading->arena, n_braces, sizeof *reading->scan.lines);
    if (!reading->scan.lines || add_untitled())
        return ERR_NOMEM;
    scan_text(text, len, reading->findings, &reading->scan);
    if (reading->findings->n_errors)
        return ERR_BADCONF;
    int err = parse(text, len);
    return err ? err : reading->has_bad_grammar ? ERR_BADCONF : 0;
}

/* The whole file and a line end; the caller frees *text. */
static int load_file(struct findings *f, char **text, size_t *len)
{
    struct stat st;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    *text = NULL;
    if (fd < 0 || fstat(fd, &st) != 0)
        goto fail;
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
        finding_error(f, 0, "expected a regular file of at most %d bytes", FILE_MAX);
        (void)close(fd);
        return ERR_BADCONF;
    }
    *text = malloc((size_t)st.st_size + 1);
    ssize_t n = *text ? read(fd, *text, (size_t)st.st_size) : 0;
    if (n < 0)
        goto fail;
    (void)close(fd);
    if (!*text)
        return ERR_NOMEM;
    (*text)[n] = '\n';
    *len = (size_t)n + 1;
    return 0;
fail:
    finding_error(f, 0, "cannot be read: %s", strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return ERR_BADCONF;
}

int settings_read(struct findings *f, struct arena *a, struct settings *out)
{
    struct reader r = {.findings = f, .arena = a, .out = out};
    char *text;
    size_t len;
    *out = (struct settings){0};
    int err = load_file(f, &text, &len);
    if (!err) {
        reading = &r;
        err = read_text(text, len);
        reading = NULL;
    }
    out->is_partial = err;
    free(text);
    return err;
}

const struct setting *settings_find(const struct settings_section *s, const struct schema_option *o)
{
    const struct setting *item = s->first;
    while (item && item->option != o)
        item = item->next;
    return item;
}

const struct setting *settings_next(const struct setting *s)
{
    const struct schema_option *o = s->option;
    do
        s = s->next;
    while (s && s->option != o);
    return s;
}
