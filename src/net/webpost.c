#include "net/webpost.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "config.h"

enum { CONNECT_TIMEOUT_S = 5, HEADER_MAX = 1200, TURN_MS = 1000 };

struct webpost {
    CURL *curl;
    CURLM *multi; /* of this one alone: for its wake-up */
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

int webpost_new(const atomic_bool *stop, struct webpost **out)
{
    (void)pthread_once(&once, init);
    struct webpost *w = calloc(1, sizeof *w);
    CURL *curl = w ? curl_easy_init() : NULL;
    CURLM *multi = curl ? curl_multi_init() : NULL;
    if (!multi) {
        curl_easy_cleanup(curl);
        free(w);
        return ERR_NOMEM;
    }
    *w = (struct webpost){curl, multi, stop};
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)WEBPOST_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "breakwater/" PACKAGE_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    *out = w;
    return 0;
}

void webpost_free(struct webpost *w)
{
    if (!w)
        return;
    curl_easy_cleanup(w->curl);
    (void)curl_multi_cleanup(w->multi);
    free(w);
}

void webpost_wake(struct webpost *w)
{
    if (w)
        (void)curl_multi_wakeup(w->multi);
}

/* As curl_easy_perform, but that it ends when it is to. */
static CURLcode perform(struct webpost *w)
{
    int n_running = 1, n_left;
    CURLMcode err = curl_multi_add_handle(w->multi, w->curl);
    while (!err && n_running && !atomic_load(w->stop)) {
        err = curl_multi_perform(w->multi, &n_running);
        if (!err && n_running)
            err = curl_multi_poll(w->multi, NULL, 0, TURN_MS, NULL);
    }
    const CURLMsg *message = curl_multi_info_read(w->multi, &n_left);
    CURLcode result = message ? message->data.result : CURLE_ABORTED_BY_CALLBACK;
#if LIBCURL_VERSION_NUM >= 0x075700
    if (!message) /* a thread that looks a name up is not waited for */
        (void)curl_easy_setopt(w->curl, CURLOPT_QUICK_EXIT, 1L);
#endif
    (void)curl_multi_remove_handle(w->multi, w->curl);
    return err == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : result;
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
    CURLcode err = perform(w);
    if (!err)
        (void)curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status);
    *why = curl_easy_strerror(err);
    (void)curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(list);
    return status;
}
