#include "conf/secure.h"

#include "base/err.h"
#include "net/tls.h"

static const struct setting *find(const struct settings_section *s, const char *option)
{
    return settings_find(s, schema_find(SECTION_LISTEN, option));
}

static void check_origins(struct findings *f, const struct settings_section *s,
                          const struct conf_listen *listen)
{
    const struct setting *setting = find(s, "origins");
    if (setting && !flow_is_web(listen->transport))
        finding_error(f, setting->line,
                      "listen \"%s\" origins: there are no WebSockets at this address, expected it "
                      "with ws:IP-ADDRESS:PORT or wss:IP-ADDRESS:PORT only",
                      listen->name);
}

/* What only TLS has. */
static void check_plain(struct findings *f, const struct settings_section *s,
                        const struct conf_listen *listen)
{
    static const char *const options[] = {"certificate", "private-key", "client-ca"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const struct setting *setting = find(s, options[i]);
        if (setting && setting->text[0])
            finding_error(f, setting->line,
                          "listen \"%s\" %s: there is no TLS at this address, expected it with "
                          "tls:IP-ADDRESS:PORT or wss:IP-ADDRESS:PORT only",
                          listen->name, options[i]);
    }
}

static bool is_complete(struct findings *f, const struct settings_section *s,
                        const struct conf_listen *listen)
{
    const struct setting *certificate = find(s, "certificate"), *key = find(s, "private-key");
    const struct setting *missing = find(s, "address");
    if (!certificate)
        finding_error(f, missing->line,
                      "listen \"%s\" certificate: missing, expected the path of a file in PEM",
                      listen->name);
    if (!key)
        finding_error(f, missing->line,
                      "listen \"%s\" private-key: missing, expected the path of a file in PEM",
                      listen->name);
    if (certificate && key && listen->n_certificates != listen->n_keys)
        finding_error(f, key->line,
                      "listen \"%s\" private-key: %zu for %zu certificates, expected one for each, "
                      "in their order",
                      listen->name, listen->n_keys, listen->n_certificates);
    return certificate && key && listen->n_certificates == listen->n_keys;
}

/* A path that was refused is not there. */
static bool has_all_paths(const struct conf_listen *listen)
{
    for (size_t i = 0; i < listen->n_certificates; i++)
        if (!listen->certificates[i] || !listen->keys[i])
            return false;
    return listen->n_certificates > 0;
}

int secure_check(struct findings *f, const struct settings_section *s, struct conf_listen *listen)
{
    char why[TLS_WHY] = "";
    check_origins(f, s, listen);
    if (!flow_is_secure(listen->transport)) {
        check_plain(f, s, listen);
        return 0;
    }
    if (!is_complete(f, s, listen) || !has_all_paths(listen))
        return 0;
    const struct tls_conf conf = {.certificates = listen->certificates,
                                  .keys = listen->keys,
                                  .n = listen->n_certificates,
                                  .client_ca = listen->client_ca,
                                  .name = listen->name};
    int err = tls_context_new(&conf, why, &listen->tls);
    if (err != ERR_BADCONF)
        return err;
    finding_error(f, find(s, "certificate")->line,
                  "listen \"%s\": %s, expected files in PEM: certificate, its private-key, "
                  "client-ca",
                  listen->name, why);
    return 0;
}
