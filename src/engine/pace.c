/* pace.c - how many threads a run has (pace.h).
 *
 * The clock alone says little on a busy machine: now and then a stretch of a millisecond takes thirty, with one thread as with several, as
 * others had the processor. What a frame takes undisturbed is the least of several stretches (but one, which may be luck). With
 * several threads there is, besides, what they waste: while one has no processor, the others sleep at a barrier. So
 *
 *      cost of a frame = undisturbed + wasted.
 *
 * That of fewer threads is known from a short trial. More is wasted than they would take longer: they are taken at once, but for
 * what was saved before (up to CREDIT). After some time more threads are tried again, which ends when it has lost LOSS, or well
 * after LONG. Trials that fail become rare, and the rarer the more they cost. */
#include "pace.h"

static const double STRETCH = 1e-3, LOSS = 2e-3, LONG = 20e-3, CREDIT = 10e-3, MEMORY = 50e-3;
static const double FIRST = 1e-3, STALE = 5;             /* fewer threads are tried first after, and again after */
static const double SHORTEST = 20e-3, LONGEST = 1, WORTH = 30;       /* patience, and how many times what the last trial lost */
static const double CLEARLY = 0.95;                      /* faster: more threads take more of the machine */
enum { ENOUGH = 5 };                                     /* stretches that tell what fewer threads take */

static int threads_at(int most, int level)
{
    const int threads = level < CONVIS_PACE_LEVELS - 1 ? most >> level : 1;
    return threads < 1 ? 1 : threads;
}

int convis_pace_threads(const pace *p, int most) { return threads_at(most, p->trial); }

/* Seconds a frame, undisturbed; 0: not known. */
static double undisturbed(const pace_level *l)
{
    const int64_t count = l->samples < CONVIS_PACE_SAMPLES ? l->samples : CONVIS_PACE_SAMPLES;
    double least = 0, second = 0;
    for (int64_t k = 0; k < count; k++) {
        const double now = l->sample[k];
        if (!k || now < least) { second = k ? least : now; least = now; }
        else if (k == 1 || now < second) second = now;
    }
    return count < 3 ? least : second;
}

static double cost(const pace_level *l) { return undisturbed(l) + l->waste; }

int64_t convis_pace_stretch(const pace *p, int64_t sub_chunk)
{
    const double trial = undisturbed(&p->of[p->trial]), frame = trial > 0 ? trial : undisturbed(&p->of[p->level]);
    const double many = frame > 0 ? STRETCH/(frame*(double)sub_chunk) : 1;
    return many < 1 ? 1 : many < 1e9 ? (int64_t)many : 1000000000;
}

static void sample(pace_level *l, double frames, double seconds, double wasted)
{
    const double weight = seconds < MEMORY ? seconds/MEMORY : 1;
    l->sample[l->samples++%CONVIS_PACE_SAMPLES] = seconds/frames;
    l->waste += weight*(wasted/frames - l->waste);
}

static void begin_trial(pace *p, int level)
{
    p->trial = level;
    p->of[level].samples = 0;
    p->time = p->wasted = p->frames = 0;
    p->stretches = 0;
}

static void settle(pace *p, int level)
{
    p->level = p->trial = level;
    p->since = p->excess = 0;
}

static void be_patient(pace *p, double lost)
{
    p->patience *= 2;
    if (p->patience < WORTH*lost) p->patience = WORTH*lost;
    if (p->patience < SHORTEST) p->patience = SHORTEST;
    if (p->patience > LONGEST && p->patience > WORTH*lost) p->patience = LONGEST;
}

/* Fewer threads: a few stretches tell. */
static void try_fewer(pace *p)
{
    pace_level *l = &p->of[p->trial];
    if (p->stretches < ENOUGH && p->time < LONG) return;
    p->known = 0;
    if (cost(l) < cost(&p->of[p->level])) settle(p, p->trial);
    p->trial = p->level;
}

/* More: how much they waste takes a while to tell, unless it is far too much. */
static void try_more(pace *p)
{
    pace_level *l = &p->of[p->trial];
    const double took = p->frames*undisturbed(l) + p->wasted, usually = p->frames*cost(&p->of[p->level]);
    if (took - usually < LOSS && p->time < LONG) return;
    l->waste = p->wasted/p->frames;
    if (took < CLEARLY*usually) {
        settle(p, p->trial);
        p->excess = took - usually < -CREDIT ? -CREDIT : took - usually;
    } else {
        p->trial = p->level;
        p->since = 0;
        be_patient(p, took - usually);
    }
}

/* Between trials: what the level in use wastes, against what fewer threads would take longer. */
static void watch(pace *p, int most, double frames, double seconds, double wasted)
{
    const int threads = threads_at(most, p->level);
    p->since += seconds;
    p->known += seconds;
    if (p->since > LONGEST) p->patience = SHORTEST;
    if (threads > 1) {
        const double known = undisturbed(&p->of[p->level + 1]), now = undisturbed(&p->of[p->level]);
        const double fewer = known > 0 ? known : now*threads/threads_at(most, p->level + 1);
        p->excess += wasted - frames*(fewer - now);
        if (p->excess < -CREDIT) p->excess = -CREDIT;
        if (p->excess > LOSS && known > 0) {
            be_patient(p, p->excess);
            settle(p, p->level + 1);
            return;
        }
        if (p->known > (known > 0 ? STALE : FIRST) || p->excess > LOSS) { begin_trial(p, p->level + 1); return; }
    }
    if (p->level > 0 && p->since > p->patience) begin_trial(p, p->level - 1);
}

void convis_pace_note(pace *p, int most, int64_t count, double seconds, double slept)
{
    const int threads = threads_at(most, p->trial);
    const double frames = (double)count, wasted = threads > 2 ? slept/(threads - 1) : slept;
    if (!p->warm) { p->warm = 1; return; }
    sample(&p->of[p->trial], frames, seconds, wasted);
    p->time += seconds;
    p->wasted += wasted;
    p->frames += frames;
    p->stretches++;
    if (p->trial > p->level) try_fewer(p);
    else if (p->trial < p->level) try_more(p);
    else watch(p, most, frames, seconds, wasted);
}
