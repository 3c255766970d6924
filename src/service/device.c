#include "service/device.h"

#include "sip/param.h"

/* With aor-throttle no device is behind it. Without Path the flows are ours alone: upstream could
 * not tell us by which of them. Our own REGISTER says what the device's did. */
static void find_flow(const struct absorb_input *in, uint64_t upreg_id, struct device *out)
{
    const struct register_view *v = in->view;
    for (size_t i = 0; i < in->now_state->n_bindings; i++) {
        const struct binding *b = &in->now_state->bindings[i];
        if (b->upreg_id == upreg_id && b->reg_id)
            *out = (struct device){.instance = b->instance, .reg_id = b->reg_id};
    }
    if (v->n_contacts)
        *out = v->contacts[0].reg_id ? (struct device){.instance = v->contacts[0].instance,
                                                       .reg_id = v->contacts[0].reg_id}
                                     : (struct device){0};
}

/* One that upstream was told before, for a device that wants its GRUUs no more, stays: to upstream
 * it is the same device. Two devices in one REGISTER have one registration upstream, which can be
 * neither's. */
static void find_instance(const struct absorb_input *in, uint64_t upreg_id, struct device *out)
{
    const struct register_view *v = in->view;
    const struct upreg *known = binding_upreg(in->now_state, upreg_id);
    bool is_told = known && known->has_instance;
    struct str instance = v->n_contacts == 1 ? v->contacts[0].instance : STR_NONE;
    for (size_t i = 0; i < in->now_state->n_bindings && v->n_contacts == 0; i++)
        if (in->now_state->bindings[i].upreg_id == upreg_id)
            instance = in->now_state->bindings[i].instance;
    if (!instance.n || !(is_told || (v->n_contacts && v->is_gruu_asked)))
        return;
    out->instance = instance;
    out->is_for_gruu = true;
    out->is_gruu_asked = v->n_contacts ? v->is_gruu_asked : is_told;
}

void device_find(struct arena *a, const struct absorb_input *in, uint64_t upreg_id,
                 struct device *out)
{
    *out = (struct device){0};
    if (in->conf->mode == MODE_AOR_THROTTLE || in->view->is_line)
        return;
    if (in->conf->is_by_flow)
        find_flow(in, upreg_id, out);
    if (in->conf->has_upstream_gruu && !in->view->is_star)
        find_instance(in, upreg_id, out);
    if (out->instance.n)
        out->instance = str_dup(a, out->instance);
}

void device_print(const struct device *d, struct buf *out)
{
    if (d->instance.n) {
        buf_add(out, STR(";+sip.instance=\""));
        buf_add(out, d->instance);
        buf_add_char(out, '"');
    }
    if (d->reg_id) {
        buf_add(out, STR(";reg-id="));
        buf_add_u64(out, d->reg_id);
    }
}

static bool is_dropped(struct str tag, unsigned tags)
{
    return ((tags & DEVICE_OUTBOUND) && str_ieq(tag, STR("outbound"))) ||
           ((tags & DEVICE_GRUU) && str_ieq(tag, STR("gruu")));
}

void device_drop_tags(struct context *c, struct build *b, enum hdr_id id, unsigned tags)
{
    if (!msg_has_token(b->msg, id, STR("outbound")) && !msg_has_token(b->msg, id, STR("gruu")))
        return;
    struct buf out = buf_in(&c->scratch, b->msg->bytes.n);
    for (const struct msg_line *l = msg_first(b->msg, id); l; l = msg_next(b->msg, l)) {
        struct str rest = l->value, tag;
        while (param_split(&rest, &tag)) {
            if (is_dropped(tag, tags))
                continue;
            buf_add(&out, out.len ? STR(", ") : STR(""));
            buf_add(&out, tag);
        }
    }
    b->has_failed = b->has_failed || out.has_overflown;
    build_remove_all(b, id);
    if (out.len)
        build_add_last(b, hdr_name(id), buf_str(&out));
}

void device_edit(struct context *c, struct build *b, const struct device *d)
{
    const unsigned tags =
        (d->is_gruu_asked ? 0U : DEVICE_GRUU) | (d->reg_id ? 0U : DEVICE_OUTBOUND);
    device_drop_tags(c, b, HDR_SUPPORTED, tags);
    device_drop_tags(c, b, HDR_REQUIRE, tags);
    device_drop_tags(c, b, HDR_PROXY_REQUIRE, tags);
}
