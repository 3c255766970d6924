#include "ctl/completion.h"

#include <stdio.h>
#include <string.h>

/* What the two shells have in common: which command stands there already. */
static const char bash_head[] =
    "# Completes breakwaterctl in bash; printed by: breakwaterctl completion bash\n"
    "_breakwaterctl()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command= choice= files= word n=0 i\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n";

static const char zsh_head[] =
    "#compdef breakwaterctl\n"
    "# Completes breakwaterctl in zsh; printed by: breakwaterctl completion zsh\n"
    "_breakwaterctl()\n"
    "{\n"
    "    local prev=${words[CURRENT-1]} command= choice= files= word n=0 i\n"
    "    for ((i = 2; i < CURRENT; i++)); do\n"
    "        word=${words[i]}\n";

static const char common[] =
    "        case $word in\n"
    "            -s|--socket) ((i++)) ;;\n"
    "            -*) ;;\n"
    "            *) [ $n -lt 2 ] && command=\"$command${command:+ }$word\"; n=$((n + 1)) ;;\n"
    "        esac\n"
    "    done\n"
    "    case $command in\n";

static const char bash_tail[] =
    "    case $prev in\n"
    "        -s|--socket|--pcap) choice= files=1 ;;\n"
    "    esac\n"
    "    COMPREPLY=()\n"
    "    if [ -n \"$files\" ] && [[ $cur != -* ]]; then\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "    else\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$choice\" -- \"$cur\")\n"
    "    fi\n"
    "}\n"
    "complete -F _breakwaterctl breakwaterctl\n";

static const char zsh_tail[] = "    case $prev in\n"
                               "        -s|--socket|--pcap) choice= files=1 ;;\n"
                               "    esac\n"
                               "    [ -n \"$choice\" ] && compadd -- ${=choice}\n"
                               "    [ -n \"$files\" ] && _files\n"
                               "    return 0\n"
                               "}\n"
                               "_breakwaterctl \"$@\"\n";

/* The first words of all commands, each once: those of one command stand together. */
static void print_first(const struct command *commands, size_t n)
{
    (void)fputs("        '') choice='", stdout);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(commands[i].name[0], commands[i - 1].name[0]) != 0)
            (void)printf("%s ", commands[i].name[0]);
    (void)fputs("--json --socket -V -h' ;;\n", stdout);
}

/* The second words behind a first one. */
static void print_second(const struct command *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!commands[i].name[1])
            continue;
        bool is_first = i == 0 || strcmp(commands[i].name[0], commands[i - 1].name[0]) != 0;
        bool is_last = i + 1 == n || strcmp(commands[i].name[0], commands[i + 1].name[0]) != 0;
        if (is_first)
            (void)printf("        %s) choice='", commands[i].name[0]);
        (void)printf("%s%s", commands[i].name[1], is_last ? "' ;;\n" : " ");
    }
}

/* The first word of each of a list with commas. */
static void print_list(const char *list)
{
    while (*list) {
        list += strspn(list, ", \n");
        (void)printf("%.*s ", (int)strcspn(list, ", \n"), list);
        list += strcspn(list, ",");
    }
}

/* The options among a command's words, and what its other words stand for. */
static void print_choice(const struct completion *all, const char *words)
{
    for (const char *at = strstr(words, "--"); at; at = strstr(at + 2, "--"))
        (void)printf("%.*s ", (int)strcspn(at, " ]"), at);
    for (size_t i = 0; i < all->n_words; i++)
        if (strstr(words, all->words[i].word))
            print_list(all->words[i].is);
}

/* What stands behind a whole command. */
static void print_rest(const struct completion *all, const struct command *c)
{
    if (!*c->words)
        return;
    if (c->name[1])
        (void)printf("        '%s %s')", c->name[0], c->name[1]);
    else
        (void)printf("        %s|%s\\ *)", c->name[0], c->name[0]);
    (void)fputs(" choice='", stdout);
    print_choice(all, c->words);
    (void)printf("'%s ;;\n", strstr(c->words, "FILE") ? " files=1" : "");
}

bool completion_print(const char *shell, const struct completion *all)
{
    bool is_bash = strcmp(shell, "bash") == 0;
    if (!is_bash && strcmp(shell, "zsh") != 0)
        return false;
    (void)fputs(is_bash ? bash_head : zsh_head, stdout);
    (void)fputs(common, stdout);
    print_first(all->commands, all->n_commands);
    print_second(all->commands, all->n_commands);
    for (size_t i = 0; i < all->n_commands; i++)
        print_rest(all, &all->commands[i]);
    (void)fputs("    esac\n", stdout);
    (void)fputs(is_bash ? bash_tail : zsh_tail, stdout);
    return true;
}
