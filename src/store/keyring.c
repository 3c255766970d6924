#include "store/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "store/keyfile.h"

enum { KEY_ID = 0, OTHERS = 077 };

static int fail(const char *what, const char *path)
{
    log_error("%s %s: %s", what, path, strerror(errno));
    return ERR_IO;
}

static int read_key(int fd, const char *path, struct token_key *out)
{
    struct stat st;
    if (fstat(fd, &st))
        return fail("cannot look at", path);
    if (st.st_mode & OTHERS) {
        log_error("%s: others may read it; expected mode 0600", path);
        return ERR_BADCONF;
    }
    char more;
    if (read(fd, out->bytes, TOKEN_KEY_LEN) != TOKEN_KEY_LEN || read(fd, &more, 1) != 0) {
        log_error("%s: not a key of %d bytes", path, TOKEN_KEY_LEN);
        return ERR_BADCONF;
    }
    return 0;
}

static int make_key(const char *state_dir, const char *name, struct token_key *out)
{
    sys_random(out->bytes, TOKEN_KEY_LEN);
    return keyfile_write(state_dir, name, out->bytes, TOKEN_KEY_LEN);
}

static int load_key(const char *state_dir, const char *name, struct token_key *out)
{
    char path[PATH_MAX];
    *out = (struct token_key){.id = KEY_ID};
    (void)snprintf(path, sizeof path, "%s/%s", state_dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? make_key(state_dir, name, out) : fail("cannot open", path);
    int err = read_key(fd, path, out);
    (void)close(fd);
    return err;
}

static int make_dir(const char *state_dir)
{
    if (mkdir(state_dir, 0700) && errno != EEXIST)
        return fail("state-dir: cannot make", state_dir);
    return 0;
}

int keyring_load_node(const char *state_dir, struct token_key *out)
{
    int err = make_dir(state_dir);
    return err ? err : load_key(state_dir, "node.key", out);
}

int keyring_load(const char *state_dir, struct keyring *out)
{
    int err = make_dir(state_dir);
    if (!err)
        err = load_key(state_dir, "token.key", &out->token);
    return err ? err : load_key(state_dir, "nonce.key", &out->nonce);
}

static int save_key(const char *state_dir, const char *name, const struct token_key *key)
{
    return keyfile_write(state_dir, name, key->bytes, TOKEN_KEY_LEN);
}

int keyring_save(const char *state_dir, const struct keyring *keys)
{
    int err = save_key(state_dir, "token.key", &keys->token);
    return err ? err : save_key(state_dir, "nonce.key", &keys->nonce);
}
