/* embed.c - print a layer file as C strings, so that the GPU compilers see the very text the C compiler saw.
 *
 *      embed NAME KERNEL_H LAYER_C > NAME_source.c
 *
 * The #include of kernel.h is replaced by its text; the lower half of the layer stays, as the preprocessor drops it. One
 * string a line, because compilers need not take long ones; the array ends with NULL. */
#include <stdio.h>
#include <string.h>

static void print_line(const char *line)
{
    putchar('"');
    for (; *line; line++) {
        if (*line == '"' || *line == '\\') putchar('\\');
        if (*line == '\n') fputs("\\n", stdout);
        else putchar(*line);
    }
    puts("\",");
}

static int print_file(const char *path, const char *kernel_h)
{
    FILE *f = fopen(path, "r");
    char line[4096];
    if (!f) { perror(path); return 0; }
    for (int number = 1; fgets(line, sizeof line, f); number++) {
        char *include = strstr(line, "#include");
        if (include == line && strstr(line, "kernel.h") && kernel_h) {
            if (!print_file(kernel_h, NULL)) { fclose(f); return 0; }
            snprintf(line, sizeof line, "#line %d \"%s\"\n", number + 1, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
            print_line(line);
        } else print_line(line);
    }
    fclose(f);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 4) { fputs("usage: embed NAME KERNEL_H LAYER_C\n", stderr); return 2; }
    printf("extern const char *const convis_%s_source[];\nconst char *const convis_%s_source[] = {\n", argv[1], argv[1]);
    int ok = print_file(argv[3], argv[2]);
    puts("0 };");
    return !ok;
}
