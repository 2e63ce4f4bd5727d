"""An adversarial loss in a small vocoder, HiFi-GAN's: sound from a mel spectrogram, judged at five periods.

    python examples/vocoder.py

The sounds are synthesised voices of a quarter of a second. The vocoder's own loss is the difference of log-mel
spectrograms. jaxgan adds discriminators that each see the sound folded at a period, and the distance of their features
(Kong et al. 2020, arXiv:2010.05646). It prints the error of held-out sounds, and the discriminators' accuracy.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

import jaxgan

STEPS, BATCH = 1_500, 8
RATE, LENGTH, BANDS, SIZE, PERIODS = 8_000, 2_048, 32, 256, (2, 3, 5, 7, 11)


def voices(seed, count):
    """Sounds [count, LENGTH]: harmonics of a gliding pitch through a formant, with breath."""
    rng, time = np.random.default_rng(seed), np.arange(LENGTH) / RATE
    low, top, bend, air, at = rng.uniform([90, 300, -0.5, 0.01, 0], [260, 2_800, 0.5, 0.1, 6], (count, 5)).T[..., None]
    pitch, sound = low * 2 ** (bend * time / time[-1]), air * rng.normal(size=(count, LENGTH))
    for n in range(1, 36):
        loudness = (np.exp(-(((n * pitch - top) / 250) ** 2)) + 0.1) * (n * pitch < RATE / 2)
        sound += loudness * np.sin(n * (2 * np.pi * pitch.cumsum(1) / RATE + at))
    return (0.7 * sound / np.abs(sound).max(1, keepdims=True)).astype(np.float32)


def log_mel(sound):
    """The log-mel spectrogram [n, frames, BANDS] of sounds, with frames of SIZE samples, four times overlapped."""
    _, _, parts = jax.scipy.signal.stft(sound, nperseg=SIZE, noverlap=3 * SIZE // 4)
    mel = np.log1p(np.linspace(0, RATE / 2, SIZE // 2 + 1) / 700)
    filters = np.maximum(0, 1 - np.abs((mel / mel[-1] * (BANDS + 1))[:, None] - np.arange(1, BANDS + 1)))
    return jnp.log(1e-7 + jnp.swapaxes(jnp.square(parts.real) + jnp.square(parts.imag), 1, 2) @ filters)


class Vocoder(nn.Module):
    """`log-mel [n, 33, BANDS] -> sound [n, LENGTH]`, by the inverse transform of a spectrum for each frame."""

    @nn.compact
    def __call__(self, mel):
        hidden = nn.Dense(128)(mel / 5 + 1)
        for _ in range(3):
            near = [jnp.roll(hidden, shift, 1) for shift in (-2, -1, 0, 1, 2)]
            hidden += nn.Dense(128)(nn.gelu(nn.Dense(256)(nn.LayerNorm()(jnp.concatenate(near, -1)))))
        loudness, phase = jnp.split(nn.Dense(SIZE + 2)(hidden), 2, -1)
        spectrum = jnp.exp(jnp.minimum(loudness - 5, 2) + 1j * phase)
        return jax.scipy.signal.istft(jnp.swapaxes(spectrum, 1, 2), nperseg=SIZE, noverlap=3 * SIZE // 4)[1]


class Periods(nn.Module):
    """Logits and features of discriminators that each see the sound folded at a period."""

    @nn.compact
    def __call__(self, sound):
        logits, features = [], []
        for period in PERIODS:
            hidden = jnp.pad(sound, ((0, 0), (0, -LENGTH % period))).reshape(len(sound), -1, period, 1)
            for width in (8, 16, 32):  # convolutions of 5 with stride 3, along the time
                rows = (hidden.shape[1] - 5) // 3 + 1
                seen = [hidden[:, i : i + 3 * rows : 3][:, :rows] for i in range(5)]
                hidden = nn.leaky_relu(nn.Dense(width)(jnp.concatenate(seen, -1)), 0.1)
                features.append(hidden)
            logits.append(nn.Dense(1)(hidden))
        return jaxgan.DiscriminatorOutput(logits, features)


model, optimizer, terms = Vocoder(), optax.adam(1e-3, b1=0.8, b2=0.99), [jaxgan.TERMS["feature_distance"](30.0)]
options = {"loss": jaxgan.LOSSES["least_squares"], "terms": terms, "tx": optax.adam(1e-3, b1=0.8, b2=0.99)}
adversary = jaxgan.make_adversary(discriminator=jaxgan.from_linen(Periods()), **options)
sounds, held_out = voices(0, 2_000), voices(1, 200)
mels = jax.jit(log_mel)(sounds)


@jax.jit
def step(params, opt_state, judge, sound, mel, weight):
    def loss(params):
        made = model.apply(params, mel)
        return 45 * jnp.abs(log_mel(made) - mel).mean() + weight * adversary.loss(judge, made, sound), made

    grads, made = jax.grad(loss, has_aux=True)(params)
    updates, opt_state = optimizer.update(grads, opt_state)
    judge, metrics = adversary.update(judge, made, sound)
    return optax.apply_updates(params, updates), opt_state, judge, metrics["d_accuracy"]


for weight in (0.0, 1.0):
    params, judge = model.init(jax.random.key(0), mels[:2]), adversary.init(jax.random.key(1), held_out[:2])
    opt_state, told = optimizer.init(params), []
    for i in range(STEPS):
        rows = np.random.default_rng(i).integers(len(sounds), size=BATCH)
        params, opt_state, judge, accuracy = step(params, opt_state, judge, sounds[rows], mels[rows], weight)
        told.append(accuracy)
    error = jnp.abs(log_mel(model.apply(params, log_mel(held_out))) - log_mel(held_out)).mean()
    print(f"adversarial weight {weight}: error of the spectrogram {error:.3f}, told apart {np.mean(told[-100:]):.2f}")
