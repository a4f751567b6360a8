"""Any nn.Module can be the authorized model; pictures stay in memory here."""

import torch
from torch import nn

import anamorph

network = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(4),
    nn.Flatten(),
    nn.Linear(128, 10),
)
model = anamorph.wrap(
    network, name="mine", size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3, tap=("1",)
)
images = torch.rand(2, 3, 48, 64)
protected = anamorph.protect_images(images, model, parameters=anamorph.FMD(steps=5))
print("largest change:", float((protected - images).abs().max() * 255), "of 255 levels")
assert torch.equal(model.output(images).argmax(1), model.output(protected).argmax(1))
