/* mse.c - the mean squared error, (p - r)^2; with counts (p dt - r)^2. */
#include "losses.h"
#include <math.h>

static double squared(const convis_loss *loss, double prediction, double response, double *derivative)
{
    const double scale = loss->counts ? loss->dt : 1, error = prediction*scale - response;
    *derivative = 2*scale*error;
    return error*error;
}

const convis_loss_type convis_loss_mse = {
    .name = "mse", .doc = "mean squared error",
    .least = -INFINITY, .most = INFINITY, .expected = "a number", .element = squared
};
