/* blur_gpu.c - the blurs of blur.h on graphics processors (GPUs).
 *
 * A pass of the diffusion solve, f_i = m_i x_i + c_i f_{i-1}, is a chain along its line; one chain a work-item would leave most of
 * a GPU idle and all of it waiting. So a line is divided among the members of a group: each runs through its part as if nothing came
 * before, (F, P): f at its end and the product of its c; those are composed in log2(members) steps,
 * (F, P) after (F', P') = (F + P F', P P'); and each runs through its part once more from the right beginning. A line is in
 * shared memory for all of its steps: a map is read and written once for each axis, 16 bytes a pixel in all, which is the floor.
 * Parts have an odd length so that members do not share a bank. */
#define CONVIS_KERNEL_SHORT_NAMES
#include <convis/kernel.h>
#include "blur_gpu.h"

enum { GROUP_SIZE = BLUR_GROUP };

/* Where line number `line` of all maps begins. */
CONVIS_INLINE integer first_of(blur_lines z, integer line)
{
    integer lines = z.lines;
    return line/lines*(lines*z.length) + line%lines*z.line_stride;
}

/* (F, P) of all members of a line before this one, at its end; F is returned. */
CONVIS_INLINE real compose(CONVIS_SHARED_, integer at, integer member, integer members, real F, real P)
{
    shared[at] = F;
    shared[GROUP_SIZE + at] = P;
    for (integer d = 1; d < members; d *= 2) {
        CONVIS_BARRIER;
        real before = 0, factor = 1;
        if (member >= d) {
            before = shared[at - d];
            factor = shared[GROUP_SIZE + at - d];
        }
        CONVIS_BARRIER;
        F += P*before;
        P *= factor;
        shared[at] = F;
        shared[GROUP_SIZE + at] = P;
    }
    CONVIS_BARRIER;
    return member > 0 ? shared[at - 1] : R(0.0);
}

/* n lines in all, nt steps. */
CONVIS_GPU_KERNEL_OF(blur_lines, blur_diffuse, BLUR_SHARED, PARAM m, PARAM c, IN in, OUT out)
{
    blur_lines z = args;
    integer length = z.length, lines = z.lines, stride = z.stride, cs = z.c_stride;
    integer each = z.group_lines, members = z.line_members, part = z.part, room = members*part;
    integer mine = CONVIS_MEMBER/members, member = CONVIS_MEMBER%members, from = member*part, to = from + part;
    if (from > length) from = length;
    if (to > length) to = length;
    for (integer group = CONVIS_WORKGROUP; group*each < n; group += CONVIS_WORKGROUPS) {
        integer first = group*each, count = n - first < each ? n - first : each;
        for (integer e = CONVIS_MEMBER; e < count*length; e += CONVIS_MEMBERS) {
            integer line = stride == 1 ? e/length : e%count, i = stride == 1 ? e%length : e/count;
            shared[2*GROUP_SIZE + line*room + i] = in[first_of(z, first + line) + i*stride];
        }
        integer own = 2*GROUP_SIZE + mine*room, k = (first + mine)%lines*z.c_line;
        int active = mine < count;
        for (int step = 0; step < nt; step++) {
            real F = 0, P = 1;
            CONVIS_BARRIER;
            if (active) for (integer i = from; i < to; i++) {
                F = m[i*cs + k]*shared[own + i] + c[i*cs + k]*F;
                P *= c[i*cs + k];
            }
            real f = compose(shared, CONVIS_MEMBER, member, members, F, P);
            F = 0;
            P = 1;
            if (active) {
                for (integer i = from; i < to; i++) {
                    f = m[i*cs + k]*shared[own + i] + c[i*cs + k]*f;
                    shared[own + i] = f;
                }
                for (integer i = to - 1; i >= from; i--) {
                    F = shared[own + i] + c[i*cs + k]*F;
                    P *= c[i*cs + k];
                }
            }
            CONVIS_BARRIER;
            f = compose(shared, mine*members + members - 1 - member, members - 1 - member, members, F, P);
            if (active) for (integer i = to - 1; i >= from; i--) {
                f = shared[own + i] + c[i*cs + k]*f;
                shared[own + i] = f;
            }
        }
        CONVIS_BARRIER;
        for (integer e = CONVIS_MEMBER; e < count*length; e += CONVIS_MEMBERS) {
            integer line = stride == 1 ? e/length : e%count, i = stride == 1 ? e%length : e/count;
            out[first_of(z, first + line) + i*stride] = shared[2*GROUP_SIZE + line*room + i];
        }
        CONVIS_BARRIER;
    }
}

/* Lines too long for a group: one a work-item. */
CONVIS_KERNEL_OF(blur_lines, blur_diffuse_long, PARAM m, PARAM c, IN in, OUT out)
{
    blur_lines z = args;
    integer length = z.length, stride = z.stride, cs = z.c_stride;
    CONVIS_PIXELS(line) {
        integer at = first_of(z, line), k = line%z.lines*z.c_line;
        for (int step = 0; step < nt; step++) {
            real f = 0;
            for (integer i = 0; i < length; i++) {
                real x = step ? out[at + i*stride] : in[at + i*stride];
                f = m[i*cs + k]*x + c[i*cs + k]*f;
                out[at + i*stride] = f;
            }
            for (integer i = length - 2; i >= 0; i--) {
                f = out[at + i*stride] + c[i*cs + k]*f;
                out[at + i*stride] = f;
            }
        }
    }
}

/* Deriche's recursions, uniform or radial (blur_lines.c), one line a work-item. forward: the result of the forward recursion. */
CONVIS_KERNEL_OF(blur_deriche_args, blur_deriche, PARAM c, IN in, OUT out, OUT forward)
{
    blur_lines z = args.z;
    integer length = z.length, stride = z.stride, cs = z.c_stride, step = z.c_step;
    CONVIS_PIXELS(line) {
        integer at = first_of(z, line), k = line%z.lines*z.c_line;
        if (!args.radial) {                                          /* a constant stays what it is: blur_lines.c */
            real F = z.end_f, G = z.end_r, b1 = c[4*step], b2 = c[5*step], x1 = in[at], d1 = 0, y1 = 0, y2 = 0;
            for (integer i = 0; i < length; i++) {
                real x = in[at + i*stride], d = x1 - x, y = ((F - c[0])*d + F*b2*d1) + (b1*y1 + b2*y2);
                forward[at + i*stride] = y;
                x1 = x; d1 = d; y2 = y1; y1 = y;
            }
            d1 = y1 = y2 = 0;
            for (integer i = length - 1; i >= 0; i--) {
                real x = in[at + i*stride], d = x1 - x, y = (G*d + (c[3*step] + G*b2)*d1) + (b1*y1 + b2*y2);
                out[at + i*stride] = x + (forward[at + i*stride] + y);
                x1 = x; d1 = d; y2 = y1; y1 = y;
            }
            continue;
        }
        real x1 = in[at], y1 = x1*z.end_f, y2 = y1;
        for (integer i = 0; i < length; i++) {
            PARAM a = c + i*cs + k;
            real x = in[at + i*stride], y = a[0]*x + a[step]*x1 + a[4*step]*y1 + a[5*step]*y2;
            forward[at + i*stride] = y;
            x1 = x; y2 = y1; y1 = y;
        }
        x1 = in[at + (length - 1)*stride];
        y1 = y2 = x1*z.end_r;
        for (integer i = length - 1; i >= 0; i--) {
            PARAM a = c + i*cs + k;
            real x = in[at + i*stride], y = a[2*step]*x + a[3*step]*x1 + a[4*step]*y1 + a[5*step]*y2;
            out[at + i*stride] = forward[at + i*stride] + y;
            x1 = x; y2 = y1; y1 = y;
        }
    }
}

/* ---- Backward ---- */

/* by: one map for all. */
CONVIS_KERNEL_OF(blur_multiply_args, blur_multiply, STATE g, IN by) { CONVIS_PIXELS(i) g[i] *= by[i%(integer)args.size]; }

/* to += scale (a - b) x, divided by the weight of the pixel. per: NULL where it is 1. */
CONVIS_KERNEL_OF(blur_width_args, blur_width, IN a, IN b, IN x, IN per, OUT to)
{
    CONVIS_PIXELS(i) {
        real scale = per ? args.scale*per[i%(integer)args.size] : args.scale;
        to[i] += scale*(a[i] - b[i])*x[i];
    }
}

/* Deriche, as blur_back.c has it: a line's numbers, its coefficient k at place i (0 beyond the ends), and their derivatives by alpha
 * times -alpha. */
enum { A0, A1, A2, A3, B1, B2 };
CONVIS_INLINE real coefficient(blur_lines z, PARAM c, int k, integer i)
{
    return i < 0 || i >= z.length ? R(0.0) : c[k*z.c_step + i*z.c_stride];
}

CONVIS_INLINE void coefficient_derivatives(blur_lines z, PARAM c, integer i, real *s)
{
    real e = coefficient(z, c, B1, i)/2, a0 = coefficient(z, c, A0, i);
    for (int k = 0; k < 6; k++) s[k] = 0;
    if (!(e > R(1e-18))) return;
    real alpha = -convis_log(e), D = 1 + 2*alpha*e - e*e, derivative = 2*e*((1 - e) - a0*(1 - alpha + e))/D;
    s[A0] = -alpha*derivative;
    s[A1] = -alpha*e*(derivative*(alpha - 1) + a0*(2 - alpha));
    s[A2] = -alpha*e*(derivative*(alpha + 1) - a0*alpha);
    s[A3] = alpha*e*e*(derivative - 2*a0);
    s[B1] = alpha*2*e;
    s[B2] = -alpha*2*e*e;
}

CONVIS_INLINE real end_derivative(blur_lines z, PARAM c, const real *s, int a)
{
    real rest = 1 - coefficient(z, c, B1, 0) - coefficient(z, c, B2, 0),
         sum = coefficient(z, c, a, 0) + coefficient(z, c, a + 1, 0);
    return (s[a] + s[a + 1])/rest + sum*(s[B1] + s[B2])/(rest*rest);
}

/* What the values before (side A0) or beyond (A2) a line receive of F, or R. */
CONVIS_INLINE real at_end(blur_lines z, PARAM c, IN from, integer i, integer next)
{
    real sum = from[i*z.stride]*(coefficient(z, c, B1, i) + coefficient(z, c, B2, i));
    return z.length > 1 ? sum + from[next*z.stride]*coefficient(z, c, B2, next) : sum;
}

/* dL/d ln sigma of one line. x, F, R from its first place on. */
CONVIS_INLINE real line_gradient(blur_lines z, PARAM c, IN x, IN F, IN G, int radial)
{
    integer n = z.length, stride = z.stride, shift = radial ? 0 : 1;
    real s[6] = { 0 }, sum = 0, x0 = x[0], xn = x[(n - 1)*stride], f1 = z.end_f*x0, f2 = f1, r1 = z.end_r*xn, r2 = r1;
    for (integer i = 0; i < n; i++) {
        real now = x[i*stride], before = x[(i ? i - 1 : 0)*stride];
        if (i == 0 || z.c_stride) coefficient_derivatives(z, c, i, s);
        sum += F[i*stride]*(s[A0]*now + s[A1]*before + s[B1]*f1 + s[B2]*f2);
        real f = coefficient(z, c, A0, i)*now + coefficient(z, c, A1, i)*before + coefficient(z, c, B1, i)*f1 +
                 coefficient(z, c, B2, i)*f2;
        f2 = f1;
        f1 = f;
    }
    for (integer i = n - 1; i >= 0; i--) {
        integer one = i + shift < n ? i + shift : n - 1, two = one + 1 < n ? one + 1 : n - 1;
        real x1 = x[one*stride], x2 = x[two*stride];
        if (z.c_stride) coefficient_derivatives(z, c, i, s);
        sum += G[i*stride]*(s[A2]*x1 + s[A3]*x2 + s[B1]*r1 + s[B2]*r2);
        real r = coefficient(z, c, A2, i)*x1 + coefficient(z, c, A3, i)*x2 + coefficient(z, c, B1, i)*r1 +
                 coefficient(z, c, B2, i)*r2;
        r2 = r1;
        r1 = r;
    }
    if (radial) return sum;
    return sum + at_end(z, c, F, 0, 1)*x0*end_derivative(z, c, s, A0) +
           at_end(z, c, G, n - 1, n - 2)*xn*end_derivative(z, c, s, A2);
}

/* What place i receives from the backward recursion: from the places whose next two it is, at the end of more. */
CONVIS_INLINE real from_backward(blur_lines z, PARAM c, IN G, integer i, integer shift)
{
    integer n = z.length, stride = z.stride, first = i - shift - 1, last = i == n - 1 ? n - 1 : i - shift;
    real sum = 0;
    for (integer j = first < 0 ? 0 : first; j <= last; j++) {
        integer one = j + shift < n ? j + shift : n - 1, two = one + 1 < n ? one + 1 : n - 1;
        if (one == i) sum += coefficient(z, c, A2, j)*G[j*stride];
        if (two == i) sum += coefficient(z, c, A3, j)*G[j*stride];
    }
    return sum;
}

/* g, the gradient at the output, becomes that at the input; F and G: room for maps. x, dsigma: NULL when not required. */
CONVIS_KERNEL_OF(blur_deriche_back_args, blur_deriche_back, PARAM coefficients, STATE g, STATE F, STATE G, IN x, OUT dsigma)
{
    blur_lines z = args.z;
    integer length = z.length, stride = z.stride, shift = args.radial ? 0 : 1;
    CONVIS_PIXELS(line) {
        integer at = first_of(z, line);
        PARAM c = coefficients + line%z.lines*z.c_line;
        real one = 0, two = 0;
        for (integer i = length - 1; i >= 0; i--) {
            real v = g[at + i*stride] + coefficient(z, c, B1, i + 1)*one + coefficient(z, c, B2, i + 2)*two;
            F[at + i*stride] = v;
            two = one;
            one = v;
        }
        one = two = 0;
        for (integer i = 0; i < length; i++) {
            real v = g[at + i*stride] + coefficient(z, c, B1, i - 1)*one + coefficient(z, c, B2, i - 2)*two;
            G[at + i*stride] = v;
            two = one;
            one = v;
        }
        for (integer i = 0; i < length; i++) {
            real v = coefficient(z, c, A0, i)*F[at + i*stride] + from_backward(z, c, G + at, i, shift);
            if (i + 1 < length) v += coefficient(z, c, A1, i + 1)*F[at + (i + 1)*stride];
            if (i == 0) v += coefficient(z, c, A1, 0)*F[at] + z.end_f*at_end(z, c, F + at, 0, 1);
            if (i == length - 1) v += z.end_r*at_end(z, c, G + at, length - 1, length - 2);
            g[at + i*stride] = v;
        }
        if (dsigma) dsigma[at] += args.scale*line_gradient(z, c, x + at, F + at, G + at, args.radial);
    }
}

CONVIS_EXPORT_GPU(blur_gpu, CONVIS_GPU_ENTRY(blur_diffuse) CONVIS_ENTRY(blur_diffuse_long) CONVIS_ENTRY(blur_deriche)
    CONVIS_ENTRY(blur_multiply) CONVIS_ENTRY(blur_width) CONVIS_ENTRY(blur_deriche_back))
