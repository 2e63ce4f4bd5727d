"""Every field of a config, with its default. An experiment's file starts from this config and changes some fields.

    python launch.py --config=configs/default.py --workdir=runs/default

Any field can be set on the command line: `--config.batch_size=128 --config.generator.widths="(256, 256)"`.
Counts are integers. Tuples are written as in Python or with commas: `--config.generator.activation=relu,tanh`.
A misspelled name is an error.
"""

from ml_collections import ConfigDict


def get_config(platform: str = "") -> ConfigDict:
    """The default config; `platform` is the text after the colon in `--config=FILE:cpu`: cpu, gpu, tpu or nothing."""
    config = ConfigDict()
    config.platform = platform  # the required platform: "cpu", "gpu" or "tpu"; "" takes the best one that
    # JAX finds
    config.mapping = "auto"  # how the step is mapped over devices: "jit" (one device), "pmap", "shard_map"; "auto": jit
    # on one device, pmap on several
    config.precision = "float32"  # precision of the networks: "float32", "bfloat16_products", "bfloat16".
    # Parameters and losses are always float32
    config.seed = 0  # seed of the networks, the latents, the data order and a mixture's samples

    # The game: Algorithm 1.
    config.loss = "non_saturating"  # the loss of both players: one of jaxgan.LOSSES, such as non_saturating, hinge,
    # relativistic_paired
    config.loss_options = ConfigDict()  # parameters of a loss that takes some
    config.discriminator_steps = 1  # k: discriminator updates per step, each on its own minibatch and latents
    config.generator_steps = 1  # generator updates per step, each on its own latents
    config.steps = 10_000  # total number of training steps; to continue a finished run, raise it and run again
    config.batch_size = 64  # examples in a minibatch, over all devices
    config.generator_batches = 0  # r: each generator update uses r minibatches of its own, as one batch of
    # r * batch_size; 0: the discriminator's last minibatch
    config.accumulation_steps = 1  # number of parts in which each device computes its batch, to save memory
    config.average_decay = 0.0  # decay of the moving average of the generator, which is used for samples; 0 is off
    config.average_half_life = 0.0  # the decay as a half-life: after this number of examples, old parameters count
    # half; 0 is off
    config.average_debias = False  # True: removes the weight of the initial parameters from the average, for short runs
    # and decays near 1

    config.unrolled_steps = 0  # m: the generator looks m discriminator updates ahead; 0 is off
    config.consensus = 0.0  # gamma: both players also minimise (gamma/2) |v|^2, v their two gradients; 0 is off
    config.updates = "alternating"  # "alternating": Algorithm 1; "simultaneous": G faces D as it was before the step,
    # with the same latents and noise
    config.extragradient = False  # True: both players move at once, by the gradients at the point that a first
    # step would lead to

    # Which of a step's discriminator updates are made; all of them by default.
    config.coordination = ConfigDict()
    config.coordination.initial_steps = 0  # k at step 0; 0: discriminator_steps, which is the largest k
    config.coordination.final_steps = 0  # k from step `over` on; linear in between; 0:
    # discriminator_steps
    config.coordination.over = 10_000  # number of training steps from initial_steps to final_steps
    config.coordination.accuracy_limit = 1.0  # above this accuracy, the discriminator rests until the next step; 1: it
    # never rests

    # Numbers that change during a run: "FIELD=SHAPE(LAST, EXAMPLES); FIELD & FIELD=...". Each goes from its field's own
    # value to LAST, and stays there: "penalties.r1=cosine(0.1, 1e6)". SHAPE: linear, cosine, exponential. EXAMPLES: the
    # number that the discriminator has seen by then, step * discriminator_steps * batch_size.
    config.schedules = ""  # "FIELD=SHAPE(LAST, EXAMPLES); ...": schedules of rates, betas, weights of penalties
    # and terms, the average, augmentation.probability, ...

    config.task = "none"  # "none": a plain GAN; "inpainting": one generator of all conditionals p(x_S given x_notS);
    # "inference": z from x; "semi_supervised": a discriminator that classifies, trained with few labels;
    # "translation": pictures from views of them, such as outlines
    config.condition = "none"  # "labels": both players see an example's class; "vectors": both see a vector, or a
    # picture, of an .npz file (`conditions`)
    config.generated_labels = "data"  # condition=labels: classes of generated examples in training: "data": those of
    # the real examples; "uniform": drawn uniformly
    config.packing = 1  # number of examples that the discriminator judges together (PacGAN)
    config.real_label = 1.0  # label of real examples in the cross-entropies and least squares; 0.9 smooths it
    # (one-sided)

    # The discriminator sees data and samples with the same augmentations, so samples do not imitate them.
    config.augmentation = ConfigDict()
    config.augmentation.names = ()  # color,translation,cutout (DiffAugment); ada, or parts of it; noise
    # (also for vectors)
    config.augmentation.probability = 1.0  # probability of each augmentation, per example
    config.augmentation.multipliers = ()  # factors of the probability, one per name: (1.0, 0.5); (): 1
    config.augmentation.scaled = True  # False: images are augmented as they are, not scaled to [-1, 1] first: for
    # latents of an autoencoder
    config.augmentation.adaptive_target = 0.0  # 0.6: the probability follows how well D knows its data (ADA); 0: it is
    # fixed
    config.augmentation.adaptive_speed = 1e-3  # change of the adaptive probability per update of D; batch_size /
    # 500,000 in ADA's code

    # The generator draws a picture after every part of its blocks, and the discriminator sees all of them, the coarser
    # the more noise (GAT).
    config.guidance = ConfigDict()
    config.guidance.levels = 0  # number of pictures, 4 in the source; needs generator.network=vit; 0 is off
    config.guidance.signal = 0.125  # share of the picture that the noise leaves in the first one
    config.guidance.floor = 0.01  # deviation of the noise on the last one, which is the sample

    # Weights of jaxgan.PENALTIES on the discriminator; 0 is off, and several can be combined.
    config.penalties = ConfigDict()
    config.penalties.r1 = 0.0  # gamma of R1: (gamma/2) E |grad|^2 on data
    config.penalties.r1_deviation = 0.0  # sigma of R1 by a finite difference, ((l(x + sigma e) - l(x))/sigma)^2: 0.01;
    # 0: by the gradient
    config.penalties.r2 = 0.0  # gamma of R2: (gamma/2) E |grad|^2 on samples
    config.penalties.r2_deviation = 0.0  # sigma of R2, likewise
    config.penalties.r1_r2 = 0.0  # gamma of both R1 and R2
    config.penalties.r1_r2_deviation = 0.0  # sigma of both R1 and R2, likewise
    config.penalties.gradient_penalty = 0.0  # lambda of WGAN-GP: (|grad| - 1)^2 between data and samples
    config.penalties.gradient_penalty_one_sided = 0.0  # lambda of the same, only for norms above 1
    config.penalties.dragan = 0.0  # lambda of DRAGAN: (|grad| - 1)^2 near the data
    config.penalties.dragan_spread = 0.5  # c of DRAGAN: size of the noise around the data
    config.penalties.dragan_noise = "uniform"  # "uniform": up to c deviations of the data (authors' code); "normal": of
    # variance c (paper)
    config.penalties.interval = 1  # penalties are applied every n steps, multiplied by n (lazy regularisation);
    # the learning rate and the betas do not change

    # Weights of jaxgan.TERMS: loss terms that read more than logits; 0 is off.
    config.terms = ConfigDict()
    config.terms.feature_matching = 0.0  # lambda: |E f(x) - E f(G(z))|^2 for G; needs discriminator.features
    config.terms.feature_distance = 0.0  # lambda: E |f(x) - f(G(z, c))| for G, likewise, for the condition c of x
    config.terms.mutual_information = 0.0  # lambda: -E log Q(c | G(z)) for both players (InfoGAN); needs
    # latent.name=categorical and discriminator.class_logits=categories + codes, or + 2 codes for a learned deviation
    config.terms.auxiliary_classifier = 0.0  # lambda: -E log P(class | x) for both (AC-GAN); needs condition=labels,
    # discriminator.class_logits=number of classes, and discriminator.conditional=False
    config.terms.l1 = 0.0  # lambda: E |x - G(z, c)| for G, with the condition c of x; needs a condition
    config.terms.l2 = 0.0  # lambda: E (x - G(z, c))^2 for G, likewise
    config.terms.adversarial = 1.0  # weight of config.loss in the generator's loss; 0: only the terms train the
    # generator

    config.latent = ConfigDict()
    config.latent.name = "uniform"  # "uniform": U(-sqrt 3, sqrt 3); "uniform_unit": U(-1, 1); "normal": N(0, I);
    # "truncated_normal": within a bound; "sphere": of radius sqrt dim; "categorical": classes, codes and noise
    # (InfoGAN); "mixture": of Gaussians learned by the generator (DeLiGAN); "fixed_mixture": of fixed Gaussians
    config.latent.dim = 100  # dimension of a latent
    config.latent.bound = 2.0  # truncated_normal: the bound, in standard deviations
    config.latent.categories = 10  # categorical: number of equally likely classes
    config.latent.continuous = 2  # categorical: number of codes from U(-1, 1) after the class
    config.latent.components = 50  # mixture, fixed_mixture: number of Gaussians
    config.latent.spread = 1.0  # mixture, fixed_mixture: s: means are drawn from U(-s, s); for mixture, initially
    config.latent.deviation = 0.2  # mixture, fixed_mixture: sigma of the Gaussians; for mixture, initially
    config.latent.learn_deviation = True  # mixture: False: sigma is fixed
    config.latent.deviation_penalty = 0.1  # mixture: lambda: adds lambda * mean (1 - sigma)^2 to the generator's loss

    # Before both players see latents, these are moved to raise the discriminator's output for their examples (LOGAN).
    config.latent_optimization = ConfigDict()
    config.latent_optimization.step = 0.0  # alpha, the size of the move, such as 0.9; 0 is off
    config.latent_optimization.damping = 5.0  # beta: z moves by alpha g / (beta + |g|^2); 0: by alpha g
    config.latent_optimization.cost = 0.0  # w: adds w E |dz|^2 to the generator's loss

    config.dataset = ConfigDict()
    config.dataset.name = "digits"  # the dataset: one of jaxgan.datasets.DATASETS
    config.dataset.path = ""  # idx, stacked: the directory; npz: the file; images: the folder or zip file; tfds:
    # data_dir ("": $TFDS_DATA_DIR, or its default)
    config.dataset.tfds_name = "mnist"  # tfds: name of the dataset, as in tfds.builder(...)
    config.dataset.examples = 100_000  # ring, grid, gaussian, stacked: number of training examples to draw
    config.dataset.side = 28  # stacked: height and width of the images; 32: 28 x 28 digits with a black border
    config.dataset.size = 64  # images: height and width to which pictures are resized
    config.dataset.resize = "crop"  # images: "crop": the central square; "pad": with bars of the background; "stretch":
    # with changed proportions
    config.dataset.channels = 3  # images: 3 for colour, 1 for grey
    config.dataset.background = "white"  # images: colour behind transparent pictures and around padded ones, such as
    # "white" or "#ffe0c0"
    config.dataset.label = ""  # images: the column of metadata.csv or metadata.jsonl; "": label, or else folders.
    # avatars: "mouth" (""), "hair", "glasses", ... or several with commas: jaxgan.datasets.avatars.LABELS
    config.dataset.transpose = False  # idx: True: exchanges rows and columns of images, which EMNIST's files need
    config.dataset.validation_examples = -1  # number of training examples for validation; -1: the dataset's default
    config.dataset.range = "unit"  # uint8 images become floats in [0, 1] ("unit") or [-1, 1] ("symmetric")
    config.dataset.contrast_norm = 0.0  # s: subtracts the mean of each image and scales its norm to s; 0: off
    config.dataset.dequantization = False  # True: in training, adds fresh noise to bytes x: (x + U(0, 1))/256 of
    # the range
    config.dataset.mirror = False  # True: uses every training image twice, once flipped horizontally
    config.dataset.placement = "auto"  # "device": all data on the device as stored; "stream": read ahead from disk;
    # "auto": "device" if the data fits

    # task=inpainting.
    config.inpainting = ConfigDict()
    config.inpainting.masks = ("all",)  # kinds of masks from jaxgan.tasks.MASKS, one per example; "all": those that
    # suit the data
    config.inpainting.encoder = ()  # channels of convolutions through which G sees images; each halves the sides;
    # (): G sees the values themselves
    config.inpainting.draws = 10  # completions per example, in pictures and evaluations
    config.inpainting.examples = 500  # evaluations: number of test examples to complete, per kind of mask

    # task=translation.
    config.translation = ConfigDict()
    config.translation.view = "outline"  # what G is given of an example: "outline", "grey", "small", or "given": its
    # condition
    config.translation.factor = 4  # of "small": how many times fewer pixels a side has
    config.translation.cycle = 0.0  # lambda: above 0 nothing is paired: two pairs of players and the errors of cycles
    config.translation.identity = 0.0  # weight of each generator keeping what is of its own domain already
    config.translation.cycle_widths = (32, 64, 128)  # channels of the pair of players that makes views
    config.translation.draws = 10  # pictures per example, in sheets and evaluations
    config.translation.examples = 500  # evaluations: number of test examples

    # task=semi_supervised.
    config.semi_supervised = ConfigDict()
    config.semi_supervised.labelled = 100  # number of training examples with known labels, equally many per class
    config.semi_supervised.seed = 0  # seed for choosing the labelled examples
    config.semi_supervised.unsupervised = 0.5  # weight of config.loss in D's loss, beside the labels' cross-entropy; 0:
    # only labels
    config.semi_supervised.entropy = 0.0  # weight of the entropy of D's class predictions on unlabelled data; 0: none
    config.semi_supervised.average_decay = 0.0  # decay of a moving average of D, whose errors are measured too; 0: none

    # task=inference.
    config.inference = ConfigDict()
    config.inference.method = "bigan"  # "bigan": D judges (x, E(x)) and (G(z), z); "joint_regressor": E learns z from
    # G(z) alongside the game; "regressor": E is trained after the game, in evaluations
    config.inference.widths = (1024, 1024)  # units of each hidden layer of E, a multilayer perceptron
    config.inference.activation = ("leaky_relu",)  # activation of E's hidden layers: one for all, or one per layer
    config.inference.normalization = "none"  # normalisation in E: "batch" (over all devices), "layer", "none"
    config.inference.noise = 0.0  # regressors: maximum deviation of Gaussian noise on their training samples
    config.inference.masking = 0.0  # regressors: maximum fraction of the samples' values that are set to 0
    config.inference.generator_weight = 0.0  # joint_regressor: weight of E's error in the generator's loss; 0: only E
    # learns from it
    config.inference.fit_widths = ()  # evaluations: hidden layers of the regressor fitted to G; (): same as widths
    config.inference.fit_steps = 10_000  # evaluations: training steps of that regressor; 0: none is fitted
    config.inference.examples = 500  # evaluations: number of test examples to reconstruct

    # A player's network; the docs of jaxgan.networks say which of these fields it reads.
    config.generator = _network()
    config.generator.widths = (256, 512)
    config.generator.output = "sigmoid"  # the last activation: "sigmoid" for dataset.range=unit, "tanh" for symmetric,
    # "linear"
    config.generator.output_bias = "data"  # "data": initialises the last biases so that zero weights give the mean
    # example; "zero": with 0
    config.discriminator = _network()
    config.discriminator.widths = (512, 256)
    config.discriminator.activation = ("leaky_relu",)

    config.generator_optimizer = _optimizer()
    config.discriminator_optimizer = _optimizer()

    # A run may start with the parameters and statistics of another run's newest checkpoint; optimizers start anew.
    config.start = ConfigDict()
    config.start.run = ""  # directory of the other run; "" is off
    config.start.generator = "all"  # "all": all layers, if both networks have equally many; "last": as the last
    # layers of a deeper generator; "none"
    config.start.discriminator = "all"  # "all", "last" or "none", as for the generator

    # How samples are evaluated: by --mode=evaluate, which can change these fields, and optionally during training.
    config.evaluation = ConfigDict()
    config.evaluation.metrics = ("auto",)  # names in jaxgan.evaluation.EVALUATORS; "auto": what suits the data; "task":
    # the scores of the run's task, which are part of "auto" too
    config.evaluation.samples = 10_000  # number of generated examples; real data is scored with as many examples, if
    # there are so many
    config.evaluation.features = "auto"  # features for comparing images: "classifier" (trained on the data's labels),
    # "inception", "raw", or "FILE.py:FUNCTION", a function from images [n, ...] in [0, 1] to [n, dim]; "auto":
    # classifier, else raw
    config.evaluation.reference_split = "test"  # split with which samples are compared: "test", or "train", as in
    # published distances on CIFAR-10 and ImageNet
    config.evaluation.kernel_subsets = 10  # number of jackknife subsets for the standard error
    config.evaluation.inception_score_splits = 10  # number of parts whose Inception scores are averaged
    config.evaluation.precision_recall_k = 5  # k: the radius of a ball is the distance to the k-th neighbour
    config.evaluation.inception_weights = ""  # inception: file with the FID weights, .pth or .pb
    config.evaluation.inception_style = "auto"  # how images are resized: "torch", "tensorflow"; "auto": as the file's
    # program does; "clean": PIL's antialiased bicubic (clean-fid), for either file
    config.evaluation.other_run = ""  # workdir of a plain GAN trained on the same data, to compare the task with
    config.evaluation.every = 0  # number of steps between evaluations in training; 0: none

    # How --mode=sample and evaluations draw samples; both can change these fields. Methods other than "plain" rely on
    # the discriminator, and need losses whose logit is log p_d/p_g: docs/zoo.md.
    config.sampling = ConfigDict()
    config.sampling.method = "plain"  # "plain"; "optimized": latents moved as in training; "rejection": by D's logit;
    # "driven": by Langevin dynamics in latent space
    config.sampling.truncation = 1.0  # psi in (0, 1]: below 1, latents are more typical, and samples better and less
    # varied; 1: as in training. Scores of truncated samples are not comparable with others
    config.sampling.burn_in = 10_000  # rejection: number of samples that first estimate the largest logit
    config.sampling.percentile = 0.0  # rejection: gamma is this percentile of F; a lower one accepts more; 0: gamma =
    # 0
    config.sampling.steps = 200  # driven: number of steps per chain
    config.sampling.step_size = 0.05  # driven: epsilon, the step size
    config.sampling.adjusted = True  # driven: steps may be rejected (Metropolis), which corrects for the step size

    # Writers of metrics and pictures besides metrics.jsonl.
    config.logging = ConfigDict()
    config.logging.writers = ("tensorboard",)  # names in jaxgan.io.metric_writers.WRITERS: tensorboard, wandb; () for
    # none
    config.logging.wandb_project = "jaxgan"  # Weights & Biases: the project. WANDB_MODE=offline sends nothing
    config.logging.wandb_entity = ""  # Weights & Biases: account or team; "": the user's own

    # Alarms, at log steps. Each is a warning and a metric.
    config.alarms = ConfigDict()
    config.alarms.patience = 10  # number of consecutive log lines that turn an alarm on; 0 turns all off
    config.alarms.stop = ()  # alarms that end the run (exit code 4, with a checkpoint):
    # discriminator_wins, vanishing_gradient, low_diversity, lost_modes
    config.alarms.d_accuracy = 0.99  # discriminator_wins: D's accuracy is above this
    config.alarms.gradient = 1e-2  # vanishing_gradient: the norm of G's gradient is below this fraction of its maximum
    config.alarms.diversity = 0.2  # low_diversity: distances between samples are below this fraction of the data's
    config.alarms.modes = 0.8  # lost_modes: the number of modes, or classes, hit is below this fraction of its maximum
    config.alarms.samples = 256  # number of samples for measuring diversity and modes

    # What happens when a number is no longer finite.
    config.divergence = ConfigDict()
    config.divergence.attempts = 0  # how often the run goes back to an earlier checkpoint, with a new key; 0: it ends
    config.divergence.factor = 0.5  # factor of both learning rates each time

    # --mode=sweep: several settings, each trained with several seeds. Fields and values: docs/sweeps.md
    config.population = ConfigDict()
    config.population.seeds = 4  # number of seeds per setting: config.seed, config.seed + 1, ...
    config.population.grid = ""  # all combinations of these values: "FIELD=VALUE,VALUE; FIELD & FIELD=VALUE,VALUE"
    config.population.random = ""  # random draws: "FIELD=log(1e-5,1e-2); FIELD=uniform(0,.9);
    # FIELD=choice(VALUE,VALUE)"
    config.population.draws = 8  # number of random draws, with config.seed; each is combined with the whole grid
    config.population.score = "auto"  # ranks settings: the name of a score or of a metric, with - before a metric
    # if lower is better; "auto": sliced_wasserstein
    config.population.halvings = 0  # how often the worse half of the settings is dropped during training

    # What a run writes, and how often, in training steps. The greatest common divisor of these intervals is the number
    # of steps compiled into one call, so round numbers are fast.
    config.log_every = 100  # steps between lines of metrics.jsonl, which contain means over these steps
    config.sample_every = 1_000  # steps between pictures in samples/, always with the same latents
    config.sample_count = 100  # number of examples per picture
    config.checkpoint_every = 1_000  # steps between checkpoints, from which a run can resume
    config.keep_checkpoints = 3  # number of newest checkpoints that are kept
    config.peer_timeout = 30  # several processes: seconds of silence after which another process counts as gone
    config.save_patience = 600.0  # how many seconds to continue training while no checkpoint can be saved
    return config


def _network() -> ConfigDict:
    network = ConfigDict()
    network.network = "mlp"  # "mlp", "maxout", "dcgan", "cifar10", "resnet", "r3gan", "pix2pix", "stylegan2"
    # or "vit": jaxgan.networks.NETWORKS
    network.widths = (256,)  # units of each hidden layer; dcgan: channels, one doubling or halving of the sides each;
    # resnet, r3gan, stylegan2: channels of the smallest image and after each doubling; in reverse for a discriminator
    network.activation = ("relu",)  # activation of the hidden layers: relu, leaky_relu, ...: one for all, or one per
    # layer
    network.output = "linear"  # the last activation; a discriminator's output is a logit, so it is linear
    network.output_bias = "zero"  # initial biases of the last layer
    network.pieces = 5  # maxout, cifar10: linear pieces per unit
    network.normalization = "auto"  # "batch" (over all devices), "layer", "instance" (not mlp), "virtual" (generators),
    # "none", or of weights: "spectral", "weight", "equalized", "weight_from_data" (mlp); "auto": mlp none, others batch
    network.upsampling = "transposed"  # dcgan generator: "transposed" convolutions; "nearest": copies of pixels and a
    # convolution
    network.blocks = 2  # r3gan: residual blocks per width
    network.group_size = 16  # r3gan: channels per group of the 3 x 3 kernels
    network.style = 512  # stylegan2: dimensions of a style
    network.mapping = 2  # stylegan2: layers of the mapping network; 8 in the source for larger images
    network.truncation = 1.0  # stylegan2: psi in [0, 1] of the styles, for samples; 1: as in training
    network.width = 384  # vit: width of a token; jaxgan.networks.VIT_SIZES has the sizes S, B, L and XL
    network.depth = 12  # vit: number of blocks
    network.heads = 6  # vit: heads of the attention
    network.patch = 2  # vit: side of a patch in pixels, which divides the sides of the images
    network.embedding = 2048  # vit discriminator: dimensions of the product of the image and its condition
    network.halvings = 0  # resnet discriminator: how many of the first blocks halve the sides; 0: all but the last
    network.attention = 0  # resnet: self-attention on images with this many pixels per side; 0: none
    network.minibatch = "none"  # discriminators mlp, dcgan, resnet: a layer before the last one: "discrimination",
    # "deviation"; stylegan2: "deviation"
    network.features = False  # discriminator: True: also returns its last layer's inputs, for feature matching
    network.class_logits = 0  # discriminators mlp, dcgan, resnet: outputs of a second output layer, for config.terms
    network.conditional = True  # False: hides the condition from this player
    network.conditioning = "auto"  # mlp, dcgan: "concatenation" to the inputs; in a generator "normalization", as
    # scales and biases; in a discriminator "projection" on the last layer; "auto": concatenation. Others follow their
    # sources
    network.remat = False  # all but mlp and maxout: True: stores only the layers' inputs for the gradient, and
    # recomputes the rest
    network.keep_input = 1.0  # dropout on the network's inputs: probability of keeping a pixel
    network.keep_hidden = 1.0  # dropout on the hidden layers: probability of keeping a unit
    network.noise_input = 0.0  # mlp: deviation of Gaussian noise on the network's inputs, in training
    network.noise_hidden = 0.0  # mlp: deviation of Gaussian noise on hidden units, in training
    network.initializer = ("lecun_normal",)  # uniform, normal, lecun_normal, he_normal, glorot_uniform, sparse; mlp: or
    # one per layer including the last, with commas
    network.initial_scale = 1.0  # half-width of uniform, deviation of normal, number of inputs of sparse, factor of the
    # variance of the others
    network.block_scale = 1.0  # resnet: factor of initial_scale for the 3 x 3 kernels of blocks; 2 in SNGAN
    network.logit_bias = True  # resnet discriminator: whether the last layer has a bias; SNGAN for 32 pixels has none
    network.layer_scales = ()  # mlp: one scale per layer and the last, instead of initial_scale: (0.05, 0.05, 0.5)
    network.layer_biases = ()  # mlp: initial bias of each hidden layer: (0.0, -2.0); (): 0
    return network


def _optimizer() -> ConfigDict:
    optimizer = ConfigDict()
    optimizer.name = "adam"  # sgd, adam, adamw, rmsprop or optimistic_adam: jaxgan.OPTIMIZERS
    optimizer.learning_rate = 2e-4  # initial rate; rate_schedule and config.schedules change it
    optimizer.b1 = 0.5  # adam, adamw, optimistic_adam: decay of the mean gradient
    optimizer.b2 = 0.999  # all but sgd: decay of the mean squared gradient
    optimizer.eps = 1e-8  # all but sgd: a small number added to the denominator
    optimizer.weight_decay = 0.0  # adamw: lambda of the decay
    optimizer.momentum = 0.0  # sgd, rmsprop: the momentum
    optimizer.clip_norm = 0.0  # gradients with a larger norm are scaled down to this norm; 0 is off

    optimizer.rate_schedule = "constant"  # "constant", "exponential", "linear" or "cosine"; t counts the player's own
    # updates
    optimizer.rate_decay = 1.0  # exponential: the rate is rate / rate_decay^t
    optimizer.rate_floor = 0.0  # lower bound of the rate, which linear and cosine reach at the end of the run

    optimizer.momentum_schedule = "constant"  # "constant"; "linear": the momentum (b1 for adam and adamw) changes every
    # epoch
    optimizer.momentum_final = 0.0  # linear: the momentum from epoch momentum_epochs on
    optimizer.momentum_epochs = 1  # linear: number of epochs during which the momentum changes

    optimizer.historical_averaging = 0.0  # w: adds w |theta - mean of past theta|^2 to the player's loss; 0 is off
    optimizer.clip_weights = 0.0  # c: weights are clipped to [-c, c] (the first WGAN: .01); 0 is off
    optimizer.max_column_norm = 0.0  # c: the maximum norm of a unit's incoming weights (the paper's TFD); 0 is off
    return optimizer
