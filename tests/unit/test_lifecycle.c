/* What a commit tells: the record before and after it, and the lines that come out of a feed. */
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "net/feed.h"
#include "service/lifecycle.h"

static char directory[] = "/tmp/test_lifecycle.XXXXXX";

static int listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* So many lines, however they come. */
static const char *read_lines(int fd, unsigned n)
{
    static char text[65536];
    size_t len = 0;
    for (unsigned found = 0; found < n;) {
        ssize_t got = read(fd, text + len, sizeof text - 1 - len);
        assert_true(got > 0);
        for (ssize_t i = 0; i < got; i++)
            found += text[len + (size_t)i] == '\n';
        len += (size_t)got;
    }
    text[len] = '\0';
    return text;
}

static void has(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("%s is not in %s", what, text);
}

static struct aor_record *new_record(struct arena *a, uint64_t id, const char *contact)
{
    struct aor_record *r = binding_record_new(a, STR("alice@example.com"));
    struct binding *b = binding_add(r);
    b->id = id;
    b->contact = str_of(contact);
    b->granted_s = 60;
    b->user_agent = STR("Pho\"ne \xe4");
    assert_int_equal(addr_parse(STR("192.0.2.7:5060"), 5060, &b->way.peer), 0);
    return r;
}

static void add_upreg(struct aor_record *r, uint32_t cseq, enum upreg_state state)
{
    struct upreg *u = binding_upreg_add(r);
    u->id = 7;
    u->cseq = cseq;
    u->state = state;
    u->granted_s = 3600;
    u->contact = STR("sip:us");
}

struct scene {
    struct feed *feed;
    struct lifecycle life;
    int listener, fd;
    struct arena arena;
};

static void begin(struct scene *s)
{
    assert_int_equal(feed_new(FEED_SOCKET, &s->feed), 0);
    assert_false(feed_is_on(s->feed));
    s->listener = listen_at("sock");
    char path[128];
    (void)snprintf(path, sizeof path, "%s/sock", directory);
    assert_int_equal(feed_set_target(s->feed, path, STR_NONE), 0);
    assert_true(feed_is_on(s->feed));
    s->life = (struct lifecycle){.feeds = {s->feed}};
    arena_init(&s->arena, 1 << 20);
}

static void end_it(struct scene *s)
{
    close(s->fd);
    close(s->listener);
    unlink("sock");
    feed_free(s->feed);
    arena_fini(&s->arena);
}

static void each_change_is_told_once(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    struct aor_record *none = binding_record_new(&s.arena, STR("alice@example.com"));
    struct aor_record *one = new_record(&s.arena, 1, "sip:alice@192.0.2.7");
    struct aor_record *moved = new_record(&s.arena, 1, "sip:alice@192.0.2.7:5062");
    struct aor_record *two = new_record(&s.arena, 2, "sip:alice@192.0.2.7");
    add_upreg(one, 1, UPREG_LIVE);
    add_upreg(moved, 2, UPREG_LIVE);
    add_upreg(two, 2, UPREG_ENDED);
    lifecycle_on_commit(&s.life, none, none, false);
    lifecycle_on_commit(&s.life, none, one, false);
    s.fd = accept(s.listener, NULL, NULL);
    const char *text = read_lines(s.fd, 2);
    has(text, "\"event\":\"binding-added\",\"aor\":\"alice@example.com\",\"binding\":"
              "\"0000000000000001\",\"source\":\"udp:192.0.2.7:5060\",\"expires\":60,"
              "\"user-agent\":\"Pho\\\"ne \\u00e4\",\"contact\":\"sip:alice@192.0.2.7\"}\n");
    has(text, "\"event\":\"upstream-registered\",\"aor\":\"alice@example.com\",\"registration\":"
              "\"0000000000000007\",\"expires\":3600}\n");
    lifecycle_on_commit(&s.life, one, one, false);
    lifecycle_on_commit(&s.life, one, moved, false);
    text = read_lines(s.fd, 2);
    has(text, "\"event\":\"binding-moved\"");
    has(text, "sip:alice@192.0.2.7:5062");
    has(text, "\"event\":\"upstream-refreshed\"");
    lifecycle_on_commit(&s.life, moved, two, false);
    text = read_lines(s.fd, 3);
    has(text, "\"event\":\"binding-removed\",\"aor\":\"alice@example.com\",\"binding\":"
              "\"0000000000000001\",\"source\":\"udp:192.0.2.7:5060\",\"reason\":\"removed\"");
    has(text, "\"binding\":\"0000000000000002\"");
    has(text, "\"event\":\"upstream-removed\"");
    lifecycle_on_commit(&s.life, two, none, true);
    has(read_lines(s.fd, 1), "\"reason\":\"expired\"");
    end_it(&s);
}

static void upstreams_are_told_too(void **state)
{
    struct scene s;
    static const char *const states[] = {"up", "down"};
    (void)state;
    begin(&s);
    lifecycle_on_upstream(NULL, "pbx", states, "silence");
    lifecycle_on_upstream(&s.life, "pbx", states, "silence");
    s.fd = accept(s.listener, NULL, NULL);
    has(read_lines(s.fd, 1), "\"event\":\"upstream-state\",\"upstream\":\"pbx\",\"from\":\"up\","
                             "\"to\":\"down\",\"reason\":\"silence\"}\n");
    end_it(&s);
}

static void aors_can_be_hidden_in_the_log(void **state)
{
    char name[LOG_NAME], other[LOG_NAME];
    const struct hash_key key = {3, 4};
    struct log_conf conf = {.level = LEVEL_INFO, .target = "stderr", .hides_aors = true};
    (void)state;
    assert_str(log_name(STR("alice@example.com"), name), "alice@example.com");
    log_set_name_key(&key);
    assert_int_equal(log_open(&conf), 0);
    struct str hidden = log_name(STR("alice@example.com"), name);
    assert_int_equal(hidden.n, 21);
    assert_true(str_has_prefix(hidden, STR("line-")));
    assert_true(str_eq(hidden, log_name(STR("sip:alice@example.com;user=phone"), other)));
    assert_true(str_eq(hidden, log_name_hash(STR("alice@example.com"), other)));
    assert_false(str_eq(hidden, log_name(STR("bob@example.com"), other)));
    conf.hides_aors = false;
    assert_int_equal(log_open(&conf), 0);
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(directory) ? chdir(directory) : -1;
}

static int leave(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_is_told_once),
        cmocka_unit_test(upstreams_are_told_too),
        cmocka_unit_test(aors_can_be_hidden_in_the_log),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
