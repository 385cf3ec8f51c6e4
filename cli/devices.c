/* devices.c - convis devices: what this machine can compute on. */
#include "cli.h"

static const cli_page PAGE = {
    "devices", "[--json]",
    "Lists the instruction sets that this build knows, best first. 'auto' takes the first usable one.\n",
    "  convis devices\n"
    "  convis run retina movie.mp4 --device cpu:baseline --threads 1 -o spikes.csv\n",
    0, 0
};

static const char *const LATER[] = { "cuda", "opencl" };

static void text(int threads)
{
    const char *isa;
    char name[48];
    int usable, best = 1;
    cli_table table = { 0 };
    for (int k = 0; (isa = convis_isa(k, &usable)); k++) {
        snprintf(name, sizeof name, "cpu:%s", isa);
        cli_table_row(&table, 2, name, !usable ? "no: this processor does not have it" : best ? "yes, and the one taken by auto" : "yes");
        if (usable) best = 0;
    }
    for (size_t k = 0; k < sizeof LATER/sizeof *LATER; k++) cli_table_row(&table, 2, LATER[k], "no: not in this version");
    cli_table_print(&table, stdout);
    printf("\n  %d thread%s, unless --threads says otherwise\n", threads, threads == 1 ? "" : "s");
}

static void json(int threads)
{
    const char *isa;
    int usable;
    printf("{\"threads\": %d, \"devices\": [", threads);
    for (int k = 0; (isa = convis_isa(k, &usable)); k++)
        printf("%s\n  {\"name\": \"cpu:%s\", \"usable\": %s}", k ? "," : "", isa, usable ? "true" : "false");
    for (size_t k = 0; k < sizeof LATER/sizeof *LATER; k++) printf(",\n  {\"name\": \"%s\", \"usable\": false}", LATER[k]);
    puts("\n]}");
}

int cli_devices(int argc, char **argv)
{
    int as_json = 0;
    cli_list words = { 0 };
    const cli_option options[] = {
        { 0, "json", NULL, CLI_FLAG, &as_json, "for programs" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    convis_context *c = cli_open(NULL, 0);
    if (!c) return 1;
    (as_json ? json : text)(convis_thread_count(c));
    convis_close(&c);
    return 0;
}
