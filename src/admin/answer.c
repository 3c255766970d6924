#include "admin/answer.h"

#include <stdlib.h>
#include <string.h>

void answer_text(struct answer *out, unsigned status, const char *text)
{
    out->status = status;
    out->type = "text/plain; charset=utf-8";
    out->body = strdup(text);
    out->len = out->body ? strlen(text) : 0;
}

void answer_json(struct answer *out, unsigned status, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(json);
    out->status = text ? status : 500;
    out->type = "application/json";
    out->body = text;
    out->len = text ? strlen(text) : 0;
}

json_t *answer_error(const char *code, const char *message)
{
    return json_pack("{s:{s:s,s:s}}", "error", "code", code, "message", message);
}

void answer_fail(struct answer *out, unsigned status, const char *code, const char *message)
{
    answer_json(out, status, answer_error(code, message));
}
