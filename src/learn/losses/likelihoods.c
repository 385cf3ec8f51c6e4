/* likelihoods.c - negative log likelihoods of counts r, given the rate p in Hz: Poisson, Bernoulli, negative binomial.
 *
 * All three are functions of the mean count of a bin, mu = p dt, raised to 1e-8 where it is smaller: a bin in which nothing
 * can happen would make a single spike infinitely unlikely. Where it was raised the loss no longer depends on p, so the
 * gradient there is 0, exactly; a spike in such a bin costs 18.4 and does not move the parameters. Models to be fitted
 * end in something that is positive everywhere (softplus, exp), or start where they are.
 *
 * Constants that do not depend on p are left out (log r! and its like), so a loss may be negative.
 *
 *      poisson             mu - r log mu                                d/dmu: 1 - r/mu
 *      bernoulli           -r log(1 - exp(-mu)) + (1 - r) mu                         1 - r - r/(exp(mu) - 1)
 *      negative_binomial   (r + k) log(1 + mu/k) - r log mu                          k (mu - r)/(mu (k + mu))
 *
 * Bernoulli: a Poisson process whose bin was seen to hold a spike or none; expm1 keeps small mu exact. Negative binomial:
 * mean mu, variance mu + mu^2/k with k the dispersion `shape`; it becomes Poisson as k grows (Goris, Movshon and Simoncelli,
 * "Partitioning neuronal variability", Nat. Neurosci. 17:858-865, 2014, write 1/k for the variance of the gain). */
#include "losses.h"
#include <math.h>

#define SMALLEST 1e-8

/* The mean count, and how it changes with the prediction. */
static double mean_count(const convis_loss *loss, double prediction, double *derivative)
{
    const double mu = prediction*loss->dt;
    *derivative = mu < SMALLEST ? 0 : loss->dt;
    return mu < SMALLEST ? SMALLEST : mu;
}

static double poisson(const convis_loss *loss, double prediction, double r, double *derivative)
{
    double inner;
    const double mu = mean_count(loss, prediction, &inner);
    *derivative = inner*(1 - r/mu);
    return mu - r*log(mu);
}

static double bernoulli(const convis_loss *loss, double prediction, double r, double *derivative)
{
    double inner;
    const double mu = mean_count(loss, prediction, &inner);
    *derivative = inner*(1 - r - r/expm1(mu));
    return (1 - r)*mu - r*log(-expm1(-mu));
}

static double negative_binomial(const convis_loss *loss, double prediction, double r, double *derivative)
{
    double inner;
    const double mu = mean_count(loss, prediction, &inner), k = loss->shape;
    *derivative = inner*(k/(k + mu))*((mu - r)/mu);
    return (r + k)*log1p(mu/k) - r*log(mu);
}

const convis_loss_type convis_loss_poisson = {
    .name = "poisson", .doc = "of counts whose mean is the rate times dt", .counts = 1, .needs_dt = 1,
    .least = 0, .most = INFINITY, .expected = "a count, 0 or more", .element = poisson
};
const convis_loss_type convis_loss_bernoulli = {
    .name = "bernoulli", .doc = "of a spike or none in each bin", .counts = 1, .needs_dt = 1,
    .least = 0, .most = 1, .expected = "0 to 1 (a spike or none)", .element = bernoulli
};
const convis_loss_type convis_loss_negative_binomial = {
    .name = "negative_binomial", .doc = "of counts more variable than Poisson's: mean m, variance m + m^2/shape",
    .counts = 1, .needs_dt = 1, .needs_shape = 1,
    .least = 0, .most = INFINITY, .expected = "a count, 0 or more", .element = negative_binomial
};
