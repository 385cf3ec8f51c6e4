/* layers.h - the one list of built-in layers. */
#ifndef CONVIS_LAYERS_H
#define CONVIS_LAYERS_H
#include <convis/layer.h>

#define CONVIS_LAYER_LIST(X)                                                                                            \
    /* in time */                                                                                                       \
    X(lowpass) X(highpass) X(delay) X(variable_delay) X(diff)                                                           \
    /* in space */                                                                                                      \
    X(blur_layer) X(pool) X(crop) X(sample) X(eye)                                                                      \
    /* in both */                                                                                                       \
    X(conv_layer) X(smooth_conv) X(rf) X(readout) X(leaky_heat) X(gain_control) X(luminance_gain)                       \
    /* several inputs, channels */                                                                                      \
    X(sum) X(difference) X(product) X(concatenate) X(select)                                                            \
    /* static nonlinearities */                                                                                         \
    X(rectify) X(relu) X(scale) X(square) X(softplus) X(exponential) X(sigmoid) X(power) X(piecewise) X(normalize) X(expr)\
    /* spikes */                                                                                                        \
    X(lif) X(izhikevich) X(fitzhugh_nagumo) X(hodgkin_huxley) X(poisson) X(event_camera) X(history)

#define CONVIS_LAYER_DECLARE(name) extern const convis_layer_type convis_##name;
CONVIS_LAYER_LIST(CONVIS_LAYER_DECLARE)
#endif
