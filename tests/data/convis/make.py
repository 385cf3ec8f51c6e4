"""make.py FOLDER - with Convis 0.6.4.2 (https://github.com/jahuth/convis) and PyTorch: the files of this folder.

Movies but for `noise` begin with a constant frame, because Convis repeats the first frame before the first, and a model of ours has
one number there, unless it settles on the first frame. Spots stay far from the border, where Convis's recursive blur begins from nothing. Its separable filter begins with the first
32 frames of the movie for a past, so that one begins later."""
import os
import sys
import numpy as np
import torch
from convis import models, variables
from convis.filters import retina

rng = np.random.RandomState(7)
expected = {}


def movie(name, frames, size, low, high, start, before=0):
    m = np.full((frames, size, size), before, "float32") if low == 0 else np.zeros((frames, size, size), "float32")
    m[start:] = 0
    m[start:, low:high, low:high] = np.round(rng.rand(frames - start, high - low, high - low)*64)/64
    expected[name] = m.astype("float16")
    return m


def save(name, model, shown, first=0):
    with torch.no_grad():
        out = model.run(torch.Tensor(shown[None, None]))
    if not name.endswith("_noise"):
        model.save_parameters(os.path.join(sys.argv[1], name + ".npz"))
    expected["out_" + name] = np.ascontiguousarray(np.squeeze(out[0].data.cpu().numpy())[first:]).astype("float32")


def normal(conv, *shape, scale=None):
    conv.set_weight((rng.randn(*shape)*(scale or 1/np.sqrt(np.prod(shape[1:])))).astype("float32"))


def positive(conv, *shape):
    conv.set_weight(((rng.rand(*shape) - .25)*6/np.prod(shape)).astype("float32"))


def opl(f):
    f.sigma_center.set(0.04), f.tau_center.set(0.004), f.undershoot_tau_center.set(0.007), f.undershoot_relative_weight_center.set(0.6)
    f.sigma_surround.set(0.1), f.tau_surround.set(0.003)
    f.relative_weight.data[0] = 0.7
    if hasattr(f, "lambda_opl"):
        f.lambda_opl.data[0] = 1.5
    return f


dark, grey = movie("all", 20, 12, 0, 12, 1), movie("grey", 20, 12, 0, 12, 1, 0.5)
noise = movie("noise", 14, 12, 0, 12, 0)
spot, late = movie("spot", 16, 20, 8, 12, 2), movie("late", 48, 20, 8, 12, 33)

m = models.LN((12, 10, 10))
normal(m.conv, 1, 1, 12, 10, 10)
save("ln", m, grey)
m.clear_state()

save("ln_noise", m, noise)

m = models.L((4, 6, 5), bias=True)
normal(m.conv, 1, 1, 4, 6, 5)
m.conv.bias.data[0] = 0.3
save("l", m, grey)

m = models.LNLN((6, 4, 8))
positive(m.conv1, 1, 1, 6, 4, 8), positive(m.conv2, 1, 1, 6, 4, 8)
save("lnln", m, grey)
m.clear_state()
save("lnln_noise", m, noise)

m = models.LN((6, 1, 1), population=False)
normal(m.conv, 1, 1, 6, 12, 12, scale=.1)
save("ln_rf", m, grey)

m = models.LNCascade(n=0)
for k in range(3):
    m.add_layer(kernel_dim=(3, 2, 4))
    m.linearities[k].set_weight(rng.rand(1, 1, 3, 2, 4).astype("float32")/8)
save("cascade", m, grey)

m = models.LNFDLNF((6, 4, 5), feedback_length=9)
positive(m.conv1, 1, 1, 6, 4, 5), positive(m.conv2, 1, 1, 6, 4, 5)
normal(m.feedback1, 9, 1, 1, scale=.2), normal(m.feedback2, 9, 1, 1, scale=.2)
m.delay.delays = variables.Parameter((rng.rand(12, 12)*9).astype("float32"))
save("lnfdlnf", m, dark)

m = models.McIntosh(out_channels=2, filter_size=(5, 4, 6), filter_2_size=(1, 3, 2), layer1_channels=3, layer2_channels=4)
normal(m.layer1, 3, 1, 5, 4, 6), normal(m.layer2, 4, 3, 1, 3, 2)
m.layer1.bias.data[:] = torch.Tensor(rng.randn(3)*.1)
m.layer2.bias.data[:] = torch.Tensor(rng.randn(4)*.1)
m.readout.weight = torch.nn.Parameter(torch.Tensor(rng.randn(2, 4*12*12)*.05))
save("mcintosh", m, grey)

save("opl_recursive", opl(retina.RecursiveOPLFilter()), spot)
save("opl_half_recursive", opl(retina.HalfRecursiveOPLFilter()), spot)
save("opl_separable", opl(retina.SeperatableOPLFilter()), late, 32)
save("opl_full", retina.FullConvolutionOPLFilter((12, 9, 10)), spot)
np.savez_compressed(os.path.join(sys.argv[1], "expected.npz"), **expected)
