#include "core/number.h"

char number_take_char(struct str *s)
{
    int high = s->n > 2 && *s->p == '%' ? ascii_hex(s->p[1]) : -1;
    int low = high < 0 ? -1 : ascii_hex(s->p[2]);
    char c = *s->p;
    if (low >= 0)
        c = (char)(unsigned char)((unsigned)high << 4 | (unsigned)low);
    *s = str_skip(*s, low < 0 ? 1 : 3);
    return c;
}

static bool is_separator(char c)
{
    return c == '-' || c == '.' || c == '(' || c == ')' || c == ' ';
}

static bool is_dialled(char c, bool is_first)
{
    return ascii_is_digit(c) || c == '*' || c == '#' || (c == '+' && is_first);
}

struct number number_read(struct str user)
{
    struct number out = {.is_whole = true};
    while (user.n && *user.p != ';') {
        char c = number_take_char(&user);
        if (is_separator(c))
            continue;
        if (!is_dialled(c, out.n == 0) || out.n == NUMBER_LEN) {
            out.is_whole = false;
            break;
        }
        out.text[out.n++] = c;
    }
    return out;
}

bool number_is_global(const struct number *a)
{
    if (!a->is_whole || a->n < 2 || a->n > NUMBER_E164_MAX + 1 || a->text[0] != '+')
        return false;
    for (size_t i = 1; i < a->n; i++)
        if (!ascii_is_digit(a->text[i]))
            return false;
    return true;
}
