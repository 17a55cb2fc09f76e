#!/usr/bin/env python3
"""Writes Tests/TrainerTests/Golden/losses.json: twenty training steps of PyTorch that the Trainer must repeat, and losses.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install torch==2.15.0 numpy
    /tmp/golden/bin/python tools/golden/losses.py > Tests/TrainerTests/Golden/losses.json

Each case is a network of nets/ on the first 20 batches of 64 images of Fashion-MNIST (Debian's dataset-fashion-mnist), pixels
divided by 255, softmax cross-entropy, SGD with momentum. Initial weights are numbers of `number` below, so that they need not be
stored. Recorded are the losses and, of the first step, the gradient of each parameter: its norm and eight of its elements.
Computed in double precision, so that what is compared is the Trainer's rounding and not PyTorch's.

Each of `criteria` is a loss of made-up outputs for made-up labels, and its gradient.
"""
import gzip
import json
import math

import numpy
import torch
from torch import nn

BATCH, STEPS, SAMPLES = 64, 20, 8
FOLDER = "/usr/share/datasets/fashion-mnist/"


def read_idx(name, header):
    with gzip.open(FOLDER + name) as file:
        return numpy.frombuffer(file.read(), numpy.uint8)[header:]


def numbers(count, salt):
    """`count` numbers in [-1, 1) that look random: an integer hash of position and salt."""
    h = (numpy.arange(count, dtype=numpy.uint64) * 2654435761 + salt * 40503) & 0xFFFFFFFF
    h ^= h >> numpy.uint64(15)
    h = h * 2246822519 & 0xFFFFFFFF
    h ^= h >> numpy.uint64(13)
    return h.astype(numpy.float64) / 2.0**31 - 1


class Flatten(nn.Module):
    """In the order height, width, channels."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class Graph(nn.Module):
    """Named layers, run by `body(layers, x)`."""

    def __init__(self, layers, body):
        super().__init__()
        self.layers = nn.ModuleDict(layers)
        self.body = body

    def forward(self, x):
        return self.body(self.layers, x)


relu, pool = nn.functional.relu, lambda x: nn.functional.max_pool2d(x, 2)
flat = Flatten()


def mlp():
    layers = {"d1": nn.Linear(784, 256), "d2": nn.Linear(256, 128), "d3": nn.Linear(128, 10)}
    return Graph(layers, lambda l, x: l["d3"](relu(l["d2"](relu(l["d1"](flat(x)))))))


def lenet5():
    layers = {"c1": nn.Conv2d(1, 6, 5, padding=2), "c2": nn.Conv2d(6, 16, 5), "d1": nn.Linear(400, 120), "d2": nn.Linear(120, 84),
              "d3": nn.Linear(84, 10)}

    def body(l, x):
        x = flat(pool(relu(l["c2"](pool(relu(l["c1"](x)))))))
        return l["d3"](relu(l["d2"](relu(l["d1"](x)))))

    return Graph(layers, body)


def fashion_cnn():
    layers = {"c1": nn.Conv2d(1, 32, 3, padding=1), "c2": nn.Conv2d(32, 64, 3, padding=1), "c3": nn.Conv2d(64, 128, 3, padding=1),
              "d1": nn.Linear(6272, 128), "d2": nn.Linear(128, 10)}

    def body(l, x):
        x = pool(relu(l["c2"](relu(l["c1"](x)))))
        return l["d2"](relu(l["d1"](flat(pool(relu(l["c3"](x)))))))

    return Graph(layers, body)


def resnet8():
    def conv(inputs, outputs, kernel, stride=1):
        return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)

    layers = {"c0": conv(1, 16, 3), "n0": nn.BatchNorm2d(16), "d": nn.Linear(64, 10)}
    for block, (inputs, outputs) in enumerate([(16, 16), (16, 32), (32, 64)], 1):
        stride = 1 if inputs == outputs else 2
        layers |= {f"c{block}a": conv(inputs, outputs, 3, stride), f"n{block}a": nn.BatchNorm2d(outputs),
                   f"c{block}b": conv(outputs, outputs, 3), f"n{block}b": nn.BatchNorm2d(outputs)}
        if stride == 2:
            layers[f"s{block}"] = conv(inputs, outputs, 1, 2)

    def body(l, x):
        x = relu(l["n0"](l["c0"](x)))
        for block in range(1, 4):
            y = l[f"n{block}b"](l[f"c{block}b"](relu(l[f"n{block}a"](l[f"c{block}a"](x)))))
            x = relu(y + (l[f"s{block}"](x) if f"s{block}" in l else x))
        return l["d"](x.mean((2, 3)))

    return Graph(layers, body)


class Rows(nn.Module):
    """Images as sequences of their rows, through recurrent layers, and the last step to a class."""

    def __init__(self, cell, units, layers=1, bidirectional=False):
        super().__init__()
        self.layers = nn.ModuleDict()
        for layer in range(layers):
            inputs = 28 if layer == 0 else units * (2 if bidirectional else 1)
            self.layers[f"r{layer + 1}"] = cell(inputs, units, batch_first=True, bidirectional=bidirectional)
        self.layers["d"] = nn.Linear(units * (2 if bidirectional else 1), 10)
        # One bias where PyTorch adds two, but for the one in the GRU's candidate that the reset gate works on.
        for layer in list(self.layers.values())[:-1]:
            for name, parameter in layer.named_parameters():
                if name.startswith("bias_hh"):
                    mask = torch.zeros(parameter.shape, dtype=torch.double)
                    if cell is nn.GRU:
                        mask[2 * units:] = 1
                    parameter.register_hook(lambda gradient, mask=mask: gradient * mask)

    def forward(self, x):
        x = x[:, 0]
        *recurrent, dense = self.layers.values()
        for layer in recurrent:
            x = layer(x)[0]
        return dense(x[:, -1])


RESNET8 = ["c0: conv 3x3x16 pad 1 nobias", "n0: batchnorm relu"]
for block, (inputs, outputs) in enumerate([(16, 16), (16, 32), (32, 64)], 1):
    before = f"b{block - 1}" if block > 1 else "n0"
    stride = "" if inputs == outputs else " stride 2"
    RESNET8 += [f"c{block}a: conv 3x3x{outputs}{stride} pad 1 nobias from {before}", f"n{block}a: batchnorm relu",
                f"c{block}b: conv 3x3x{outputs} pad 1 nobias", f"n{block}b: batchnorm"]
    if stride:
        RESNET8.append(f"s{block}: conv 1x1x{outputs} stride 2 nobias from {before}")
    RESNET8.append(f"b{block}: add n{block}b {f's{block}' if stride else before} relu")
RESNET8 += ["globalavgpool", "d: dense 10"]

# Name, network, the same as a description, learning rate, and the largest initial bias, 0.1 unless given. The rates are small: at
# larger ones PyTorch's own single and double precision part by more than the test allows, because rounding decides which of the equal
# pixels of a background is a maximum and on which side of 0 a ReLU's argument lies (resnet8 from biases of 0 at 0.01: by 2e-3 within
# the 20 steps, at 0.003 by 1e-5 to 1e-4 with the layout of its memory).
CASES = [
    ("mlp", mlp, ["flatten", "d1: dense 256 relu", "d2: dense 128 relu", "d3: dense 10"], 0.05),
    ("lenet5", lenet5, ["c1: conv 5x5x6 pad 2 relu", "maxpool 2", "c2: conv 5x5x16 relu", "maxpool 2", "flatten",
                        "d1: dense 120 relu", "d2: dense 84 relu", "d3: dense 10"], 0.05),
    ("fashion_cnn", fashion_cnn, ["c1: conv 3x3x32 pad 1 relu", "c2: conv 3x3x64 pad 1 relu", "maxpool 2",
                                  "c3: conv 3x3x128 pad 1 relu", "maxpool 2", "flatten", "d1: dense 128 relu", "d2: dense 10"], 0.0005),
    ("resnet8", resnet8, RESNET8, 0.001),
    ("resnet8 from biases of 0", resnet8, RESNET8, 0.003, 0),
    ("rnn", lambda: Rows(nn.RNN, 40), ["sequence", "r1: rnn 40", "last", "d: dense 10"], 0.05),
    ("lstm", lambda: Rows(nn.LSTM, 128), ["sequence", "r1: lstm 128", "last", "d: dense 10"], 0.05),
    ("gru of two layers", lambda: Rows(nn.GRU, 50, layers=2), ["sequence", "r1: gru 50", "r2: gru 50", "last", "d: dense 10"], 0.05),
    ("bidirectional lstm", lambda: Rows(nn.LSTM, 24, bidirectional=True),
     ["sequence", "r1: lstm 24 bidirectional", "last", "d: dense 10"], 0.05),
]


def our_layout(values):
    """Convolution weights OIHW as OHWI; everything else is the same in both."""
    return values.permute(0, 2, 3, 1) if values.ndim == 4 else values


def our_name(model, name):
    _, layer, kind = name.split(".")
    recurrent = {"weight_ih_l0": ".inputWeights", "weight_hh_l0": ".recurrentWeights", "bias_ih_l0": ".bias"}
    if "_l0" in kind:
        direction = ".reverse" if kind.endswith("_reverse") else ".forward" if model.layers[layer].bidirectional else ""
        return layer + direction + recurrent[kind.removesuffix("_reverse")]
    norm = layer.startswith("n")
    return layer + {"weight": ".scale" if norm else ".weights", "bias": ".shift" if norm else ".bias"}[kind]


def record(images, labels, name, network, description, rate, bias=0.1):
    model = network().double()
    parameters, gradients = [], []
    for salt, (key, parameter) in enumerate(model.named_parameters(), 1):
        if "bias_hh" in key:
            with torch.no_grad():
                parameter.zero_()
            # The part that moves follows the other bias in ours.
            if isinstance(model.layers[key.split(".")[1]], nn.GRU):
                both, third = (input_bias, parameter), parameter.numel() // 3
                gradients[-1] = lambda both=both, third=third: torch.cat([both[0].grad, both[1].grad[2 * third:]])
            continue
        input_bias = parameter
        ours = our_name(model, key)
        shape = list(our_layout(parameter).shape)
        fan_in = math.prod(shape[1:])
        # The scale that keeps variances (He et al. 2015) for weights; batch-norm begins near the identity. Where no batch-norm follows,
        # biases are not zero: small values would lie so close to a ReLU's kink that rounding decides (docs/performance.md).
        # Recurrent layers begin smaller, their biases at zero, so that rounding does not grow from step to step.
        is_recurrent = "_l0" in key
        if ours.lower().endswith("weights"):
            scale = math.sqrt((1 if is_recurrent else 6) / fan_in)
        else:
            scale = 0 if is_recurrent else bias
        values = torch.tensor(numbers(parameter.numel(), salt).astype(numpy.float32) * numpy.float32(scale)).double().reshape(shape)
        if ours.endswith(".scale"):
            values = torch.ones(shape).double()
        with torch.no_grad():
            parameter.copy_(values.permute(0, 3, 1, 2) if parameter.ndim == 4 else values)
        parameters.append({"name": ours, "salt": salt, "scale": float(numpy.float32(scale))})
        gradients.append(lambda parameter=parameter: our_layout(parameter.grad).flatten())
    optimizer = torch.optim.SGD(model.parameters(), lr=float(numpy.float32(rate)), momentum=float(numpy.float32(0.9)))
    losses = []
    for step in range(STEPS):
        batch = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        if step == 0:
            for entry, ours in zip(parameters, gradients):
                gradient = ours()
                places = [i * (gradient.numel() - 1) // (SAMPLES - 1) for i in range(SAMPLES)]
                entry["gradient_norm"] = gradient.norm().item()
                entry["gradient"] = {str(p): gradient[p].item() for p in places}
        optimizer.step()
        losses.append(loss.item())
    text = "\n".join(["input 28x28x1", *description, "softmax", "train", f"  batch {BATCH}", "  optimizer momentum 0.9", f"  rate {rate}"])
    return {"name": name, "network": text, "rate": rate, "parameters": parameters, "losses": losses}


def criteria():
    """Losses with their options, as docs/networks.md has them."""
    def criterion(name, options, outputs, function):
        count = 16
        z = torch.tensor(numbers(count * outputs, 7).astype(numpy.float32) * 4).double().reshape(count, outputs).requires_grad_()
        classes = max(outputs, 2)
        # Classes of unequal size.
        labels = torch.tensor(((numbers(count, 8) / 2 + 0.5) ** 2 * classes).astype(numpy.int64))
        loss = function(z, labels)
        loss.backward()
        return {"loss": name, "options": options, "outputs": outputs, "labels": labels.tolist(), "scale": 4, "salt": 7,
                "value": loss.item(), "gradient": z.grad.flatten().tolist()}

    f = nn.functional
    weights = [1.0, 4.0, 2.0, 0.5]

    def balanced(labels):
        return 1 / torch.bincount(labels, minlength=4).clamp(min=1).double()

    return [
        criterion("softmax-cross-entropy", "", 4, f.cross_entropy),
        criterion("softmax-cross-entropy", "smoothing 0.1", 4, lambda z, y: f.cross_entropy(z, y, label_smoothing=float(numpy.float32(0.1)))),
        criterion("softmax-cross-entropy", "class-weights " + " ".join(map(str, weights)), 4,
                  lambda z, y: f.cross_entropy(z, y, weight=torch.tensor(weights).double())),
        criterion("softmax-cross-entropy", "class-weights balanced", 4, lambda z, y: f.cross_entropy(z, y, weight=balanced(y))),
        criterion("sigmoid-cross-entropy", "", 4,
                  lambda z, y: f.binary_cross_entropy_with_logits(z, f.one_hot(y, 4).double(), reduction="sum") / len(y)),
        criterion("sigmoid-cross-entropy", "", 1, lambda z, y: f.binary_cross_entropy_with_logits(z[:, 0], y.double())),
        criterion("mean-squared-error", "", 4, lambda z, y: f.mse_loss(z, f.one_hot(y, 4).double())),
        # PyTorch divides by the number of classes.
        criterion("hinge", "", 4, lambda z, y: f.multi_margin_loss(z, y) * 4),
        criterion("hinge", "", 1, lambda z, y: (1 - (2 * y - 1) * z[:, 0]).clamp(min=0).mean()),
    ]


def main():
    torch.manual_seed(0)
    count = STEPS * BATCH
    pixels = read_idx("train-images-idx3-ubyte.gz", 16)[:count * 784].reshape(count, 1, 28, 28)
    images = torch.tensor(pixels.astype(numpy.float32) / numpy.float32(255)).double()
    labels = torch.tensor(read_idx("train-labels-idx1-ubyte.gz", 8)[:count].astype(numpy.int64))
    cases = [record(images, labels, *case) for case in CASES]
    print(json.dumps({"generator": f"tools/golden/losses.py, torch {torch.__version__}", "batch": BATCH, "cases": cases,
                      "criteria": criteria()}, indent=1))


main()
