/* Phones without mercy, and the least that a server can do: the two ends of a bench, by batches of
 * datagrams. Compiled by the bench that needs it.
 *
 *     storm answer IP PORT
 *     storm load IP PORT LINES DEVICES OUTSTANDING
 *
 * answer sends each REGISTER back as a 200: what the sockets alone cost. load is DEVICES phones
 * on each of LINES lines and obeys standard input: "run N SECONDS" sends REGISTERs, so many or so
 * long (0: without that bound), each phone in its turn, at most OUTSTANDING at a time, and says
 * "sent ok lost wrong seconds". "pace RATE SECONDS" sends so many a second, whatever comes back,
 * and says "sent ok lost wrong p50 p99": from the sending to the answer, in microseconds. An answer
 * is wrong unless it is a 200 with the CSeq and, where it lists contacts, the contact that it
 * answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 64,
    OUTSTANDING_MAX = 4096,
    SIZE = 4096,
    SOCKET_BUFFER = 4 << 20,
    PATIENCE_MS = 1000
};
enum { MARKS_MAX = 32, TIMES = 1 << 20, TICK_US = 500, GRACE_S = 1 };

static const char ok_line[] = "SIP/2.0 200 OK\r\n";

/* Digits that are filled in: # the line, * the device, $ the message, % the CSeq. */
static const char form[] =
    "REGISTER sip:example.test SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.168.17.2*:5060;branch=z9hG4bK-524287-1---$$$$$$$$;rport\r\n"
    "Max-Forwards: 70\r\n"
    "From: \"Reception\" <sip:u########@example.test>;tag=f*########\r\n"
    "To: \"Reception\" <sip:u########@example.test>\r\n"
    "Call-ID: c*########-76a1e3a4b8@192.168.17.2*\r\n"
    "CSeq: %%%%%%% REGISTER\r\n"
    "Contact: <sip:u########@192.168.17.2*:5060;transport=udp>\r\n"
    "Expires: 600\r\n"
    "User-Agent: Deskphone D735/10.1.46.16\r\n"
    "Allow: INVITE, ACK, CANCEL, BYE, REFER, OPTIONS, NOTIFY, SUBSCRIBE, PRACK, MESSAGE, INFO\r\n"
    "Supported: timer, 100rel, replaces, from-change\r\n"
    "Content-Length: 0\r\n\r\n";

struct batch {
    struct mmsghdr msgs[BATCH];
    struct iovec parts[BATCH][2];
    struct sockaddr_in peers[BATCH];
    char bytes[BATCH][SIZE];
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static int open_socket(void)
{
    const int size = SOCKET_BUFFER;
    const struct timeval patience = {PATIENCE_MS / 1000, PATIENCE_MS % 1000 * 1000};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static struct sockaddr_in addr_of(const char *ip, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)strtoul(port, 0, 10))};
    if (inet_pton(AF_INET, ip, &a.sin_addr) != 1)
        die("address");
    return a;
}

/* How many came; 0: none in PATIENCE_MS. */
static int receive(int fd, struct batch *b)
{
    for (int i = 0; i < BATCH; i++) {
        b->parts[i][0] = (struct iovec){b->bytes[i], SIZE - 1};
        b->msgs[i].msg_hdr = (struct msghdr){.msg_name = &b->peers[i],
                                             .msg_namelen = sizeof b->peers[i],
                                             .msg_iov = b->parts[i],
                                             .msg_iovlen = 1};
    }
    int n = recvmmsg(fd, b->msgs, BATCH, MSG_WAITFORONE, NULL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        die("recvmmsg");
    for (int i = 0; i < n; i++)
        b->bytes[i][b->msgs[i].msg_len] = '\0';
    return n < 0 ? 0 : n;
}

static void send_all(int fd, struct batch *b, int n)
{
    for (int done = 0; done < n;) {
        int sent = sendmmsg(fd, b->msgs + done, (unsigned)(n - done), 0);
        if (sent < 0 && errno != EINTR && errno != EAGAIN && errno != ENOBUFS)
            die("sendmmsg");
        done += sent > 0 ? sent : 0;
    }
}

/* ---------------------------------------------------------------- the bare responder */

static void answer(const char *ip, const char *port)
{
    static struct batch b;
    const struct sockaddr_in here = addr_of(ip, port);
    int fd = open_socket();
    if (bind(fd, (const struct sockaddr *)&here, sizeof here))
        die("bind");
    puts("ready");
    fflush(stdout);
    for (;;) {
        int n = receive(fd, &b), n_out = 0;
        for (int i = 0; i < n; i++) {
            char *end = memchr(b.bytes[i], '\n', b.msgs[i].msg_len);
            if (!end)
                continue;
            size_t left = b.msgs[i].msg_len - (size_t)(end + 1 - b.bytes[i]);
            b.parts[n_out][0] = (struct iovec){(void *)(uintptr_t)ok_line, sizeof ok_line - 1};
            b.parts[n_out][1] = (struct iovec){end + 1, left};
            b.msgs[n_out].msg_hdr.msg_name = &b.peers[i];
            b.msgs[n_out++].msg_hdr.msg_iovlen = 2;
        }
        send_all(fd, &b, n_out);
    }
}

/* ---------------------------------------------------------------- phones */

struct load {
    int fd;
    struct sockaddr_in to;
    uint32_t n_lines, n_devices;
    uint32_t *cseq; /* of each phone, the last one sent */
    bool *is_out;   /* and whether its answer is awaited */
    uint32_t next;  /* phones have their turns in a scattered order */
    uint32_t branch;
    uint32_t out[OUTSTANDING_MAX];
    size_t n_out, outstanding;
    double *sent_at_s;         /* of each phone; NULL: nobody asks */
    uint32_t times[TIMES + 1]; /* answers by their microseconds; the last: all above */
    uint16_t marks[MARKS_MAX]; /* where the runs of digits in the form end */
    size_t n_marks;
    uint64_t n_sent, n_ok, n_lost, n_wrong;
};

static void find_marks(struct load *l)
{
    for (size_t i = 0; form[i] && l->n_marks < MARKS_MAX; i++)
        if (strchr("#*$%", form[i]) && form[i + 1] != form[i])
            l->marks[l->n_marks++] = (uint16_t)i;
}

static void put_digits(char *end, char mark, uint32_t v, unsigned base)
{
    for (; *end == mark; end--, v /= base)
        *end = "0123456789abcdef"[v % base];
}

static size_t put_register(const struct load *l, uint32_t phone, char *out)
{
    const uint32_t line = phone / l->n_devices, device = phone % l->n_devices;
    memcpy(out, form, sizeof form - 1);
    for (size_t i = 0; i < l->n_marks; i++) {
        char *p = out + l->marks[i];
        uint32_t v = *p == '#' ? line : *p == '*' ? device : *p == '$' ? l->branch : l->cseq[phone];
        put_digits(p, *p, v, *p == '%' ? 10 : 16);
    }
    return sizeof form - 1;
}

static uint32_t hex_at(const char *p)
{
    char digits[9] = {0};
    memcpy(digits, p, 8);
    return (uint32_t)strtoul(digits, NULL, 16);
}

/* Whose answer it is; UINT32_MAX: nobody's. */
static uint32_t phone_of(const struct load *l, const char *text)
{
    const char *id = strstr(text, "Call-ID: c");
    if (!id || strlen(id) < 19)
        return UINT32_MAX;
    uint32_t phone = hex_at(id + 11) * l->n_devices + (uint32_t)(id[10] - '0');
    return phone < l->n_lines * l->n_devices ? phone : UINT32_MAX;
}

static bool is_right(const struct load *l, uint32_t phone, const char *text)
{
    char want[64];
    snprintf(want, sizeof want, "\r\nCSeq: %07u REGISTER\r\n", l->cseq[phone]);
    if (strncmp(text, ok_line, 12) != 0 || !strstr(text, want))
        return false;
    snprintf(want, sizeof want, "<sip:u%08x@192.168.17.2%u:", phone / l->n_devices,
             phone % l->n_devices);
    return strstr(text, "\r\nContact: ") && strstr(text, want);
}

static void forget(struct load *l, uint32_t phone)
{
    l->is_out[phone] = false;
    for (size_t i = 0; i < l->n_out; i++)
        if (l->out[i] == phone)
            l->out[i] = l->out[--l->n_out];
}

static void note_time(struct load *l, double s)
{
    double us = s * 1e6;
    l->times[us < TIMES ? (size_t)us : TIMES]++;
}

/* Those behind the first that came again are passed over. */
static void take(struct load *l, const char *text)
{
    uint32_t phone = phone_of(l, text);
    if (phone == UINT32_MAX || !l->is_out[phone] || strncmp(text, "SIP/2.0 1", 9) == 0)
        return;
    if (l->sent_at_s)
        note_time(l, now_s() - l->sent_at_s[phone]);
    if (is_right(l, phone, text))
        l->n_ok++;
    else if (l->n_wrong++ == 0)
        fprintf(stderr, "a wrong answer to phone %u:\n%s\n", phone, text);
    forget(l, phone);
}

static uint32_t next_phone(struct load *l)
{
    const uint32_t n = l->n_lines * l->n_devices;
    do
        l->next = (l->next + 1) % n;
    while (l->is_out[(uint64_t)l->next * 7919 % n]);
    return (uint32_t)((uint64_t)l->next * 7919 % n);
}

/* Up to the bounds; again: those that got no answer. */
static void fill(struct load *l, uint64_t most)
{
    static struct batch b;
    int n = 0;
    while (n < BATCH && l->n_out < l->outstanding && l->n_sent < most) {
        uint32_t phone = next_phone(l);
        l->is_out[phone] = true;
        l->out[l->n_out++] = phone;
        l->cseq[phone]++;
        l->branch++;
        l->n_sent++;
        if (l->sent_at_s)
            l->sent_at_s[phone] = now_s();
        b.parts[n][0] = (struct iovec){b.bytes[n], put_register(l, phone, b.bytes[n])};
        b.msgs[n].msg_hdr = (struct msghdr){.msg_name = &l->to,
                                            .msg_namelen = sizeof l->to,
                                            .msg_iov = b.parts[n],
                                            .msg_iovlen = 1};
        n++;
    }
    send_all(l->fd, &b, n);
}

static unsigned percentile(const struct load *l, double part)
{
    uint64_t all = 0, n = 0;
    for (size_t i = 0; i <= TIMES; i++)
        all += l->times[i];
    for (size_t i = 0; i <= TIMES; i++) {
        n += l->times[i];
        if ((double)n >= part * (double)all)
            return (unsigned)i;
    }
    return TIMES;
}

/* What has come, without waiting; MSG_WAITFORONE would wait for the first. */
static void take_all(struct load *l)
{
    static struct batch in;
    struct pollfd fd = {.fd = l->fd, .events = POLLIN};
    while (poll(&fd, 1, 0) > 0) {
        int n = receive(l->fd, &in);
        for (int i = 0; i < n; i++)
            take(l, in.bytes[i]);
    }
}

static void pace(struct load *l, double rate, double seconds)
{
    static double sent_at_s[1 << 22];
    const double start = now_s();
    l->n_sent = l->n_ok = l->n_lost = l->n_wrong = 0;
    memset(l->times, 0, sizeof l->times);
    l->sent_at_s =
        l->n_lines * l->n_devices <= sizeof sent_at_s / sizeof *sent_at_s ? sent_at_s : NULL;
    l->outstanding = l->n_lines * l->n_devices / 2; /* so that there is always one to send */
    if (l->outstanding > OUTSTANDING_MAX)
        l->outstanding = OUTSTANDING_MAX;
    for (double t = 0; t < seconds; t = now_s() - start) {
        while (l->n_sent < (uint64_t)(rate * t) && l->n_out < l->outstanding)
            fill(l, (uint64_t)(rate * t));
        take_all(l);
        usleep(TICK_US);
        take_all(l);
    }
    for (double end = now_s() + GRACE_S; l->n_out && now_s() < end;)
        take_all(l);
    for (; l->n_out; l->n_lost++)
        forget(l, l->out[0]);
    printf("%llu %llu %llu %llu %u %u\n", (unsigned long long)l->n_sent,
           (unsigned long long)l->n_ok, (unsigned long long)l->n_lost,
           (unsigned long long)l->n_wrong, percentile(l, 0.5), percentile(l, 0.99));
    fflush(stdout);
    l->sent_at_s = NULL;
}

/* An answer is lost when none has come for PATIENCE_MS: other things, such as the server's
 * keepalives, may. */
static void run(struct load *l, uint64_t most, double seconds)
{
    static struct batch in;
    const double start = now_s();
    double last = start;
    bool is_over = false;
    l->n_sent = l->n_ok = l->n_lost = l->n_wrong = 0;
    while (!is_over || l->n_out) {
        const uint64_t answered = l->n_ok + l->n_wrong;
        is_over = is_over || l->n_sent >= most || (seconds > 0 && now_s() - start > seconds);
        if (!is_over)
            fill(l, most);
        int n = receive(l->fd, &in);
        for (int i = 0; i < n; i++)
            take(l, in.bytes[i]);
        if (l->n_ok + l->n_wrong > answered)
            last = now_s();
        for (; l->n_out && now_s() - last > PATIENCE_MS / 1e3; l->n_lost++)
            forget(l, l->out[0]);
    }
    printf("%llu %llu %llu %llu %.6f\n", (unsigned long long)l->n_sent, (unsigned long long)l->n_ok,
           (unsigned long long)l->n_lost, (unsigned long long)l->n_wrong, now_s() - start);
    fflush(stdout);
}

static void load(char **args)
{
    static struct load l;
    char line[128];
    unsigned long long n;
    double seconds, rate;
    l.fd = open_socket();
    l.to = addr_of(args[0], args[1]);
    const size_t outstanding = strtoul(args[4], NULL, 10);
    l.n_lines = (uint32_t)strtoul(args[2], NULL, 10);
    l.n_devices = (uint32_t)strtoul(args[3], NULL, 10);
    const uint32_t n_phones = l.n_lines * l.n_devices;
    l.cseq = calloc(n_phones, sizeof *l.cseq);
    l.is_out = calloc(n_phones, sizeof *l.is_out);
    if (!l.cseq || !l.is_out || n_phones <= outstanding || outstanding > OUTSTANDING_MAX ||
        n_phones % 7919 == 0)
        die("so many phones");
    for (uint32_t i = 0; i < n_phones; i++)
        l.cseq[i] = 1000000;
    find_marks(&l);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        l.outstanding = outstanding;
        if (sscanf(line, "run %llu %lf", &n, &seconds) == 2)
            run(&l, n ? n : UINT64_MAX, seconds);
        else if (sscanf(line, "pace %lf %lf", &rate, &seconds) == 2)
            pace(&l, rate, seconds);
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "answer") == 0)
        answer(argv[2], argv[3]);
    if (argc != 7 || strcmp(argv[1], "load") != 0)
        return 2;
    load(argv + 2);
    return 0;
}
