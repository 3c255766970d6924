/* The URI of an upstream's server. Any thread. */
#ifndef BW_CONF_SERVERURI_H
#define BW_CONF_SERVERURI_H

#include "conf/model.h"

/* Sets all of *out but uri and tls_name. ERR_PARSE; *why says more where there is more to say. */
int serveruri_parse(struct str text, struct conf_server *out, const char **why);

#endif
