#include "unit.h"

#include <stdlib.h>

#include "ctl/linelist.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct {
    const char *json;
    const char *text; /* NULL: refused */
} rows[] = {
    {"", NULL},
    {"[]", NULL},
    {"{\"lines\":7}", NULL},
    {"{\"lines\":[]}", "LINE  STATE  EXPIRES  NEXT  ERROR  ALARMS  TARGET\n"},
    {"{\"lines\":[{\"name\":\"+31201234567\",\"domain\":\"example.com\",\"state\":\"registered\","
     "\"expires_in\":3200,\"next_attempt_in\":2900,\"last_error\":null,\"alarms\":[],\"target\":[{"
     "\"uri\":\"sip:pbx@192.0.2.10\",\"kind\":\"contact\",\"reach\":\"reachable\"},{\"uri\":"
     "\"sip:alice@example.com\",\"kind\":\"line\",\"reach\":null}]},"
     "{\"name\":\"1\",\"domain\":\"b\",\"state\":\"failing\",\"expires_in\":null,"
     "\"next_attempt_in\":30,\"last_error\":{\"code\":\"refused-upstream\",\"status\":403},"
     "\"alarms\":[\"line-unregistered\",\"line-unreachable\"],\"target\":[]}]}",
     "LINE                      STATE       EXPIRES  NEXT   ERROR                  ALARMS          "
     "                    TARGET\n"
     "+31201234567@example.com  registered  3200s    2900s  -                      -               "
     "                    sip:pbx@192.0.2.10(reachable),sip:alice@example.com\n"
     "1@b                       failing     -        30s    refused-upstream(403)  "
     "line-unregistered,line-unreachable  -\n"},
    /* what would steer a terminal does not */
    {"{\"lines\":[{\"name\":\"1\\u001b[2J\",\"domain\":\"b\",\"state\":\"x\"}]}",
     "LINE     STATE  EXPIRES  NEXT  ERROR  ALARMS  TARGET\n"
     "1?[2J@b  x      -        -     -      -       -\n"},
    /* what is missing or odd is left out */
    {"{\"lines\":[{},7]}", "LINE  STATE  EXPIRES  NEXT  ERROR  ALARMS  TARGET\n"
                           "?@?   -      -        -     -      -       -\n"
                           "?@?   -      -        -     -      -       -\n"},
};

static void an_answer_is_a_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);
        assert_non_null(out);
        json_t *answer = json_loads(rows[i].json, 0, NULL);
        assert_int_equal(linelist_print(answer, out), rows[i].text != NULL);
        json_decref(answer);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, rows[i].text ? rows[i].text : "");
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_answer_is_a_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
