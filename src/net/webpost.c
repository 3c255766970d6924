#include "net/webpost.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "config.h"

enum { CONNECT_TIMEOUT_S = 5, HEADER_MAX = 1200 };

struct webpost {
    CURL *curl;
    const atomic_bool *stop;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type of libcurl's callback */
static size_t swallow(char *bytes, size_t size, size_t n, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * n;
}

/* Asked about once a second while nothing moves. */
static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct webpost *w = arg;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load(w->stop);
}

int webpost_new(const atomic_bool *stop, struct webpost **out)
{
    (void)pthread_once(&once, init);
    struct webpost *w = calloc(1, sizeof *w);
    CURL *curl = w ? curl_easy_init() : NULL;
    if (!curl) {
        free(w);
        return ERR_NOMEM;
    }
    *w = (struct webpost){curl, stop};
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)WEBPOST_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "breakwater/" PACKAGE_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, w);
    *out = w;
    return 0;
}

void webpost_free(struct webpost *w)
{
    if (!w)
        return;
    curl_easy_cleanup(w->curl);
    free(w);
}

static struct curl_slist *headers(const char *token)
{
    char line[HEADER_MAX];
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
    if (!list || !token)
        return list;
    (void)snprintf(line, sizeof line, "Authorization: Bearer %s", token);
    struct curl_slist *longer = curl_slist_append(list, line);
    explicit_bzero(line, sizeof line);
    if (!longer)
        curl_slist_free_all(list);
    return longer;
}

long webpost_send(struct webpost *w, const char *url, const char *token, struct str body,
                  const char **why)
{
    long status = 0;
    struct curl_slist *list = headers(token);
    *why = "out of memory";
    if (!list)
        return 0;
    (void)curl_easy_setopt(w->curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, list);
    (void)curl_easy_setopt(w->curl, CURLOPT_POSTFIELDS, body.p);
    (void)curl_easy_setopt(w->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    CURLcode err = curl_easy_perform(w->curl);
    if (!err)
        (void)curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status);
    *why = curl_easy_strerror(err);
    (void)curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(list);
    return status;
}
