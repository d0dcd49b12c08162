"""The short-time Fourier transform and its inverse, composed as PyTorch composes them."""

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite
from tensorcli.engine.ops._shared import is_true

_BARE = (
    "To suppress this warning and use a rectangular window, explicitly set `window=torch.ones(n_fft, "
    "device=<device>)`."
)


def _flag(value):
    return value if value is None else int(value)


def _window_text(window):
    if window is None:
        return "None"
    # Complex tensors have no class of their own, such as torch.FloatTensor is.
    kind = f"CPU{window.dtype.scalar_type}Type" if window.dtype.is_complex else window.type()
    return f"{kind}{{{messages.numbers(window.geometry.sizes)}}}"


def _padded(window, n_fft):
    """A window in the middle of a frame."""
    length = window.size(0)
    if length == n_fft:
        return window
    left = (n_fft - length) // 2
    return functions.constant_pad_nd(window, [left, n_fft - length - left], 0)


def _centred(self, n_fft, pad_mode):
    """The signal with half a frame added on both sides."""
    dims = self.ndim
    sizes = [1] * (3 - dims) + list(self.geometry.sizes)
    padded = functions.pad(self.view(sizes), [n_fft // 2, n_fft // 2], pad_mode)
    return padded.view(padded.geometry.sizes[-dims:])


@composite(
    "stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, "
    'bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, '
    "bool? align_to_window=None) -> Tensor"
)
def stft(self, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided, return_complex, align_to_window):  # fmt: skip
    """The Fourier transforms of the frames of a signal: frequencies by frames."""
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    signal = _centred(self, n_fft, pad_mode) if center else self
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    if window is None:
        messages.warn(
            "A window was not provided. A rectangular window will be applied,which is known to cause spectral leakage. "
            "Other windows such as torch.hann_window or torch.hamming_window are recommended to reduce spectral leakage."
            + _BARE,
            once=True,
        )
    is_complex = signal.dtype.is_complex
    if return_complex is None and not is_complex and not (window is not None and window.dtype.is_complex):
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further require that "
            "return_complex=True in a future PyTorch release."
        )
    refused = _refusal(signal, n_fft, hop, width, window)
    if refused:
        raise RuntimeError(
            f"stft({messages.tensor_type(signal)}{messages.numbers(signal.geometry.sizes)}, n_fft={n_fft}, hop_length={hop}, "
            f"win_length={width}, window={_window_text(window)}, normalized={int(normalized)}, "
            f"onesided={_flag(onesided)}, return_complex={_flag(return_complex)}, "
            f"align_to_window={_flag(align_to_window)}) : {refused}"
        )
    if return_complex is None:
        return_complex = True
    single = signal.ndim == 1
    if single:
        signal = signal.unsqueeze(0)
    batch, length = signal.geometry.sizes
    step = signal.geometry.strides
    frames = signal.as_strided((batch, 1 + (length - n_fft) // hop, n_fft), (step[0], hop * step[1], step[1]))
    if window is not None:
        frames = frames.mul(_padded(window, n_fft))
    is_complex = frames.dtype.is_complex
    onesided = not is_complex if onesided is None else onesided
    scale = 1 if normalized else 0
    if is_complex:
        if onesided:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        found = functions._fft_c2c(frames, [2], scale, True)
    else:
        found = functions._fft_r2c(frames, [2], scale, onesided)
    found.transpose_(1, 2)
    if single:
        found.squeeze_(0)
    if return_complex:
        return found
    messages.warn(
        "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors for "
        "all inputs, and return_complex=False will raise an error.\nNote: you can still call torch.view_as_real on the "
        "complex output to recover the old return format.",
        once=True,
    )
    return functions.view_as_real(found)


def _refusal(signal, n_fft, hop, width, window):
    """Why a signal has no transform with these settings; empty where it has one."""
    if not (signal.dtype.is_floating_point or signal.dtype.is_complex):
        return "expected a tensor of floating point or complex values"
    if signal.ndim not in (1, 2):
        return "expected a 1D or 2D tensor"
    length = signal.size(-1)
    if not 0 < n_fft <= length:
        return f"expected 0 < n_fft < {length}, but got n_fft={n_fft}"
    if hop <= 0:
        return f"expected hop_length > 0, but got hop_length={hop}"
    if not 0 < width <= n_fft:
        return f"expected 0 < win_length <= n_fft, but got win_length={width}"
    if window is not None and (window.ndim != 1 or window.size(0) != width):
        return (
            f"expected a 1D window tensor of size equal to win_length={width}, but got window with size "
            f"{messages.numbers(window.geometry.sizes)}"
        )
    return ""


@composite(
    "istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, "
    "bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor"
)
def istft(self, n_fft, hop_length, win_length, window, center, normalized, onesided, length, return_complex):
    """The signal whose frames have these Fourier transforms, by least squares."""
    if window is None:
        messages.warn(
            "A window was not provided. A rectangular window will be applied.Please provide the same window used by stft "
            "to make the inversion lossless." + _BARE,
            once=True,
        )
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    asked = (
        f"istft(CPU{self.dtype.scalar_type}Type{messages.numbers(self.geometry.sizes)}, n_fft={n_fft}, hop_length={hop}, "
        f"win_length={width}, window={_window_text(window)}, center={int(center)}, normalized={int(normalized)}, "
        f"onesided={_flag(onesided)}, length={length}, return_complex={int(return_complex)})"
    )
    if not self.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    spectrum = functions.view_as_real(self.resolve_conj())
    single = spectrum.ndim == 3
    frames, bins = spectrum.size(-2), spectrum.size(-3)
    if not self.numel():
        raise RuntimeError(f"{asked} : input tensor cannot be empty.")
    if not single and spectrum.ndim != 4:
        raise RuntimeError(f"{asked} : expected a tensor with 3 or 4 dimensions, but got {spectrum.ndim}")
    onesided = bins != n_fft if onesided is None else onesided
    refused = _refusal_of_inverse(bins, n_fft, onesided, hop, width, window)
    if refused:
        raise RuntimeError(f"{asked} : {refused}")
    real = self.dtype.to_real()
    shape = functions.ones((width,), dtype=real, device=self.device) if window is None else window
    shape = _padded(shape, n_fft)
    if single:
        spectrum = spectrum.unsqueeze(0)
    spectrum = functions.view_as_complex(spectrum.transpose(1, 2))
    scale = 1 if normalized else 2
    if return_complex:
        if onesided:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        found = functions._fft_c2c(spectrum, [2], scale, False)
    else:
        if window is not None and window.dtype.is_complex:
            raise RuntimeError("Complex windows are incompatible with return_complex=False")
        if not onesided:
            spectrum = spectrum.narrow(-1, 0, n_fft // 2 + 1)
        found = functions._fft_c2r(spectrum, [2], scale, n_fft)
    whole = n_fft + hop * (frames - 1)
    signal = functions.unfold_backward(
        found * shape.view((1, 1, n_fft)), [found.size(0), whole], 1, n_fft, hop
    )
    weights = functions.unfold_backward(shape.pow(2).expand((1, frames, n_fft)), [1, whole], 1, n_fft, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else whole - n_fft // 2 if center else whole
    signal, weights = (functions.slice(each, 1, start, end) for each in (signal, weights))
    if is_true(weights.abs().min().lt(1e-11)):
        raise RuntimeError(f"{asked} window overlap add min: 1\n[ CPUBoolType{{}} ]")
    signal = signal / weights
    if single:
        signal = signal.squeeze(0)
    if length is not None and length > signal.size(-1):
        messages.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
            "Please check your center and hop_length settings.",
            once=True,
        )
        signal = functions.constant_pad_nd(signal, [0, length - signal.size(-1)], 0)
    return signal


def _refusal_of_inverse(bins, n_fft, onesided, hop, width, window):
    """Why this number of frequencies has no inverse with these settings; empty where they have one."""
    if bins != (n_fft // 2 + 1 if onesided else n_fft):
        wanted = "n_fft / 2 + 1 when onesided=True" if onesided else "n_fft when onesided=False"
        return (
            f"expected the frequency dimension (3rd to the last) of the input tensor to match {wanted}, but got "
            f"{bins}"
        )
    if not 0 < hop <= width:
        return "expected 0 < hop_length <= win_length"
    if not 0 < width <= n_fft:
        return "expected 0 < win_length <= n_fft"
    if window is not None and (window.ndim != 1 or window.size(0) != width):
        return "Invalid window shape. window has to be 1D and length of `win_length`"
    return ""
