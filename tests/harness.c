/* harness.c - see harness.h. */
#include "harness.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void assert_refused(const convis_context *c, convis_status expected, const char *part, convis_status found, const char *call,
                    const char *file, int line)
{
    const char *sentence = convis_message(c);
    if (found != expected) {
        print_error("%s: '%s' (%s), expected '%s'\n", call, convis_strerror(found), sentence, convis_strerror(expected));
        _fail(file, line);
    }
    if (!strstr(sentence, part)) {
        print_error("%s: its sentence is '%s', expected one with '%s'\n", call, sentence, part);
        _fail(file, line);
    }
}

/* The finaliser of SplitMix64. */
double chance(uint64_t seed, uint64_t index)
{
    uint64_t z = (seed*0x2545F4914F6CDD1Du ^ index) + 0x9E3779B97F4A7C15u*(index + 1);
    z = (z ^ z >> 30)*0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27)*0x94D049BB133111EBu;
    return (double)((z ^ z >> 31) >> 11)*0x1p-53;
}

convis_tensor noise_movie(convis_shape shape, double low, double high, uint64_t seed)
{
    int64_t n = convis_elements(shape);
    convis_real *data = malloc((size_t)n*sizeof *data);
    assert_non_null(data);
    for (int64_t i = 0; i < n; i++) data[i] = (convis_real)(low + (high - low)*chance(seed, (uint64_t)i));
    return convis_view(data, shape);
}

const convis_layer_type *type_named(const char *name)
{
    const convis_layer_type *const *t = convis_layer_types();
    while (*t && strcmp((*t)->name, name)) t++;
    return *t;
}

const char *retina_named(int index)
{
    const char *name;
    char numerics[64];
    for (int k = 0; (name = convis_recipe_name(k, NULL)); k++) {
        convis_context *c;
        convis_recipe *r;
        if (convis_open(&c, "cpu")) fail_msg("%s", convis_message(c));
        if (convis_recipe_open(c, name, &r)) fail_msg("%s", convis_message(c));
        index -= !convis_recipe_get(r, "numerics", numerics, sizeof numerics);
        convis_recipe_free(&r);
        convis_close(&c);
        if (index < 0) return name;
    }
    return NULL;
}

void must_set(convis_model *m, const char *name, const char *parameter, double value)
{
    char path[160];
    snprintf(path, sizeof path, "%s.%s", name, parameter);
    must(convis_model_context(m), convis_set(m, path, value));
}

void temporary(char path[64])
{
    snprintf(path, 64, "/tmp/convis-test-XXXXXX");
    int f = mkstemp(path);
    assert_true(f >= 0);
    close(f);
}

/* ---- Memory ---- */

static void *count_obtain(void *user, size_t bytes)
{
    counter *k = user;
    k->calls++;
    if (k->fail_at && (k->calls == k->fail_at || (k->onwards && k->calls > k->fail_at))) return NULL;
    void *memory = malloc(bytes);
    if (memory) k->live++;
    return memory;
}

static void count_release(void *user, void *memory)
{
    counter *k = user;
    if (memory) k->live--;
    free(memory);
}

convis_allocator counting(counter *k) { return (convis_allocator){ count_obtain, count_release, k }; }

/* A guard page, whole pages for the data, a guard page. */
static void *map_between(size_t bytes, size_t *size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + page - 1)/page*page;
    *size = body + 2*page;
    char *at = mmap(NULL, *size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return NULL;
    if (body && mprotect(at + page, body, PROT_READ | PROT_WRITE)) return NULL;
    return at;
}

/* The block ends at the guard; its map's address and size stand before it, in whole eights. */
static void *guard_obtain(void *user, size_t bytes)
{
    (void)user;
    size_t size, page = (size_t)sysconf(_SC_PAGESIZE), room = (bytes + 7)/8*8;
    char *at = map_between(room + 2*sizeof(size_t), &size);
    if (!at) return NULL;
    char *block = at + size - page - room;
    memcpy(block - sizeof size, &size, sizeof size);
    memcpy(block - sizeof size - sizeof at, &at, sizeof at);
    return block;
}

static void guard_release(void *user, void *memory)
{
    (void)user;
    size_t size;
    char *at;
    if (!memory) return;
    memcpy(&size, (char *)memory - sizeof size, sizeof size);
    memcpy(&at, (char *)memory - sizeof size - sizeof at, sizeof at);
    munmap(at, size);
}

const convis_allocator guarded = { guard_obtain, guard_release, NULL };

pages guard_pages(int64_t n, int at_end)
{
    pages p;
    size_t bytes = (size_t)n*sizeof *p.data, page = (size_t)sysconf(_SC_PAGESIZE);
    p.at = map_between(bytes, &p.size);
    assert_non_null(p.at);
    p.data = (convis_real *)((char *)p.at + (at_end ? p.size - page - bytes : page));
    return p;
}

void seal(pages p)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_int_equal(mprotect((char *)p.at + page, p.size - 2*page, PROT_READ), 0);
}

void unmap(pages p) { munmap(p.at, p.size); }

/* ---- Recordings ---- */

static void append(recording *r, const char *path, convis_tensor frames)
{
    int64_t n = convis_elements(frames.shape)/(frames.shape.dim[CONVIS_T] ? frames.shape.dim[CONVIS_T] : 1),
            more = frames.shape.dim[CONVIS_T];
    int k = 0;
    while (k < r->outputs && strcmp(r->output[k].path, path)) k++;
    if (k == r->outputs) {
        assert_true(k < RECORDED_OUTPUTS);
        snprintf(r->output[k].path, sizeof r->output[k].path, "%s", path);
        r->output[k].n = n;
        r->outputs++;
    }
    if (!more) return;
    convis_real *data = realloc(r->output[k].data, (size_t)((r->frames + more)*n)*sizeof *data);
    assert_non_null(data);
    memcpy(data + r->frames*n, frames.data, (size_t)(more*n)*sizeof *data);
    r->output[k].data = data;
}

static int64_t piece(chunking how, int64_t at, int64_t left, int64_t longest)
{
    int64_t frames = how == WHOLE ? longest : how == SINGLES ? 1 : 1 + (int64_t)(chance(99, (uint64_t)at)*(double)longest);
    return frames < left ? frames : left;
}

void record(convis_model *m, convis_tensor movie, int64_t from, int64_t to, chunking how, int64_t longest, recording *r)
{
    convis_context *c = convis_model_context(m);
    for (int64_t t = from, frames; t < to; t += frames) {
        frames = piece(how, t, to - t, longest);
        must(c, convis_run(m, convis_slice(movie, CONVIS_T, t, t + frames)));
        convis_item item;
        for (int k = 0; convis_list(m, CONVIS_OUTPUT, k, &item); k++) {
            convis_tensor out;
            if (!convis_output(m, item.path, &out)) append(r, item.path, out);
        }
        const convis_spike *spikes;
        int64_t count;
        if (!convis_spikes(m, &spikes, &count) && count) {
            r->spikes = realloc(r->spikes, (size_t)(r->spike_count + count)*sizeof *spikes);
            assert_non_null(r->spikes);
            memcpy(r->spikes + r->spike_count, spikes, (size_t)count*sizeof *spikes);
            r->spike_count += count;
        }
        r->frames += frames;
    }
}

void recording_free(recording *r)
{
    for (int k = 0; k < r->outputs; k++) free(r->output[k].data);
    free(r->spikes);
    *r = (recording){ 0 };
}

const convis_real *recorded(const recording *r, const char *path, int64_t *n)
{
    for (int k = 0; k < r->outputs; k++)
        if (!strcmp(r->output[k].path, path)) {
            if (n) *n = r->output[k].n;
            return r->output[k].data;
        }
    return NULL;
}

void assert_same(const recording *found, const recording *expected, const char *what)
{
    if (found->frames != expected->frames)
        fail_msg("%s: %lld frames, expected %lld", what, (long long)found->frames, (long long)expected->frames);
    for (int k = 0; k < found->outputs; k++) {
        int64_t n = 0;
        const convis_real *a = found->output[k].data, *b = recorded(expected, found->output[k].path, &n);
        if (!b || n != found->output[k].n) fail_msg("%s: %s is not in both", what, found->output[k].path);
        for (int64_t i = 0; i < n*found->frames; i++)
            if (memcmp(&a[i], &b[i], sizeof *a))
                fail_msg("%s: %s, frame %lld, element %lld: %.9g, expected %.9g", what, found->output[k].path, (long long)(i/n),
                         (long long)(i%n), (double)a[i], (double)b[i]);
    }
    if (!found->spikes || !expected->spikes) return;
    if (found->spike_count != expected->spike_count)
        fail_msg("%s: %lld spikes, expected %lld", what, (long long)found->spike_count, (long long)expected->spike_count);
    for (int64_t s = 0; s < found->spike_count; s++) {
        const convis_spike *a = &found->spikes[s], *b = &expected->spikes[s];
        if (a->time != b->time || a->unit != b->unit || a->layer != b->layer)
            fail_msg("%s: spike %lld is of unit %d at %.12g s, expected %d at %.12g s", what, (long long)s, a->unit, a->time,
                     b->unit, b->time);
    }
}

int at_length(void)
{
    const char *asked = getenv("CONVIS_TEST_LONG");
    return asked && *asked;
}

int only_at_length(void)
{
    if (at_length()) return 0;
    print_message("at length alone (CONVIS_TEST_LONG=1, make check-long): skipped\n");
    return 77;
}

int usable_isa(int index, char device[32])
{
    int usable = 0;
    const char *isa = convis_isa(index, &usable);
    if (!isa) return 0;
    snprintf(device, 32, "cpu:%s", isa);
    return usable ? 1 : -1;
}
