/* layers.c - the one list of built-in layers. */
#include <convis/layer.h>
#include "layers/layers.h"

const convis_layer_type *const *convis_layer_types(void)
{
    static const convis_layer_type *const TYPES[] = {
        &convis_lowpass, &convis_highpass, &convis_leaky_heat, &convis_blur_layer, &convis_difference, &convis_gain_control,
        &convis_luminance_gain, &convis_rectify, &convis_sample, &convis_lif, &convis_crop, &convis_eye, NULL
    };
    return TYPES;
}
