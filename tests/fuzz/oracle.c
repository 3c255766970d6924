#include "oracle.h"

#include <stdlib.h>
/* The library's headers need these two before them. */
#include <sys/time.h>
#include <time.h>
#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>

#include "fuzz.h"
#include "sip/glue.h"

/* It walks each list for each element that it appends: more would only cost time. */
enum { ORACLE_MAX = 8192 };

static osip_message_t *parse(struct str bytes)
{
    osip_message_t *o = NULL;
    return osip_message_init(&o) == 0 && osip_message_parse(o, bytes.p, bytes.n) == 0 ? o : NULL;
}

static void check_start(const struct msg *m, const osip_message_t *o)
{
    MUST(m->is_request == MSG_IS_REQUEST(o));
    if (m->is_request)
        MUST(str_eq(m->method_name, str_of(o->sip_method)));
    else
        MUST(m->status == (unsigned)o->status_code);
}

/* It cuts the value at its first '@'. */
static void check_call_id(const struct msg *m, const osip_message_t *o)
{
    struct buf joined = buf_in(m->arena, m->bytes.n + 2);
    buf_add(&joined, str_of(o->call_id->number));
    if (o->call_id->host) {
        buf_add_char(&joined, '@');
        buf_add(&joined, str_of(o->call_id->host));
    }
    MUST(str_eq(buf_str(&joined), m->call_id));
}

static void check_cseq(const struct msg *m, const osip_message_t *o)
{
    MUST(strtoul(o->cseq->number, NULL, 10) == m->cseq);
    MUST(str_eq(str_of(o->cseq->method), m->method_name));
}

/* The elements of all Via lines; -1: one is malformed. The index vouches for the top one only, and
 * cutting a malformed line into elements is anybody's guess. */
static int count_vias(const struct msg *m)
{
    int n = 0;
    for (const struct msg_line *l = msg_first(m, HDR_VIA); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct via v;
        int got;
        while ((got = via_next(&rest, &v)) == 1)
            n++;
        if (got < 0)
            return -1;
    }
    return n;
}

static void check_vias(const struct msg *m, const osip_message_t *o)
{
    int n = count_vias(m);
    MUST(n < 0 || n == osip_list_size(&o->vias));
}

/* It drops a body without Content-Type, and takes a multipart one apart. */
static void check_body(const struct msg *m, const osip_message_t *o)
{
    if (!o->content_type || !o->content_type->type ||
        str_ieq(str_of(o->content_type->type), STR("multipart")))
        return;
    const osip_body_t *body = osip_list_get(&o->bodies, 0);
    MUST((body ? body->length : 0) == m->body.n);
}

/* Where no blank stands behind a status code it looks for one in the next lines. */
static bool has_reason_blank(const struct msg *m)
{
    return m->is_request || m->reason.p[-1] == ' ';
}

void oracle_check(const struct msg *m)
{
    if (m->bytes.n > ORACLE_MAX || !has_reason_blank(m))
        return;
    glue_enter(m->arena);
    const osip_message_t *o = parse(m->bytes);
    glue_leave();
    if (!o || m->arena->has_failed)
        return;
    check_start(m, o);
    check_call_id(m, o);
    check_cseq(m, o);
    check_vias(m, o);
    check_body(m, o);
}
