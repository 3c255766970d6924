#include "ctl/prompt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"

static int complain(const char *what)
{
    (void)fprintf(stderr, "breakwaterctl: %s; nothing was changed\n", what);
    return ERR_PARSE;
}

/* ---------------------------------------------------------------- one line */

/* Byte by byte, so that nothing behind the line is taken. */
static int read_line(char text[PROMPT_MAX], struct str *line)
{
    size_t n = 0;
    ssize_t got;
    char c = '\0';
    while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
        if (n < PROMPT_MAX)
            text[n] = c;
        n++;
    }
    if (got < 0)
        return errno == EINTR ? ERR_AGAIN : ERR_IO;
    if (got == 0 && n == 0)
        return ERR_ABSENT;
    *line = (struct str){text, n < PROMPT_MAX ? n : PROMPT_MAX};
    return n < PROMPT_MAX ? 0 : ERR_TOOBIG;
}

/* ---------------------------------------------------------------- a terminal */

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
enum { N_SIGNALS = sizeof signals / sizeof signals[0] };

/* For the whole line, which a terminal gives at once. A signal that came before is not overslept.
 */
static int wait_line(const sigset_t *open)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    if (ppoll(&in, 1, NULL, open) >= 0)
        return 0;
    return errno == EINTR ? ERR_AGAIN : ERR_IO;
}

static void block_signals(sigset_t *old)
{
    sigset_t ours;
    sigemptyset(&ours);
    for (size_t i = 0; i < N_SIGNALS; i++)
        sigaddset(&ours, signals[i]);
    (void)sigprocmask(SIG_BLOCK, &ours, old);
}

/* A signal must not leave the terminal without echo: it takes effect once that is on again. */
static int read_hidden(const char *ask, const char *user, char text[PROMPT_MAX], struct str *line)
{
    struct sigaction old[N_SIGNALS], act = {.sa_handler = on_signal};
    struct termios shown, hidden;
    sigset_t open;
    if (tcgetattr(STDIN_FILENO, &shown))
        return ERR_IO;
    hidden = shown;
    hidden.c_lflag = (hidden.c_lflag & ~(tcflag_t)ECHO) | ECHONL;
    caught = 0;
    block_signals(&open);
    for (size_t i = 0; i < N_SIGNALS; i++)
        (void)sigaction(signals[i], &act, &old[i]);
    int err = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) ? ERR_IO : 0;
    (void)fprintf(stderr, "%s%s: ", ask, user); /* now, so that who types at once is not shown */
    if (!err)
        err = wait_line(&open);
    if (!err)
        err = read_line(text, line);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    for (size_t i = 0; i < N_SIGNALS; i++)
        (void)sigaction(signals[i], &old[i], NULL);
    (void)sigprocmask(SIG_SETMASK, &open, NULL);
    if (caught)
        (void)raise(caught);
    return err;
}

static int ask_twice(const char *user, char text[PROMPT_MAX], struct str *password)
{
    char again[PROMPT_MAX];
    struct str second = STR_NONE;
    int err = read_hidden("New password for ", user, text, password);
    if (!err)
        err = read_hidden("Again, for ", user, again, &second);
    bool is_same = !err && str_eq(*password, second);
    explicit_bzero(again, sizeof again);
    return err || is_same ? err : complain("the two passwords differ");
}

/* ---------------------------------------------------------------- both */

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

int prompt_password(const char *user, char text[PROMPT_MAX], struct str *password)
{
    *password = STR_NONE;
    int err = isatty(STDIN_FILENO) ? ask_twice(user, text, password) : read_line(text, password);
    if (err == ERR_PARSE)
        return err;
    if (err == ERR_TOOBIG)
        return complain("the password is too long");
    if (err && err != ERR_ABSENT)
        return complain("the password could not be read");
    if (password->n == 0)
        return complain("the password is empty");
    return has_control(*password) ? complain("the password has a control character") : 0;
}
