/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fuzz target without libFuzzer: replays its corpus, then runs random changes
 * of it, and prints TAP. What ends the program is left in the file
 * crash-TARGET.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "mutate.h"

#define MAX_CASES 256
#define MAX_SIZE 20000

static struct mutate_case cases[MAX_CASES];
static size_t case_count;

static const uint8_t *current;
static size_t current_size;
static char crash_file[64];

/* Of sanitizers, where there are any. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*call)(void));

static void keep_current(void)
{
    int fd = open(crash_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd >= 0) {
        (void)!write(fd, current, current_size);
        close(fd);
    }
}

static void on_signal(int number)
{
    keep_current();
    signal(number, SIG_DFL);
    raise(number);
}

static void run_one(const uint8_t *data, size_t size)
{
    /* Of exactly this size, so that instruments see reads behind it. */
    uint8_t *copy = malloc(size + (size == 0));

    FUZZ_CHECK(copy != NULL);
    memcpy(copy, data, size);
    current = copy;
    current_size = size;
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void add_case(const char *path)
{
    struct mutate_case *added = &cases[case_count++];
    FILE *file = fopen(path, "re");

    FUZZ_CHECK(case_count < MAX_CASES);
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    added->data = malloc(MAX_SIZE);
    FUZZ_CHECK(added->data != NULL);
    added->size = fread(added->data, 1, MAX_SIZE, file);
    fclose(file);
}

static int by_name(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name);
}

static void add_folder(const char *folder)
{
    struct dirent **entries;
    char path[PATH_MAX];
    int i, count = scandir(folder, &entries, NULL, by_name);

    if (count < 0) {
        perror(folder);
        exit(1);
    }
    for (i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
            add_case(path);
        }
        free(entries[i]);
    }
    free(entries);
}

static void run_changes(uint64_t seed, uint64_t runs)
{
    static uint8_t data[MAX_SIZE];
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    const struct mutate_case *base;
    size_t size;

    while (runs-- > 0) {
        base = &cases[mutate_random(&state) % case_count];
        memcpy(data, base->data, base->size);
        size = mutate(&state, data, base->size, sizeof(data),
                      &cases[mutate_random(&state) % case_count]);
        run_one(data, size);
    }
}

static void usage(const char *name)
{
    fprintf(stderr,
            "usage: %s [--runs N] [--seed N] [FILE...]\n"
            "Runs FILE..., or the corpus and N random changes of it.\n",
            name);
    exit(2);
}

static uint64_t number_of(const char *text, const char *name)
{
    char *end;
    uint64_t number;

    if (text == NULL) {
        usage(name);
    }
    number = (uint64_t)strtod(text, &end); /* 1e7 is easier to read */
    if (*text == '\0' || *end != '\0') {
        usage(name);
    }
    return number;
}

static void catch_ends(const char *name)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    const char *slash = strrchr(name, '/');
    size_t i;

    snprintf(crash_file, sizeof(crash_file), "crash-%s",
             slash != NULL ? slash + 1 : name);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(keep_current);
    }
    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        signal(signals[i], on_signal);
    }
}

int main(int argc, char *argv[])
{
    const char *quick = getenv("PEERVMA_TEST_QUICK");
    uint64_t seed = 1, runs = quick != NULL ? 5000 : 50000;
    bool files = false;
    size_t i;
    int arg;

    setvbuf(stdout, NULL, _IOLBF, 0);
    catch_ends(argv[0]);
    for (arg = 1; arg < argc; arg++) {
        if (strcmp(argv[arg], "--runs") == 0) {
            runs = number_of(argv[++arg], argv[0]);
        } else if (strcmp(argv[arg], "--seed") == 0) {
            seed = number_of(argv[++arg], argv[0]);
        } else if (argv[arg][0] == '-') {
            usage(argv[0]);
        } else {
            add_case(argv[arg]);
            files = true;
        }
    }
    if (!files) {
        add_folder(CORPUS);
    }

    printf("1..%d\n", files ? 1 : 2);
    for (i = 0; i < case_count; i++) {
        run_one(cases[i].data, cases[i].size);
    }
    printf("ok 1 - each case of the corpus is parsed as it should be\n");
    printf("# %zu cases\n", case_count);
    fflush(stdout);
    if (!files) {
        run_changes(seed, runs);
        printf("ok 2 - so are random changes of them\n# %lu, seed %lu\n",
               (unsigned long)runs, (unsigned long)seed);
    }
    for (i = 0; i < case_count; i++) {
        free(cases[i].data);
    }
    return 0;
}
