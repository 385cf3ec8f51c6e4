/* devices.c - convis devices: what this machine can compute on. */
#include "cli.h"
#include <string.h>

static const cli_page PAGE = {
    "devices", "[--json]",
    "Lists what there is to compute on, and why something is not: the instruction sets of the processor that this build\n"
    "knows, best first; graphics cards through CUDA; everything that has an OpenCL driver. --device takes these names.\n"
    "'auto' takes what CONVIS_DEVICE names, else the first usable graphics card, else the best instruction set.\n",
    "  convis devices\n"
    "  convis run retina movie.mp4 --device cpu:baseline --threads 1 -o spikes.csv\n"
    "  convis run retina movie.mp4 --device cuda:0 -o spikes.csv\n",
    0, 0
};

static void text(const char *best, int threads)
{
    convis_device_info d;
    char what[600], memory[32];
    cli_table table = { 0 };
    for (int k = 0; convis_device_list(k, &d); k++) {
        memory[0] = 0;
        if (d.memory) snprintf(memory, sizeof memory, ", %.1f GB", (double)d.memory/1e9);
        if (!d.usable) snprintf(what, sizeof what, "no: %s%s%s", d.title[0] && strncmp(d.name, "cpu", 3) ? d.title : "",
                                d.title[0] && strncmp(d.name, "cpu", 3) ? ": " : "", d.why);
        else snprintf(what, sizeof what, "%s%s%s", d.title, memory, strcmp(d.name, best) ? "" : "; taken by auto");
        cli_table_row(&table, 2, d.name, what);
    }
    cli_table_print(&table, stdout);
    printf("\n  %d thread%s on the processor, unless --threads says otherwise\n", threads, threads == 1 ? "" : "s");
}

static void json(const char *best, int threads)
{
    convis_device_info d;
    printf("{\"threads\": %d, \"auto\": \"%s\", \"devices\": [", threads, best);
    for (int k = 0; convis_device_list(k, &d); k++) {
        printf("%s\n  {\"name\": \"%s\", \"usable\": %s, \"gpu\": %s, \"memory\": %lld, \"title\": ", k ? "," : "", d.name,
               d.usable ? "true" : "false", d.is_gpu ? "true" : "false", (long long)d.memory);
        cli_json_put_text(stdout, d.title);
        printf(", \"why\": ");
        cli_json_put_text(stdout, d.why);
        putchar('}');
    }
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
    (as_json ? json : text)(convis_device_name(c), convis_thread_count(c));
    convis_close(&c);
    return 0;
}
