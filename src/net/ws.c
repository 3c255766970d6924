#include "net/ws.h"

#include <stdlib.h>
#include <wslay/wslay.h>

#include "base/err.h"
#include "base/utf8.h"

enum { CAP_MIN = 2048, CONTROL_MAX = 125, OPEN = 101, TOO_LARGE = 431 };

struct ws {
    const struct ws_conf *conf;
    const struct ws_fns *fns;
    void *arg;
    struct wslay_frame_context *frames; /* NULL: it is not open yet */
    struct str input;                   /* what wslay has not taken yet */
    char *bytes;                        /* of the request, or of a message that is not whole */
    size_t len, cap;
    size_t n_seen;    /* bytes of the request that have no end in them */
    uint64_t n_given; /* bytes that wslay has taken, */
    uint64_t n_taken; /* and those of them that it has given back, or were frame headers */
    uint64_t n_left;  /* bytes of the frame's payload that have not come */
    struct utf8 text; /* of the message, if it is a text */
    enum stats_id why;
    uint8_t kind;     /* of the message that has begun: its first frame's opcode; 0: none */
    uint8_t out_kind; /* of what is sent */
    uint8_t opcode;   /* of the frame */
    bool is_last;     /* the frame ends the message */
    bool is_in_frame;
    bool is_over;
    uint8_t control_len;
    char control[CONTROL_MAX]; /* payload of a control frame */
};

/* ---------------------------------------------------------------- sending */

static void end_ws(struct ws *ws, enum stats_id why)
{
    if (!ws->is_over)
        ws->why = why;
    ws->is_over = true;
}

static int write_bytes(struct ws *ws, struct str bytes)
{
    int err = ws->fns->write(bytes, ws->arg);
    if (err)
        end_ws(ws, STAT_CLOSED_ERROR);
    return err;
}

static ssize_t on_write(const uint8_t *data, size_t len, int flags, void *arg)
{
    (void)flags;
    return write_bytes(arg, (struct str){(const char *)data, len}) ? -1 : (ssize_t)len;
}

static int send_frame(struct ws *ws, uint8_t opcode, struct str payload)
{
    struct wslay_frame_iocb io = {.fin = 1,
                                  .opcode = opcode,
                                  .payload_length = payload.n,
                                  .data = (const uint8_t *)payload.p,
                                  .data_length = payload.n};
    return wslay_frame_send(ws->frames, &io) < 0 ? ERR_GONE : 0;
}

static void send_close(struct ws *ws, unsigned code)
{
    const char bytes[] = {(char)(code >> 8), (char)code};
    (void)send_frame(ws, WSLAY_CONNECTION_CLOSE, (struct str){bytes, code ? sizeof bytes : 0});
}

int ws_send(struct ws *ws, struct str message)
{
    if (!ws->frames || ws->is_over)
        return ERR_GONE;
    if (str_eq(message, STR("\r\n\r\n")))
        return send_frame(ws, WSLAY_PING, STR(""));
    /* RFC 7118 5: a text is UTF-8, and SIP need not be */
    bool is_text = ws->out_kind == WSLAY_TEXT_FRAME && utf8_is_text(message);
    return send_frame(ws, is_text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, message);
}

void ws_close(struct ws *ws, enum ws_code code)
{
    if (ws->frames && !ws->is_over)
        send_close(ws, code);
    end_ws(ws, STAT_CLOSED_STOP);
}

/* RFC 6455 7.1.7. */
static void fail(struct ws *ws, enum ws_code code)
{
    send_close(ws, code);
    end_ws(ws, code == WS_TOO_BIG ? STAT_CLOSED_TOO_LONG : STAT_CLOSED_MALFORMED);
}

/* ---------------------------------------------------------------- what is not whole yet */

static void forget(struct ws *ws)
{
    free(ws->bytes);
    ws->bytes = NULL;
    ws->len = ws->cap = 0;
}

static int keep(struct ws *ws, struct str bytes)
{
    size_t cap = ws->cap ? ws->cap : CAP_MIN;
    while (cap < ws->len + bytes.n)
        cap *= 2;
    if (cap != ws->cap) {
        char *p = realloc(ws->bytes, cap);
        if (!p)
            return ERR_NOMEM;
        ws->bytes = p;
        ws->cap = cap;
    }
    if (bytes.n)
        memcpy(ws->bytes + ws->len, bytes.p, bytes.n);
    ws->len += bytes.n;
    return 0;
}

/* ---------------------------------------------------------------- the upgrade */

static ssize_t on_read(uint8_t *out, size_t len, int flags, void *arg)
{
    struct ws *ws = arg;
    size_t n = ws->input.n < len ? ws->input.n : len;
    (void)flags;
    if (n)
        memcpy(out, ws->input.p, n);
    ws->input = str_skip(ws->input, n);
    ws->n_given += n;
    return (ssize_t)n;
}

static int open_frames(struct ws *ws)
{
    static const struct wslay_frame_callbacks callbacks = {.send_callback = on_write,
                                                           .recv_callback = on_read};
    struct wslay_frame_context *frames = NULL;
    if (wslay_frame_context_init(&frames, &callbacks, ws))
        return ERR_NOMEM;
    ws->frames = frames;
    return 0;
}

static enum stats_id upgrade_stat(unsigned status)
{
    switch (status) {
    case OPEN:
        return STAT_UPGRADE_101;
    case 403:
        return STAT_UPGRADE_403;
    case 405:
        return STAT_UPGRADE_405;
    case 426:
        return STAT_UPGRADE_426;
    case TOO_LARGE:
        return STAT_UPGRADE_431;
    case 505:
        return STAT_UPGRADE_505;
    default:
        return STAT_UPGRADE_400;
    }
}

static int answer(struct ws *ws, unsigned status, const struct buf *text)
{
    stats_inc(upgrade_stat(status));
    forget(ws);
    if (status != OPEN)
        end_ws(ws, STAT_CLOSED_REFUSED);
    else if (open_frames(ws))
        return ERR_NOMEM;
    (void)write_bytes(ws, buf_str(text));
    return 0;
}

/* Takes the request off the front of *in, as far as it has come. */
static int shake(struct ws *ws, struct str *in)
{
    char text[WSHAKE_ANSWER_MAX];
    struct buf out = buf_over(text, sizeof text);
    size_t old = ws->len, room = WSHAKE_HEAD_MAX - old;
    if (keep(ws, (struct str){in->p, in->n < room ? in->n : room}))
        return ERR_NOMEM;
    size_t len = wshake_find_end((struct str){ws->bytes, ws->len}, ws->n_seen);
    ws->n_seen = ws->len;
    if (len) {
        *in = str_skip(*in, len - old);
        return answer(ws, wshake_judge((struct str){ws->bytes, len}, &ws->conf->shake, &out), &out);
    }
    *in = STR("");
    if (ws->len < WSHAKE_HEAD_MAX)
        return 0;
    wshake_refuse(TOO_LARGE, &out);
    return answer(ws, TOO_LARGE, &out);
}

/* ---------------------------------------------------------------- messages */

/* RFC 5626 4.4.1 works in a message of its own, too. */
static void deliver(struct ws *ws, struct str bytes)
{
    enum frame_verdict verdict = FRAME_MESSAGE;
    size_t n_ends = 0;
    while (n_ends < bytes.n && (bytes.p[n_ends] == '\r' || bytes.p[n_ends] == '\n'))
        n_ends++;
    if (n_ends == bytes.n)
        verdict = str_has_prefix(bytes, STR("\r\n\r\n")) ? FRAME_PING : FRAME_SKIP;
    if (verdict != FRAME_SKIP && !ws->fns->on_part(verdict, bytes, ws->arg))
        end_ws(ws, STAT_CLOSED_ERROR);
}

/* It is whole. rest: what has not been kept of it. */
static int end_message(struct ws *ws, struct str rest)
{
    if (ws->kind == WSLAY_TEXT_FRAME && !utf8_is_whole(&ws->text)) {
        fail(ws, WS_NO_TEXT);
        return 0;
    }
    if (ws->len && keep(ws, rest))
        return ERR_NOMEM;
    ws->out_kind = ws->kind;
    ws->kind = 0;
    deliver(ws, ws->len ? (struct str){ws->bytes, ws->len} : rest);
    forget(ws);
    return 0;
}

static int take_data(struct ws *ws, struct str piece)
{
    if (ws->kind == WSLAY_TEXT_FRAME && !utf8_step(&ws->text, piece)) {
        fail(ws, WS_NO_TEXT);
        return 0;
    }
    if (ws->n_left == 0 && ws->is_last)
        return end_message(ws, piece);
    return piece.n ? keep(ws, piece) : 0;
}

/* ---------------------------------------------------------------- control frames */

/* RFC 6455 7.4: those that may stand in a frame. */
static bool is_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/* 5.5.1: the same code goes back. */
static void take_close(struct ws *ws, struct str payload)
{
    const uint8_t *p = (const uint8_t *)payload.p;
    unsigned code = payload.n ? (unsigned)p[0] << 8 | p[1] : 0;
    if (payload.n && !is_code(code)) {
        fail(ws, WS_PROTOCOL);
    } else if (!utf8_is_text(str_skip(payload, 2))) {
        fail(ws, WS_NO_TEXT);
    } else {
        send_close(ws, code);
        end_ws(ws, STAT_CLOSED_PEER);
    }
}

/* A PONG needs nothing: that something came has been noted. */
static void take_control(struct ws *ws, struct str piece)
{
    BUG_ON(piece.n > CONTROL_MAX - (size_t)ws->control_len); /* wslay holds the limit */
    if (piece.n)
        memcpy(ws->control + ws->control_len, piece.p, piece.n);
    ws->control_len = (uint8_t)(ws->control_len + piece.n);
    if (ws->n_left)
        return;
    struct str payload = {ws->control, ws->control_len};
    ws->control_len = 0;
    if (ws->opcode == WSLAY_CONNECTION_CLOSE)
        take_close(ws, payload);
    if (ws->opcode != WSLAY_PING)
        return;
    stats_inc(STAT_WS_PING);
    (void)send_frame(ws, WSLAY_PONG, payload);
}

/* ---------------------------------------------------------------- frames */

/* 0, or what the frame is refused with. */
static unsigned judge_frame(const struct ws *ws, const struct wslay_frame_iocb *io)
{
    if (io->rsv || !io->mask) /* 5.2: no extensions; 5.1: what a client sends is masked */
        return WS_PROTOCOL;
    switch (io->opcode) {
    case WSLAY_CONTINUATION_FRAME:
        if (ws->kind == 0)
            return WS_PROTOCOL;
        break;
    case WSLAY_TEXT_FRAME:
    case WSLAY_BINARY_FRAME:
        if (ws->kind)
            return WS_PROTOCOL;
        break;
    case WSLAY_CONNECTION_CLOSE:
        return io->payload_length == 1 ? WS_PROTOCOL : 0; /* half a code */
    case WSLAY_PING:
    case WSLAY_PONG:
        return 0;
    default:
        return WS_PROTOCOL;
    }
    return io->payload_length > ws->conf->max_len - ws->len ? WS_TOO_BIG : 0;
}

/* wslay takes lengths in their shortest form only. */
static unsigned header_len(uint64_t payload_len)
{
    return payload_len < 126 ? 6 : payload_len <= UINT16_MAX ? 8 : 14;
}

/* False: it ends the WebSocket. */
static bool begin_frame(struct ws *ws, const struct wslay_frame_iocb *io)
{
    unsigned code = judge_frame(ws, io);
    if (code) {
        fail(ws, (enum ws_code)code);
        return false;
    }
    ws->is_in_frame = true;
    ws->opcode = io->opcode;
    ws->n_left = io->payload_length;
    ws->n_taken += header_len(io->payload_length);
    if (wslay_is_ctrl_frame(io->opcode))
        return true;
    ws->is_last = io->fin;
    if (io->opcode != WSLAY_CONTINUATION_FRAME) {
        ws->kind = io->opcode;
        ws->text = (struct utf8){0};
    }
    return true;
}

static int take_piece(struct ws *ws, const struct wslay_frame_iocb *io)
{
    struct str piece = {(const char *)io->data, io->data_length};
    if (!ws->is_in_frame && !begin_frame(ws, io))
        return 0;
    ws->n_left -= piece.n;
    ws->n_taken += piece.n;
    ws->is_in_frame = ws->n_left > 0;
    if (!wslay_is_ctrl_frame(ws->opcode))
        return take_data(ws, piece);
    take_control(ws, piece);
    return 0;
}

static int take_frames(struct ws *ws, struct str in)
{
    int err = 0;
    ws->input = in;
    while (!err && !ws->is_over) {
        struct wslay_frame_iocb io = {0};
        ssize_t n = wslay_frame_recv(ws->frames, &io);
        if (n == WSLAY_ERR_WANT_READ)
            break;
        if (n < 0) /* 5.5: a control frame in fragments or too long; 5.2: a length */
            fail(ws, WS_PROTOCOL);
        else
            err = take_piece(ws, &io);
    }
    ws->input = STR_NONE;
    return err;
}

/* ---------------------------------------------------------------- together */

int ws_new(const struct ws_conf *conf, const struct ws_fns *fns, void *arg, struct ws **out)
{
    struct ws *ws = calloc(1, sizeof *ws);
    if (!ws)
        return ERR_NOMEM;
    ws->conf = conf;
    ws->fns = fns;
    ws->arg = arg;
    ws->out_kind = WSLAY_TEXT_FRAME;
    *out = ws;
    return 0;
}

void ws_free(struct ws *ws)
{
    if (!ws)
        return;
    forget(ws);
    wslay_frame_context_free(ws->frames);
    free(ws);
}

int ws_feed(struct ws *ws, struct str bytes)
{
    if (!ws->frames && !ws->is_over) {
        int err = shake(ws, &bytes);
        if (err || !ws->frames)
            return err;
    }
    return ws->is_over ? 0 : take_frames(ws, bytes);
}

bool ws_is_over(const struct ws *ws, enum stats_id *why)
{
    *why = ws->why;
    return ws->is_over;
}

bool ws_is_waiting(const struct ws *ws)
{
    return !ws->frames || ws->kind || ws->is_in_frame || ws->n_given != ws->n_taken;
}
