#include "sim/journal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/sys.h"
#include "sim/json.h"

enum { LINE_MAX_LEN = 128 * 1024 };

struct journal {
    FILE *file;
    char line[LINE_MAX_LEN];
};

int journal_open(const char *path, struct journal **out)
{
    struct journal *j = calloc(1, sizeof *j);
    if (!j)
        return ERR_NOMEM;
    j->file = fopen(path, "ae");
    if (!j->file) {
        free(j);
        return ERR_IO;
    }
    *out = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    (void)fclose(j->file);
    free(j);
}

static void add_contacts(struct json *json, const struct registrar_outcome *o)
{
    json_open(json, "contacts", '[');
    for (size_t i = 0; i < o->n_contacts; i++)
        json_add_str(json, NULL, o->contacts[i].addr.text);
    json_close(json, ']');
}

static void add_register(struct json *json, const struct registrar_outcome *o)
{
    json_add_str(json, "aor", o->aor);
    json_add_str(json, "call-id", o->call_id);
    json_add_u64(json, "cseq", o->cseq);
    add_contacts(json, o);
    if (o->expires_s != CONTACT_NO_EXPIRES)
        json_add_u64(json, "expires", (uint64_t)o->expires_s);
    if (!str_is_none(o->path))
        json_add_str(json, "path", o->path);
    json_add_bool(json, "credentials", o->has_credentials);
}

void journal_add(struct journal *j, const struct registrar_outcome *o, const struct addr *source,
                 bool is_answered)
{
    if (!j)
        return;
    char text[ADDR_TEXT];
    struct buf line = buf_over(j->line, sizeof j->line);
    struct json json = {.out = &line};
    json_open(&json, NULL, '{');
    json_add_milli(&json, "time", sys_wall_ms());
    json_add_str(&json, "method", o->is_register ? STR("REGISTER") : STR("other"));
    json_add_str(&json, "source", str_of(addr_text(source, text)));
    if (o->is_register)
        add_register(&json, o);
    json_add_u64(&json, "status", o->status);
    json_add_bool(&json, "answered", is_answered);
    json_close(&json, '}');
    buf_add_char(&line, '\n');
    if (!line.has_overflown)
        (void)fwrite(line.p, 1, line.len, j->file);
}

void journal_flush(struct journal *j)
{
    if (j)
        (void)fflush(j->file);
}
