"""Training steps per second of PyTorch on the CPU for the workloads of `chainrule bench`.

    pip install torch numpy
    python benches/torch_steps.py WORKLOAD THREADS [SECONDS]

Prints one line in the form of `chainrule bench`. A step takes the batch from memory, runs forward, loss, backward and update,
in float32 and eager mode. Without PyTorch it says so and ends with status 3."""

import sys
import time

try:
    import torch
    from torch import nn
except ImportError:
    print("PyTorch is not installed: pip install torch numpy", file=sys.stderr)
    sys.exit(3)


def mlp(sizes, activation):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return layers[:-1]


def conv(*args, **kwargs):
    return [nn.Conv2d(*args, **kwargs), nn.ReLU(), nn.MaxPool2d(2)]


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(8, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(64, 4, batch_first=True), nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.attention(x, x, x, need_weights=False)[0].mean(1))


# network, shape of a sample, whether it is a regression, samples in a batch, rows
WORKLOADS = {
    "W1": (lambda: [*mlp([2, 4, 2, 1], nn.Tanh), nn.Tanh()], (2,), True, 10, 500),
    "W1b": (lambda: [*mlp([2, 8, 8, 8, 1], nn.Tanh), nn.Tanh()], (2,), True, 10, 500),
    "W2": (lambda: mlp([13, 32, 16, 3], nn.ReLU), (13,), False, 16, 178),
    "W3": (lambda: mlp([784, 128, 64, 10], nn.ReLU), (784,), False, 64, 8192),
    "W3b": (lambda: mlp([784, 512, 512, 10], nn.ReLU), (784,), False, 256, 8192),
    "W4": (
        lambda: [*conv(1, 6, 5, padding=2), *conv(6, 16, 5), nn.Flatten(), *mlp([400, 120, 84, 10], nn.ReLU)],
        (1, 28, 28), False, 64, 2048,
    ),
    "W5": (lambda: [*conv(1, 32, 3), *conv(32, 64, 3), nn.Flatten(), nn.Linear(1600, 10)], (1, 28, 28), False, 64, 2048),
    "W6": (lambda: [Lstm()], (50, 8), False, 32, 2048),
    "W7": (lambda: [Attention()], (64, 64), False, 16, 512),
}


def main():
    name, threads = sys.argv[1], int(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 3.0
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    make, shape, regression, batch, rows = WORKLOADS[name]
    network = nn.Sequential(*make())
    x = torch.randn(rows, *shape)
    if regression:
        y, loss = torch.randint(0, 2, (rows, 1)).float() * 2 - 1, nn.MSELoss()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.03)
    else:
        y, loss = torch.randint(0, network(x[:2]).shape[1], (rows,)), nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(network.parameters(), lr=0.001)

    def step(i):
        at = i * batch % (rows - batch + 1)
        optimizer.zero_grad()
        loss(network(x[at : at + batch]), y[at : at + batch]).backward()
        optimizer.step()

    for i in range(20):
        step(i)
    steps, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        for i in range(10):
            step(steps + i)
        steps += 10
    rate = steps / (time.perf_counter() - begun)
    print(f"{name} torch-{threads} {rate:.1f} steps/s {rate * batch:.0f} samples/s", flush=True)


main()
