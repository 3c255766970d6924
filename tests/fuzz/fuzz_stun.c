/* stun_parse over any datagram: what it takes for a request has the length that it says, and the
 * answer to it is STUN of the same transaction, never longer than allowed, with a fingerprint just
 * if the request had one. Its first byte chooses the source's family. */
#include "fuzz.h"

#include "sip/stun.h"

const char *const fuzz_more_seeds = NULL;

static void check_answer(const struct stun_request *request, const struct addr *source)
{
    char out[STUN_ANSWER_MAX];
    struct stun_request again;
    size_t n = stun_answer(request, source, out);
    struct str answer = {out, n};
    MUST(n > STUN_HEADER && n <= STUN_ANSWER_MAX);
    MUST(stun_is(answer) && stun_parse(answer, &again) == STUN_OTHER);
    MUST(memcmp(again.id, request->id, sizeof again.id) == 0);
    MUST(again.has_fingerprint == request->has_fingerprint && again.n_unknown == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct addr v4 = {.ip = {192, 0, 2, 9}, .port = 5099, .family = 4};
    static const struct addr v6 = {.ip = {0x20, 1, 0xd, 0xb8, 7}, .port = 5099, .family = 6};
    struct stun_request request;
    if (size < 1)
        return 0;
    struct str bytes = fuzz_str(data + 1, size - 1);
    if (!stun_is(bytes) || stun_parse(bytes, &request) != STUN_BINDING)
        return 0;
    MUST(bytes.n <= STUN_MAX && request.n_unknown <= STUN_UNKNOWN_MAX);
    check_answer(&request, data[0] & 1 ? &v6 : &v4);
    return 0;
}
