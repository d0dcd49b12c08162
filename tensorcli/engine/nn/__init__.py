"""`torch.nn`: parameters, modules, and functions of networks. Each module's chapter is imported when it is first asked for."""

from tensorcli.engine.late import late as _late
from tensorcli.engine.late import listed as _listed

_MODULES = ("attention", "functional", "grad", "init", "modules", "parameter", "utils")
_WHERE = _listed(
    {
        "nn.parameter": "Parameter Buffer UninitializedParameter UninitializedBuffer",
        "nn.module": "Module",
        "nn.moving": "factory_kwargs",
        "nn.parallel": "DataParallel",
        "nn.containers": "Container Sequential ModuleList ModuleDict",
        "nn.parameter_containers": "ParameterList ParameterDict",
        "nn.layers.linear": "Identity Linear Bilinear Embedding EmbeddingBag",
        "nn.layers.recurrent": "RNNBase RNN LSTM GRU",
        "nn.layers.cells": "RNNCellBase RNNCell LSTMCell GRUCell",
        "nn.layers.attention": "MultiheadAttention TransformerEncoderLayer",
        "nn.layers.transformer": "Transformer TransformerEncoder TransformerDecoder TransformerDecoderLayer",
        "nn.layers.conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
        "nn.layers.norm": "BatchNorm1d BatchNorm2d BatchNorm3d InstanceNorm1d InstanceNorm2d InstanceNorm3d LayerNorm GroupNorm "
        "RMSNorm",
        "nn.layers.lazy": "LazyLinear LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d "
        "LazyConvTranspose3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyInstanceNorm1d "
        "LazyInstanceNorm2d LazyInstanceNorm3d",
        "nn.layers.activation": "ReLU ReLU6 SiLU Mish SELU ELU CELU GELU GLU LeakyReLU PReLU RReLU Hardsigmoid Hardswish "
        "Hardtanh Hardshrink Softshrink Softplus Softsign Sigmoid Tanh Tanhshrink LogSigmoid Threshold Softmin Softmax "
        "Softmax2d LogSoftmax Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
        "nn.layers.pooling": "FractionalMaxPool2d FractionalMaxPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d "
        "MaxUnpool3d AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d LPPool3d AdaptiveMaxPool1d "
        "AdaptiveMaxPool2d AdaptiveMaxPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d "
        "CircularPad1d CircularPad2d CircularPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d "
        "ReplicationPad1d ReplicationPad2d ReplicationPad3d ConstantPad1d ConstantPad2d ConstantPad3d "
        "ZeroPad1d ZeroPad2d ZeroPad3d",
        "nn.layers.shapes": "Flatten Unflatten PixelShuffle PixelUnshuffle ChannelShuffle Fold Unfold Upsample "
        "UpsamplingNearest2d UpsamplingBilinear2d LocalResponseNorm",
        "nn.layers.linear_loss": "LinearCrossEntropyLoss",
        "nn.chunked_loss": "LinearCrossEntropyOptions",
        "nn.layers.cross_map": "CrossMapLRN2d",
        "nn.layers.synchronised": "SyncBatchNorm",
        "nn.layers.adaptive": "AdaptiveLogSoftmaxWithLoss",
        "nn.layers.losses": "L1Loss MSELoss SoftMarginLoss MultiLabelMarginLoss SmoothL1Loss KLDivLoss HingeEmbeddingLoss "
        "BCELoss BCEWithLogitsLoss NLLLoss NLLLoss2d CrossEntropyLoss MultiLabelSoftMarginLoss GaussianNLLLoss "
        "PoissonNLLLoss CosineEmbeddingLoss MarginRankingLoss HuberLoss MultiMarginLoss TripletMarginLoss "
        "TripletMarginWithDistanceLoss CTCLoss CosineSimilarity PairwiseDistance",
    }
)
__getattr__, __dir__ = _late("nn", _WHERE, _MODULES)
