#include "ctl/passwd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/lines.h"
#include "ctl/prompt.h"
#include "sip/htdigest.h"

enum { MODE_NEW = 0600, MODE_OTHERS = 077, MODE_ALL = 07777, OWN_LINES_MAX = 2048 };

/* The file on its way. */
struct change {
    char path[PATH_MAX];     /* no symbolic link, which the replacement would end */
    char temp[PATH_MAX + 8]; /* beside it */
    int fd;                  /* of the file: open and locked */
    struct stat st;
    const struct passwd_account *account;
    struct lines lines;
    char own[OWN_LINES_MAX]; /* the new lines */
    size_t own_len;
};

static int complain(const char *path, const char *what)
{
    (void)fprintf(stderr, "breakwaterctl: %s: %s; nothing was changed\n", path, what);
    return ERR_IO;
}

/* ---------------------------------------------------------------- hashes */

static int hash_all(struct digest_answer *d, const struct passwd_account *account, struct buf *out)
{
    const struct digest_account who = {account->user, account->realm, account->password};
    struct digest_hex hex;
    for (int i = 0; i < DIGEST_ALGORITHM_MAX; i++) {
        enum digest_algorithm algorithm = (enum digest_algorithm)i;
        int err = digest_answer_ha1(d, algorithm, &who, &hex);
        if (err)
            return err;
        const struct htdigest line = {account->user, account->realm, {hex.text, hex.n}, algorithm};
        htdigest_print(&line, out);
    }
    explicit_bzero(&hex, sizeof hex);
    return out->has_overflown ? ERR_TOOBIG : 0;
}

static int make_lines(struct change *c)
{
    struct digest_answer *d;
    struct buf out = buf_over(c->own, sizeof c->own);
    int err = digest_answer_new(&d);
    if (err)
        return complain(c->path, err_text(err));
    err = hash_all(d, c->account, &out);
    digest_answer_free(d);
    c->own_len = out.len;
    return err ? complain(c->path, "a hash is not to be had from the library") : 0;
}

/* ---------------------------------------------------------------- the lock */

static int open_file(struct change *c, const char *path)
{
    struct stat now;
    c->fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, MODE_NEW);
    if (c->fd < 0 || fstat(c->fd, &c->st))
        return complain(path, strerror(errno));
    if (!S_ISREG(c->st.st_mode))
        return complain(path, "is not a regular file");
    if (flock(c->fd, LOCK_EX) || !realpath(path, c->path) || stat(c->path, &now))
        return complain(path, strerror(errno));
    return now.st_ino == c->st.st_ino && now.st_dev == c->st.st_dev ? 0 : ERR_AGAIN;
}

static void close_file(struct change *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
}

/* A writer before us has put another file in the place of the one that we waited for. */
static int lock_file(struct change *c, const char *path)
{
    int err;
    while ((err = open_file(c, path)) == ERR_AGAIN)
        close_file(c);
    return err;
}

/* ---------------------------------------------------------------- the new file */

static bool is_own_line(const struct change *c, struct str line)
{
    struct htdigest h;
    return !htdigest_parse(line, &h) && str_eq(h.user, c->account->user) &&
           str_eq(h.realm, c->account->realm);
}

/* The new lines stand where the first old one stood, or at the end. */
static int copy_lines(struct change *c, FILE *out)
{
    struct str line;
    bool is_put = false;
    int got;
    lines_init(&c->lines, c->fd);
    while ((got = lines_next(&c->lines, &line)) == 1) {
        if (c->lines.is_too_long)
            return complain(c->path, "a line is too long for a credentials file");
        bool is_own = is_own_line(c, line);
        if (is_own && !is_put)
            (void)fwrite(c->own, 1, c->own_len, out);
        is_put = is_put || is_own;
        if (!is_own) {
            (void)fwrite(line.p, 1, line.n, out);
            (void)fputc('\n', out);
        }
    }
    if (!is_put)
        (void)fwrite(c->own, 1, c->own_len, out);
    return got < 0 || ferror(out) ? complain(c->path, strerror(errno)) : 0;
}

static int keep_owner_and_mode(const struct change *c, int fd)
{
    struct stat st;
    if (fstat(fd, &st) ||
        ((st.st_uid != c->st.st_uid || st.st_gid != c->st.st_gid) &&
         fchown(fd, c->st.st_uid, c->st.st_gid)) ||
        fchmod(fd, c->st.st_mode & MODE_ALL))
        return complain(c->temp, strerror(errno));
    return 0;
}

static int fill(struct change *c, FILE *out)
{
    int err = keep_owner_and_mode(c, fileno(out));
    if (!err)
        err = copy_lines(c, out);
    if (!err && (fflush(out) || fsync(fileno(out))))
        err = complain(c->temp, strerror(errno));
    return err;
}

static int write_file(struct change *c)
{
    char buffer[BUFSIZ];
    (void)unlink(c->temp); /* of a writer that was killed: the lock is ours */
    int fd = open(c->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE_NEW);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out) {
        if (fd >= 0)
            (void)close(fd);
        return complain(c->temp, strerror(errno));
    }
    (void)setvbuf(out, buffer, _IOFBF, sizeof buffer);
    int err = fill(c, out);
    if (fclose(out) && !err)
        err = complain(c->temp, strerror(errno));
    explicit_bzero(buffer, sizeof buffer);
    return err;
}

/* The name, too, is to survive a loss of power. */
static void sync_directory(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

static int replace(struct change *c)
{
    (void)snprintf(c->temp, sizeof c->temp, "%s.new", c->path);
    int err = make_lines(c);
    if (!err)
        err = write_file(c);
    if (!err && rename(c->temp, c->path))
        err = complain(c->path, strerror(errno));
    if (err)
        (void)unlink(c->temp);
    else
        sync_directory(c->path);
    return err;
}

int passwd_set(const char *path, const struct passwd_account *account)
{
    static struct change c;
    c = (struct change){.fd = -1, .account = account};
    int err = lock_file(&c, path);
    if (!err)
        err = replace(&c);
    if (!err && c.st.st_mode & MODE_OTHERS)
        (void)fprintf(stderr,
                      "breakwaterctl: %s: has mode %04o, with which breakwater refuses it; "
                      "expected 0600\n",
                      path, (unsigned)c.st.st_mode & MODE_ALL);
    close_file(&c);
    lines_fini(&c.lines);
    explicit_bzero(c.own, sizeof c.own);
    return err;
}

/* ---------------------------------------------------------------- the command */

static int name_account(char **words, struct passwd_account *out)
{
    out->user = str_of(words[1]);
    out->realm = str_of(words[2]);
    const char *fault = htdigest_user_fault(out->user);
    if (!fault)
        fault = htdigest_realm_fault(out->realm);
    return fault ? complain(words[0], fault) : 0;
}

int passwd_run(char **words)
{
    struct passwd_account account = {0};
    char text[PROMPT_MAX];
    int err = name_account(words, &account);
    if (!err)
        err = prompt_password(words[1], text, &account.password);
    if (!err)
        err = passwd_set(words[0], &account);
    explicit_bzero(text, sizeof text);
    if (err)
        return EXIT_FAILURE;
    (void)printf("%s: the password of \"%s\" in the realm \"%s\" is set; breakwater takes it at "
                 "its next reload\n",
                 words[0], words[1], words[2]);
    return EXIT_SUCCESS;
}
