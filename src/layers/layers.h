/* layers.h - the built-in layers, for the models that are lists of them. */
#ifndef CONVIS_LAYERS_H
#define CONVIS_LAYERS_H
#include <convis/layer.h>
extern const convis_layer_type convis_lowpass, convis_highpass, convis_leaky_heat, convis_blur_layer, convis_difference,
    convis_gain_control, convis_luminance_gain, convis_rectify, convis_sample, convis_lif, convis_crop, convis_eye;
#endif
