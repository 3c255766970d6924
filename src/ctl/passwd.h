/* breakwaterctl passwd: the lines of a user in a credentials file (sip/htdigest.h), put in the
 * place of those that are there. Only hashes are written. One thread. */
#ifndef BW_CTL_PASSWD_H
#define BW_CTL_PASSWD_H

#include "base/str.h"

/* FILE USER REALM: asks for the password and sets it. The exit status; a complaint was printed. */
int passwd_run(char **words);

/* Sets a password: a line for each algorithm. All other lines stay, and so do the file's mode and
 * owner; one that is not there is made, with mode 0600. The file is replaced as a whole, under a
 * lock against another writer. 0, or ERR_* after a complaint on standard error. */
struct passwd_account {
    struct str user, realm, password;
};
int passwd_set(const char *path, const struct passwd_account *account);

#endif
