#include "unit.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

enum { LEN = 100 };

static void all_of_it_is_zeroed(void **state)
{
    (void)state;
    char *block = malloc(LEN);
    assert_non_null(block);
    memset(block, 'x', LEN);
    assert_in_range(wipe(block), LEN, 4 * LEN);
    for (size_t i = 0; i < LEN; i++)
        assert_int_equal(block[i], 0);
    wipe_free(block);
    wipe_free(NULL);
}

static size_t n_freed, n_with_secret;

/* Looks at what is given back, then does what the programs have set. */
static void look_and_free(void *block)
{
    static const char secret[] = "0123456789abcdef0123456789abcdef";
    n_freed += block != NULL;
    if (block)
        n_with_secret += memmem(block, malloc_usable_size(block), secret, strlen(secret)) != NULL;
    wipe_free(block);
}

/* The library gives back by this all that it had of a line; text of its may still go by free. */
static void json_is_given_back_so(void **state)
{
    (void)state;
    json_set_alloc_funcs(malloc, look_and_free);
    json_t *json =
        json_loads("{\"keys\":{\"token\":\"0123456789abcdef0123456789abcdef\"}}", 0, NULL);
    assert_non_null(json);
    char *text = json_dumps(json, JSON_COMPACT);
    assert_non_null(text);
    free(text);
    json_decref(json);
    assert_true(n_freed > 4);
    assert_true(n_with_secret > 0); /* so this is where it must be wiped */
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_is_zeroed),
        cmocka_unit_test(json_is_given_back_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
