/* Runs a fuzzer over its corpus where there is no libFuzzer: each file as it is, then with
 * mutations that are the same in every run. A child does the work; where it dies the file counts as
 * failed, the input is kept, and the next child goes on behind it. With arguments: only these
 * files. */
#include "fuzz.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mutate.h"

enum { INPUT_MAX = 1 << 17, MUTATIONS = 256, MUTATIONS_SOAK = 20000, SECONDS_MAX = 300 };

/* What the parent knows of a child that has died. */
struct progress {
    size_t file;
    unsigned mutation; /* 0: the file itself */
    size_t len;
    char input[INPUT_MAX];
};

static struct progress *progress;

static const char *fuzzer_name(void)
{
    return program_invocation_short_name;
}

static void run_input(struct str input, unsigned mutation)
{
    progress->mutation = mutation;
    progress->len = input.n;
    memcpy(progress->input, input.p, input.n);
    LLVMFuzzerTestOneInput((const uint8_t *)input.p, input.n);
    free((char *)(uintptr_t)input.p);
}

/* A heap block of just the size, so that the address sanitizer sees its end. */
static struct str copy_of(struct str s)
{
    char *p = malloc(s.n ? s.n : 1);
    MUST(p);
    memcpy(p, s.p, s.n);
    return (struct str){p, s.n};
}

static struct str read_file(const char *path)
{
    static char bytes[INPUT_MAX];
    FILE *f = fopen(path, "rbe");
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (!f || ferror(f) || n == sizeof bytes) {
        perror(path);
        exit(2);
    }
    (void)fclose(f);
    return (struct str){bytes, n};
}

static void run_file(const char *path)
{
    struct str s = read_file(path);
    run_input(copy_of(s), 0);
    uint64_t state = fuzz_hash(s) | 1;
    unsigned n = getenv("BREAKWATER_SOAK") ? MUTATIONS_SOAK : MUTATIONS;
    for (unsigned i = 1; i <= n; i++)
        run_input(mutate(s, &state), i);
}

/* Runs the files from `first` on; progress->file tells how far it came. False: one failed. */
static bool run_from(size_t first, char **paths, size_t n)
{
    int status = 0;
    (void)fflush(stdout);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        (void)alarm(SECONDS_MAX);
        for (progress->file = first; progress->file < n; progress->file++)
            run_file(paths[progress->file]);
        exit(0);
    }
    MUST(waitpid(child, &status, 0) == child);
    return status == 0;
}

static void keep_input(const char *path)
{
    char name[256];
    snprintf(name, sizeof name, "failed-%s-%s-%u", fuzzer_name(), strrchr(path, '/') + 1,
             progress->mutation);
    FILE *f = fopen(name, "wbe");
    if (!f)
        return;
    (void)fwrite(progress->input, 1, progress->len, f);
    (void)fclose(f);
    printf("failed: %s, mutation %u; the input is in %s\n", path, progress->mutation, name);
}

/* The number of files that failed; what fails at the end is a leak. */
static size_t run_all(char **paths, size_t n)
{
    size_t n_failed = 0;
    for (size_t next = 0; !run_from(next, paths, n); next = progress->file + 1) {
        n_failed++;
        if (progress->file >= n) {
            printf("failed: something is wrong at the end of the run\n");
            break;
        }
        keep_input(paths[progress->file]);
    }
    return n_failed;
}

static void find_files(const char *folder, glob_t *found, int flags)
{
    char pattern[4096];
    const char *root = getenv("srcdir");
    snprintf(pattern, sizeof pattern, "%s/%s/*", root ? root : ".", folder);
    (void)glob(pattern, flags, NULL, found);
}

int main(int argc, char **argv)
{
    glob_t found = {0};
    char **paths = argv + 1;
    size_t n = (size_t)argc - 1;
    progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(progress != MAP_FAILED);
    if (argc == 1) {
        char folder[256];
        snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", fuzzer_name() + strlen("fuzz_"));
        find_files(folder, &found, 0);
        if (fuzz_more_seeds)
            find_files(fuzz_more_seeds, &found, GLOB_APPEND);
        paths = found.gl_pathv;
        n = found.gl_pathc;
    }
    size_t n_failed = run_all(paths, n);
    printf("%zu passed, %zu failed\n", n_failed < n ? n - n_failed : 0, n_failed);
    globfree(&found);
    return n_failed || n == 0;
}
