"""What random programs are made of: one table of statements by kind, a template a line.

A template's placeholders are drawn by `drawing.Drawing` from what PyTorch knows of the tensors at that moment, so that most
statements are valid: `{n}` is the tensor that the statement is about, `{new}` a new name, `{=a|b|c}` one of several texts;
the others are the methods of Drawing. The kinds VIEW and PURE are expressions and get a name in front unless they have a
`{new}`; the rest are statements.
"""

from typing import Final

_CREATE = """
torch.arange(6.).reshape(2, 3)
torch.ones(3)
torch.ones(2, 3, requires_grad=True)
torch.tensor([1., 2., 3.], requires_grad=True)
torch.tensor([[0.5, 1.5], [2.5, 3.5]], requires_grad=True)
torch.zeros(2, 2)
torch.tensor(2., requires_grad=True)
torch.arange(3)
torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
torch.full((3, 2), 0.25).t()
torch.arange(24.).reshape(2, 3, 4)
torch.arange(12, dtype=torch.float64).reshape(3, 4).requires_grad_()
torch.tensor([[4., 1.], [1., 3.]], dtype=torch.float64, requires_grad=True)
torch.tensor([1, -2, 7], dtype={dtype})
torch.tensor([[1.5, -0.5, 3.], [0., 2., -1.]]).to({dtype})
torch.tensor([True, False, True])
torch.tensor([[True, False], [False, False]])
torch.tensor([1 + 2j, 3 - 1j])
torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
torch.tensor([[1j, 2], [0.5, -1 - 1j]], dtype=torch.complex128)
torch.tensor([1.5, -2.25, 0.1], dtype=torch.bfloat16)
torch.tensor([1.5, -2.25, 1000.], dtype=torch.float16, requires_grad=True)
torch.tensor([0, 200, 255], dtype=torch.uint8)
torch.tensor([-128, 127, 5], dtype=torch.int8)
torch.tensor([float('nan'), float('inf'), -float('inf'), -0.])
torch.tensor([1e10, 1e-10, 123456.789])
torch.tensor({=3|True|2.5|1j|-7})
torch.tensor([])
torch.empty(0)
torch.zeros({=0, 3|3, 0|2, 0, 2})
torch.zeros((), dtype={dtype})
torch.ones({sizes_new}, dtype={dtype})
torch.full({sizes_new}, {number})
torch.full({sizes_new}, {number}, dtype={dtype})
torch.arange({=5|1, 6|0, 1, 0.25|5, 0, -2|2.5|-1}{=|, dtype=torch.float64|, dtype=torch.int16})
torch.linspace({=0, 1, 5|1, -1, 4|2, 2, 3|0, 10, 1})
torch.logspace({=0, 2, 3|1, -1, 4})
torch.eye({=3|2, 3|1}{=|, dtype=torch.float64|, dtype=torch.int64})
torch.rand({sizes_star})
torch.randn({sizes_star}{=|, dtype=torch.float64|, requires_grad=True})
torch.randint({=5|-3, 9}, {sizes_new})
torch.randperm({=6|1|0})
torch.normal({=0., 1., (3,)|torch.zeros(3), 2.|torch.ones(2, 3), torch.full((2, 3), 0.5)})
torch.bernoulli(torch.full({sizes_new}, 0.4))
torch.multinomial(torch.tensor([0.2, 0.5, 0.3]), {=2|5, True})
torch.complex(torch.tensor([1., 2.]), torch.tensor([0., -1.]))
torch.polar(torch.tensor([1., 2.]), torch.tensor([0.5, -1.]))
torch.from_numpy(np.arange(6.).reshape(2, 3))
torch.from_numpy(np.arange(4, dtype=np.int32))
torch.as_tensor({=[1, 2]|np.ones(3)|2.5|[[1.], [2.]]})
torch.asarray({=[1, 2]|np.ones(3)|2.5})
torch.tensor({=np.float64(1.5)|np.array([1, 2])|np.float32(2)|np.int8(3)|np.array(True)})
torch.Tensor({=[1, 2]|[[1.]]|()})
torch.{=FloatTensor|LongTensor|DoubleTensor|ByteTensor|HalfTensor|BoolTensor|ShortTensor}([1, 0, 1])
torch.scalar_tensor({number})
torch.tril_indices({=3, 3|2, 3, 1})
torch.triu_indices(3, 3)
torch.vander(torch.tensor([1., 2., 3.]))
torch.hann_window(5)
torch.hamming_window(4)
torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
torch.block_diag(torch.ones(1, 2), torch.ones(2, 1))
torch.zeros(2, 3, dtype={dtype}, requires_grad={bool})
torch.empty_strided((2, 3), (1, 2)).zero_()
torch.frombuffer(bytearray(8), dtype=torch.int32)
torch.combinations(torch.arange(3))
torch.heaviside(torch.tensor([-1., 0., 2.]), torch.tensor([0.5]))
torch.nn.functional.one_hot(torch.tensor([0, 2, 1]))
torch.nn.Parameter(torch.ones(3))
"""

_VIEW = """
{n}.view({sizes})
{n}.view({sizes})
{n}.reshape({sizes})
{n}.reshape(-1)
torch.reshape({n}, {sizes})
{n}.view({dtype})
{n}.view({dtype_wide})
{n}.t()
{n}.{=T|mT|H|mH|T|mT}
{n}.transpose({dim}, {dim})
{n}.{=swapaxes|swapdims}({dim}, {dim})
{n}.permute({order})
{n}.permute(*{order})
torch.permute({n}, {order})
{n}.{=movedim|moveaxis}({dim}, {dim})
{n}.squeeze()
{n}.squeeze({dim})
{n}.squeeze({dims})
{n}.unsqueeze({dim})
{n}.unsqueeze(-1)
{n}.expand({broad})
{n}.expand(*{broad})
{n}.expand_as({other})
{n}.broadcast_to({broad})
torch.broadcast_to({n}, {broad})
torch.broadcast_tensors({n}, {other})[{=0|1}]
torch.atleast_{=1|2|3}d({n})
{n}.select({dim}, {index})
{n}.narrow({dim}, 0, {part})
{n}.narrow({dim}, {index}, 1)
{n}[{index0}]
{n}[..., {index_last}]
{n}[{slice}]
{n}[..., {slice}]
{n}[:, {slice}]
{n}[{=...|None|:|()|None, ...|..., None|None, None|True}]
{n}[{key}]
{n}[{key}][{key0}]
{n}.split({=1|2}, {dim})[0]
torch.split({n}, [1, {rest}], 0)[-1]
{n}.chunk({=1|2|3}, {dim})[-1]
{n}.unbind({dim})[{=0|-1}]
{new}, *_ = {n}.unbind({dim})
{new}, *_ = {n}.chunk(2, {dim})
{n}.tensor_split({=2|3|(1,)|(1, 2)}, {dim})[0]
torch.{=hsplit|vsplit|dsplit}({n}, {=1|2|[1]})[0]
{n}.diagonal()
{n}.diagonal({=0|1|-1}, {dim}, {dim})
torch.diag({n})
{n}.unfold({dim}, {part}, {=1|2})
{n}.as_strided({=(2,), (1,)|(2, 2), (1, 1)|(1,), (1,), 1|(), ()|(2, 2), (0, 1)|(3,), (0,)})
{n}.flatten()
{n}.flatten({dim}, -1)
{n}.flatten(0, {dim})
{n}.ravel()
{n}.unflatten({dim}, (1, -1))
{n}.view_as({other})
{n}.detach()
{n}.data
{n}.real
{n}.imag
torch.view_as_real({n})
torch.view_as_complex({n})
{n}.conj()
{n}.resolve_conj()
{n}.{=adjoint()|mH}
torch._neg_view({n})
{n}.alias() if hasattr({n}, 'alias') else {n}.view_as({n})
{n}.contiguous()
{n}.to({n}.dtype)
{n}.reshape_as({other})
{n}.rot90()
{n}.expand(-1, *{shape})
{n}.expand(*{shape})
{n}.positive()
next(iter({n}))
list({n})[-1]
{n}.grad
{n}._base
"""

_UNARY = (
    "exp sin cos tanh sigmoid relu abs neg sign floor round trunc square reciprocal sqrt log1p erf atan rsqrt log log2 log10 "
    "exp2 expm1 tan sinh cosh asin acos asinh acosh atanh erfc ceil frac isnan isinf isfinite signbit sgn logical_not "
    "bitwise_not angle positive deg2rad rad2deg lgamma digamma i0 sinc erfinv logit nan_to_num isposinf isneginf isreal "
    "conj_physical absolute negative fix arctan arcsin"
)
_REDUCED = "sum mean prod max min amax amin std var norm argmax argmin any all median nansum nanmean logsumexp count_nonzero"
_CASTS = "double float half bfloat16 int long short char byte bool cfloat cdouble"

_PURE = (
    "\n".join(f"{{n}}.{name}()" for name in f"{_UNARY} {_REDUCED} {_CASTS}".split() if name != "logsumexp")
    + """
{n}.clone()
{n}.clone()
{n}.contiguous()
{n}.exp()
{n}.sum()
{n}.mean()
torch.{=sin|abs|exp|neg|sqrt|sigmoid|square|relu}({n})
torch.special.{=expit|erf|entr|log_ndtr|ndtr|i1|gammaln|psi|exp2|xlog1py({n}, 2) + torch.special.erf}({n})
{n} {=+|-|*|/} {other}
{n} {=+|-|*|/} {other}
{n} {=+|-|*|/} {other}
{n} {=+|-|*|/|//|%|**} {number}
{n} {=+|-|*|/|//|%} {number}
{number} {=+|-|*|/|//|%|**} {n}
{n} {=//|%|**} {other}
{n} {=&|^} {other}
{n} | {other}
{n} {=<<|>>} {int}
{n} {=&|^} {=1|True|3}
{n} {=>|<|>=|<=|==|!=} {other}
{n} {=>|<|>=|<=|==|!=} {number}
{number} {=>|<|>=|<=|==|!=} {n}
(0 < {n}) & ({n} < 2)
-{n}
+{n}
~{n}
abs({n})
{n} @ {n}.mT
{n} @ {n}
{n}.matmul({other})
torch.mm({n}, {n}.t())
torch.bmm({n}, {n}.mT)
torch.dot({n}, {other})
torch.mv({n}, {n}[0])
torch.outer({n}, {n})
torch.inner({n}, {other})
torch.kron({n}, {n})
torch.addmm({n}, {n}, {n})
torch.baddbmm({n}, {n}, {n})
torch.addmv({n}[0], {n}, {n}[0])
torch.addr({n}, {n}[:, 0], {n}[0])
torch.einsum('{=...i->...|i,i->|ij->ji|ij,ij->i|ij->|ii->i|...ij,...kj->...ik|i->i}', {n})
torch.einsum('{=i,i->i|ij,ij->ij|ij,kj->ik|...,...->...}', {n}, {other})
torch.tensordot({n}, {n}, {=1|0})
torch.{=maximum|minimum|fmax|fmin|atan2|hypot|logaddexp|copysign|nextafter}({n}, {other})
torch.{=floor_divide|remainder|fmod|true_divide|xlogy|heaviside|float_power}({n}, {other})
torch.{=remainder|fmod|floor_divide|float_power|xlogy|copysign|bitwise_left_shift}({n}, {number})
torch.div({n}, {other}, rounding_mode={='floor'|'trunc'|None})
torch.div({n}, {number}, rounding_mode={='floor'|'trunc'})
torch.{=logical_and|logical_or|logical_xor|bitwise_and|bitwise_or|eq|ne|gt|isclose}({n}, {other})
torch.{=add|sub|rsub}({n}, {other}, alpha={=2|0.5|-1})
torch.{=equal|allclose|is_same_size}({n}, {other})
torch.{=gcd|lcm}({n}, {other})
torch.lerp({n}, {other}, {=0.5|0.25})
{n}.lerp({other}, {other})
torch.addcmul({n}, {n}, {other}{=|, value=2|, value=0.5})
torch.addcdiv({n}, {n}, {other}{=|, value=2})
{n}.sum({dim}, keepdim={bool})
{n}.sum({dims})
{n}.sum(dtype={dtype})
{n}.mean({dim})
{n}.mean({dims}, keepdim=True)
{n}.mean(dtype=torch.float64)
{n}.{=prod|nansum|nanmean|all|any|argmax|argmin|logsumexp|count_nonzero}({dim})
{n}.{=amax|amin|logsumexp}({dims})
{n}.{=std|var}({dim})
{n}.{=std|var}({dim}, correction={=0|1|2}, keepdim={bool})
{n}.{=std|var}(unbiased={bool})
torch.{=std_mean|var_mean|aminmax}({n})[{=0|1}]
{new}, {new} = {n}.{=max|min|median|mode|cummax|cummin|sort|nanmedian}({dim})
{new}, {new} = {n}.kthvalue({part}, {dim})
{new}, {new} = {n}.topk({part}, {dim}{=|, largest=False})
{new}, {new} = {n}.sort({dim}, descending={bool})
{new}, {new} = torch.{=cummax|cummin|mode|median|max|min}({n}, {dim})
{new}, {new} = torch.{=frexp|std_mean|var_mean|aminmax}({n})
{new} = {n}.{=max|min|sort|mode|median}({dim})
{n}.{=max|min|sort|cummax}({dim}).{=values|indices}
{n}.argsort({dim}, descending={bool})
{n}.{=cumsum|cumprod|logcumsumexp}({dim})
{n}.cumsum({dim}, dtype={dtype})
{n}.diff(dim={dim})
torch.trapezoid({n})
{n}.{=softmax|log_softmax}({dim})
torch.nn.functional.{=softmax|log_softmax|softmin}({n}, dim={dim})
{n}.softmax({dim}, dtype=torch.float64)
{n}.clamp({number}, {number})
{n}.clamp({=min|max}={number})
{n}.clamp(min={other})
torch.{=clamp_min|clamp_max}({n}, {number})
{n}.clip(-1, 1)
torch.where({n} > 0.5, {n}, {other})
torch.where({mask}, {n}, {number})
torch.where({mask}, {number}, {number})
{new} = torch.where({mask})
torch.cat([{n}, {n}]{=|, 0|, -1})
torch.cat([{n}, {other}], {dim})
torch.stack([{n}, {other}]{=|, -1|, 1})
torch.{=hstack|vstack|dstack|column_stack|row_stack}([{n}, {other}])
{n}.repeat({repeats})
{n}.repeat_interleave({=2|1}, {dim})
{n}.tile({=2|(2,)|(1, 2)})
{n}.flip({dim})
torch.{=fliplr|flipud}({n})
{n}.roll({=1|-1|2}, {dim})
{n}.roll(1)
torch.{=tril|triu}({n}{=|, 1|, -1})
torch.diag_embed({n})
torch.diagflat({n})
{n}.trace()
{n}.masked_fill({mask}, {number})
{n}.masked_select({mask})
{n}.masked_scatter({mask}, {like})
{n}[{mask}]
{n}[{n} > 0.5]
{n}[[{index0}, {index0}]]
{n}[{fancy}]
{n}[{fancy}, ...]
{n}[..., {fancy_last}]
{n}[{fancy}, {slice}]
{n}[:, None]
{n}.index_select({dim}, {indices})
{n}.gather({dim}, {positions})
{n}.take({=torch.tensor([0])|torch.tensor([[0, -1]])})
torch.take_along_dim({n}, {positions}, {dim})
{n}.scatter({dim}, {positions}, {=1|2.5})
{n}.scatter({dim}, {positions}, {like})
{n}.scatter_add({dim}, {positions}, {like})
{n}.scatter_reduce({dim}, {positions}, {like}, '{=sum|prod|mean|amax|amin}'{=|, include_self=False})
{n}.index_add({dim}, {indices}, {n}.index_select({dim_again}, {indices_again}){=|, alpha=2})
{n}.index_copy({dim}, {indices}, {n}.index_select({dim_again}, {indices_again}))
{n}.index_fill({dim}, {indices}, {number})
{n}.index_put(({fancy},), {n}[{fancy_again}]{=|, accumulate=True})
{n}.select_scatter({n}.select({dim}, {index}), {dim_again}, {index_again})
{n}.slice_scatter({n}[{=:1|1:|::2}], start={=0|1})
{n}.diagonal_scatter({n}.diagonal())
{n}.to({dtype})
{n}.type({dtype})
{n}.to({other})
{n}.type_as({other})
{n}.to(torch.float64, copy=True)
torch.{=zeros|ones|rand|randn}_like({n})
torch.{=zeros|ones}_like({n}, dtype={dtype})
torch.full_like({n}, {number})
{n}.new_{=zeros|ones}({sizes_new})
{n}.new_tensor([1, 2])
{n}.new_full((2,), {number})
torch.ones({shape}, dtype={n}.dtype)
torch.{=unique|unique_consecutive}({n})
{new}, {new}, {new} = torch.unique({n}, return_inverse=True, return_counts=True)
torch.bincount({n})
torch.histc({n}, 4, -2, 4)
torch.bucketize({n}, torch.tensor([0., 1., 2.]))
torch.searchsorted(torch.tensor([0., 1., 2.]), {n})
torch.nonzero({n})
torch.argwhere({n})
torch.isin({n}, {other})
torch.norm({n}, {=1|2|float('inf')|0|3|'fro'})
torch.linalg.norm({n})
torch.linalg.vector_norm({n}, {=1|2|3|float('inf')|0})
torch.linalg.vector_norm({n}, 2, {dim})
torch.linalg.matrix_norm({n}{=|, 1|, 'nuc'})
{n}.norm(2, {dim}, keepdim={bool})
{n}.renorm(2, {dim}, 1.)
torch.dist({n}, {other})
torch.cdist({n}, {n})
torch.nn.functional.normalize({n}, dim={dim})
torch.cov({n})
torch.linalg.{=inv|det|pinv|cholesky|matrix_exp|eigvalsh|svdvals|matrix_rank|cond}({spd})
torch.{=inverse|det|logdet|slogdet|linalg.slogdet}({spd})
torch.linalg.solve({spd}, {spd})
{new}, {new} = torch.linalg.{=qr|slogdet|eigh}({spd})
torch.linalg.lstsq({spd}, ({spd})[:, :1] + 1)[0]
torch.linalg.multi_dot([{n}, {n}.mT, {n}])
torch.linalg.matrix_power({spd}, {=2|0|-1})
torch.cholesky_solve({spd}, torch.linalg.cholesky({spd}))
torch.linalg.cross({n}, {other})
torch.fft.{=fft|ifft|rfft|fft2|fftn|fftshift|hfft}({n})
torch.fft.irfft(torch.fft.rfft({n}))
torch.fft.fft({n}, dim={dim}, norm='{=ortho|forward|backward}')
torch._foreach_{=add|mul}([{n}.detach(), {n}.detach()], 2)[{=0|1}]
torch._foreach_{=neg|exp|sqrt}([{n}.detach()])[0]
torch.nn.functional.{=relu|gelu|silu|softplus|elu|selu|leaky_relu|hardtanh|hardsigmoid|hardswish|mish|logsigmoid}({n})
torch.nn.functional.{=tanhshrink|softsign|softshrink|hardshrink|relu6|celu|glu}({n})
torch.nn.functional.gelu({n}, approximate='tanh')
torch.nn.functional.{=mse_loss|l1_loss|smooth_l1_loss|huber_loss|poisson_nll_loss|kl_div|soft_margin_loss}({n}, {other}, reduction='{=mean|sum|none}')
torch.nn.functional.binary_cross_entropy_with_logits({n}, {like})
torch.nn.functional.binary_cross_entropy({n}.sigmoid(), {like}, reduction='{=mean|sum|none}')
torch.nn.functional.cross_entropy({n}, {classes}{=|, reduction='none'|, reduction='sum'|, label_smoothing=0.1})
torch.nn.functional.nll_loss({n}.log_softmax(-1), {classes}{=|, reduction='none'|, reduction='sum'})
torch.nn.functional.cosine_similarity({n}, {other}, dim={dim})
torch.nn.functional.layer_norm({n}, {n}.shape[-1:])
torch.nn.functional.linear({n}, {n})
torch.nn.functional.pad({n}, {=(1, 1)|(0, 1), value=3|(-1, 0)|(1, 1, 1, 0)})
torch.nn.functional.{=dropout|alpha_dropout}({n}, {=0.5|0.1})
torch.nn.functional.dropout({n}, 0.5, training=False)
torch.nn.functional.{=avg_pool1d|max_pool1d}({n}, 2)
torch.nn.functional.conv1d({n}[None], torch.ones(1, {n}.size(0), 1))
torch.nn.functional.embedding({indices}, {n})
torch.nn.functional.interpolate({n}[None], scale_factor=2)
torch.special.{=erfcx|i0e|i1e|bessel_j0|bessel_j1|logit|log1p|sinc|softmax({n}, 0) + torch.special.i0e}({n})
torch.{=logaddexp2|ldexp|fmin|not_equal|bitwise_xor}({n}, {other})
torch.{=cumulative_trapezoid|corrcoef|msort|ravel|erfc|sgn|nonzero_static({n}, size=2) + torch.numel}({n})
torch.gradient({n}){=[0]|}
torch.{=quantile|nanquantile}({n}, {=0.5|torch.tensor([0.25, 0.75], dtype={n}.dtype)}{=|, {dim}})
torch.{=quantile|nanquantile}({n}, 0.3, {dim}, keepdim={bool}, interpolation='{=lower|higher|nearest|midpoint}')
torch.histogram({n}, 3)[{=0|1}]
torch.unravel_index(torch.arange(3), {shape})[-1]
torch.index_reduce({n}, {dim}, {indices}, {n}.index_select({dim_again}, {indices_again}), '{=prod|mean|amax|amin}')
torch.{=select_copy({n}, {dim}, 0|t_copy({n}|unsqueeze_copy({n}, {dim}|view_copy({n}, {sizes}|permute_copy({n}, {order}|detach_copy({n}})
torch.nn.functional.{=rms_norm|layer_norm}({n}, {n}.shape[-1:], {n}[..., :1].expand({n}.shape)[0].clone())
torch.nn.functional.group_norm({n}, {n}.size(1))
torch.nn.functional.{=batch_norm({n}, None, None, training=True)|instance_norm({n})|local_response_norm({n}, 2)}
torch.nn.functional.{=threshold({n}, 0.5, 2.)|rrelu({n})|prelu({n}, torch.tensor([0.25]))|logsigmoid({n})|hardtanh({n}, -0.5, 0.5)}
torch.nn.functional.{=pairwise_distance|margin_ranking_loss({n}, {n}, {other}) + torch.nn.functional.l1_loss}({n}, {other})
torch.nn.functional.{=hinge_embedding_loss|multilabel_soft_margin_loss|gaussian_nll_loss({n}, {n}, {n}.abs()) + torch.nn.functional.mse_loss}({n}, {like})
torch.nn.functional.triplet_margin_loss({n}, {other}, {n} + 1)
torch.nn.functional.scaled_dot_product_attention({n}, {n}, {n}{=|, is_causal=True})
torch.nn.functional.{=max_pool2d|avg_pool2d|adaptive_avg_pool2d|adaptive_max_pool2d}({n}, {=1|2})
torch.nn.functional.{=adaptive_avg_pool1d|lp_pool1d({n}, 2, 1) + torch.nn.functional.adaptive_max_pool1d}({n}, 1)
torch.nn.functional.{=conv_transpose1d|conv1d}({n}, {n}[..., :1].clone())
torch.nn.functional.bilinear({n}, {n}, torch.ones(2, {n}.size(-1), {n}.size(-1)))
torch.nn.functional.embedding_bag(torch.tensor([[0, 0]]), {n}, mode='{=mean|sum|max}')
torch.nn.functional.{=unfold({n}, 1)|pixel_unshuffle({n}, 1)|channel_shuffle({n}, 1)|pdist({n})}
torch.linalg.{=vecdot({n}, {other})|vander({n})|eigvals({spd})|lu({spd})[2]|tensorinv({spd}, ind=1)|inv_ex({spd})[0]}
torch.fft.{=ihfft|ifftn|ifft2|rfftn|ifftshift|rfft2}({n})
torch.func.{=grad(lambda x: (x * x).sum())|vmap(lambda x: x * 2)|vmap(torch.sum)|jacrev(lambda x: x.sin().sum())|hessian(lambda x: x.pow(3).sum())}({n})
torch.func.vmap(lambda x, y: (x * y).sum(), in_dims=({=0|None}, 0))({n}, {other})
torch.autograd.functional.{=jacobian(lambda x: x.exp().sum(), {n})|hvp(lambda x: (x ** 3).sum(), {n}, {like})[1]|vjp(lambda x: x * x, {n}, {like})[1]}
torch.nn.utils.parameters_to_vector([{n}, {any}])
torch.bernoulli({n}.sigmoid())
torch.normal({n}, 1.)
torch.poisson({n}.abs())
torch.multinomial({n}.abs() + 0.1, 1)
torch.stack(list({n}))
torch.cat({n}.split(1))
torch.stack({n}.unbind({dim}), {dim_again})
torch.meshgrid({n}.flatten(), {n}.flatten(), indexing='{=ij|xy}')[{=0|1}]
torch.cartesian_prod({n}.flatten(), {n}.flatten())
torch.result_type({n}, {other})
torch.{=can_cast({n}.dtype, {dtype})|promote_types({n}.dtype, {dtype})}
torch.{=numel|is_tensor|is_floating_point|is_complex|is_nonzero}({n})
{n}.{=shape|dtype|device|ndim|is_leaf|requires_grad|layout|itemsize|nbytes|names|output_nr|_version|retains_grad|is_sparse}
{n}.{=size()|stride()|dim()|numel()|storage_offset()|element_size()|is_contiguous()|type()|nelement()|is_inference()}
{n}.{=size|stride}({dim})
{n}.{=is_floating_point()|is_complex()|is_signed()|is_shared()|is_pinned()|data_ptr() == {n}.data_ptr()|is_conj()|is_neg()|has_names()}
{n}.tolist()
{n}.item()
{n}.numpy()
{n}.detach().numpy()
{n}.numpy(force=True)
np.asarray({n})
np.add({n}.detach(), 1)
{=len|bool|int|float|complex|repr|str|list|tuple}({n})
format({n})
format({n}, '.3f')
{n}.sum().item()
[x.item() for x in {n}.flatten()]
{n}.untyped_storage().nbytes()
{n}.storage_offset(), {n}.is_contiguous(), {n}._is_view()
copy.{=copy|deepcopy}({n})
pickle.loads(pickle.dumps({n}))
{n} in {n}
{number} in {n}
{n}.apply_(lambda v: v + 1)
{n}.map_({other}, lambda a, b: a + b)
{n}.bitwise_{=and|or|xor}({=1|True})
{n}.{=__radd__|__rmul__|__rsub__|__rtruediv__|__rpow__|__rfloordiv__|__rmod__}({number})
{n}.{=__and__|__or__|__xor__}({other})
torch.{=add|mul|sub|div|pow|maximum|eq}({number}, {n})
torch.{=sum|mean|std|prod|amax|softmax|cumsum}({n}, dim={dim})
torch.sum({n}, {=axis|dim}={dims}, {=keepdims|keepdim}=True)
torch.{=argmax|argmin}({n}, dim={dim}, keepdim=True)
{n}.square().sum().sqrt()
({n} * {other}).sum({dim})
({n}.exp() / {n}.exp().sum(-1, keepdim=True)).log()
({n} - {n}.mean()) / ({n}.std() + 1e-5)
{n}.pow(2).mean().add(1).log()
{n}.quantile(0.5)
{n}.nanquantile(torch.tensor([0.1, 0.9], dtype={n}.dtype))
torch.logsumexp({n}, {dims}, keepdim={bool})
torch.addcmul({n}, {n}, {number})
torch.clone({n}, memory_format=torch.{=contiguous_format|preserve_format})
{n}.to(memory_format=torch.contiguous_format)
torch.empty_like({n}).fill_(1)
torch.{=ones|zeros}({shape}){=|.to({n})}
torch.autograd.functional.jacobian(lambda x: x * x, {n})
torch.autograd.functional.hessian(lambda x: (x ** 3).sum(), {n})
torch.autograd.functional.vjp(lambda x: x.exp(), {n}, {like})[1]
"""
)

_IN_PLACE = (
    "exp_ sin_ cos_ tanh_ sigmoid_ relu_ abs_ neg_ square_ sqrt_ reciprocal_ zero_ floor_ round_ trunc_ sign_ log1p_ erf_ "
    "rsqrt_ ceil_ frac_ log_ expm1_ atan_ logical_not_ bitwise_not_ sgn_ nan_to_num_ conj_physical_ absolute_ negative_"
)

_WRITE = (
    "\n".join(f"{{n}}.{name}()" for name in _IN_PLACE.split())
    + """
{n}.{=add_|sub_|mul_|div_}({number})
{n}.{=add_|sub_|mul_|div_}({other})
{n}.{=add_|sub_|mul_|div_}({row})
{n}.{=add_|sub_|mul_}({n})
{n}.add_({other}, alpha={=2|0.5})
{n} {=+=|-=|*=|/=} {number}
{n} {=+=|-=|*=|/=} {other}
{n} {=//=|%=|**=} {number}
{n} {=&=|^=|<<=|>>=} {=1|True}
{n} @= {n}
{n}.pow_({=2|3|0.5})
{n}.pow_({other})
{n}.{=remainder_|fmod_|floor_divide_}({number})
{n}.div_({number}, rounding_mode='floor')
{n}.{=atan2_|hypot_|copysign_|xlogy_|float_power_}({other})
{n}.{=eq_|gt_|lt_|ne_|logical_and_|bitwise_and_}({other})
{n}.fill_({number})
{n}.fill_({n}.sum())
{n}.copy_({other})
{n}.copy_({any})
{n}.copy_({row})
{n}.clamp_({number}, {number})
{n}.clamp_({=min|max}={number})
{n}.{=clamp_min_|clamp_max_}({number})
{n}[{index0}] = {=5|{any}}
{n}[{slice}] = {=2.|{other}|{any}}
{n}[..., {slice}] = {number}
{n}[{key}] = {number}
{n}[{key}] = {n}[{key_again}] * 2
{n}[{key}] = {any}
{n}[{key}] += {number}
{n}[{key}] *= {any}
{n}[{mask}] = {number}
{n}[{mask}] = {n}[{mask_again}] + 1
{n}[{n} > 0.5] = 0
{n}[{fancy}] = {number}
{n}[{fancy}] = {row}
{n}[{fancy}] += 1
{n}[{fancy}] = {n}[{fancy_again}].clone()
{n}[..., {fancy_last}] = {number}
{n}[...] = {other}
{n}[None] = {number}
{n}[True] = {number}
{n}[{index0}][{key0}] = {number}
{n}.{=masked_fill_}({mask}, {number})
{n}.masked_fill_({mask}, {n}.sum())
{n}.masked_scatter_({mask}, {like})
{n}.index_fill_({dim}, {indices}, {number})
{n}.index_add_({dim}, {indices}, {n}.index_select({dim_again}, {indices_again}).clone())
{n}.index_copy_({dim}, {indices}, {n}.index_select({dim_again}, {indices_again}).clone())
{n}.index_put_(({fancy},), {number_tensor}{=|, accumulate=True})
{n}.scatter_({dim}, {positions}, {=1|2.5})
{n}.scatter_({dim}, {positions}, {like})
{n}.scatter_({dim}, {positions}, {like}, reduce='{=add|multiply}')
{n}.scatter_add_({dim}, {positions}, {like})
{n}.scatter_reduce_({dim}, {positions}, {like}, '{=sum|prod|mean|amax|amin}')
{n}.put_(torch.tensor([0]), {n}.flatten()[:1].clone())
{n}.lerp_({other}, {=0.5|0.25})
{n}.addcmul_({n}, {other})
{n}.addcdiv_({other}, {other}, value=0.5)
{n}.addmm_({n}.clone(), {n}.clone())
{n}.{=tril_|triu_}()
{n}.fill_diagonal_({=2|0.5})
{n}.{=cumsum_|cumprod_}({dim})
{n}.t_()
{n}.transpose_({dim}, {dim})
{n}.{=swapaxes_|swapdims_}({dim}, {dim})
{n}.squeeze_()
{n}.squeeze_({dim})
{n}.unsqueeze_({dim})
{n}.as_strided_({=(2,), (1,)|(1,), (1,), 0})
{n}.detach().mul_(2)
{n}.data.add_(1)
{n}.data[{slice}] = {number}
{n}.data = {n}.detach().clone()
{n}.data = {other}.detach().clone()
{n}.data = {any}.data
{n}.detach_()
{n}.view(-1)[:1].mul_(3)
{n}.{=t()|mT|flatten()|diagonal()|unsqueeze(0)|squeeze()|expand_as({n})|real|detach()|view(-1)}.{=add_(1)|mul_(2)|zero_()}
{n}.{=select({dim}, {index})|narrow({dim}, 0, {part})|transpose({dim}, {dim})}.{=add_(1)|mul_(2)|fill_(3)|copy_({any})}
{n}.unbind({dim})[0].{=add_(1)|mul_(2)|zero_()}
{n}.chunk(2, {dim})[0].mul_(2)
{n}.split(1, {dim})[-1].zero_()
torch.{=add|mul|sub}({n}.detach(), {number}, out={n})
torch.{=add|mul}({n}, {other}, out={out})
torch.{=exp|sin|abs|neg|sqrt|sigmoid}({n}, out={out})
torch.{=sum|mean|amax|cumsum|prod}({n}.detach(), {dim}, out={apart})
torch.{=softmax|log_softmax}({n}.detach(), {dim}, out={apart_as_large})
torch.{=eq|pow|div}({n}.detach(), {other}.detach(), out={out}.detach())
torch.{=maximum|lt|fmod}({n}.detach().float(), {other}.detach().float(), out={out}.detach())
torch.{=mm|matmul}({n}.detach(), {n}.detach().mT, out={apart})
torch.{=cat|stack}([{n}.detach(), {n}.detach()], out={apart_for_two})
torch.{=where|clamp}({n}.detach(), 0, 1, out={out})
torch.{=arange(4|zeros(2|ones(3|eye(2|linspace(0, 1, 3}, out={out})
torch.max({n}.detach(), {dim}, out=({apart}, torch.empty(0, dtype=torch.int64)))
{n}.detach().numpy()[...] = {=1|2.5}
{n}.numpy()[...] = 1
{n}.resize_({shape})
{n}.resize_({sizes})
{n}.resize_({smaller})
{n}.resize_as_({no_larger})
{n}.set_({n}.detach().clone())
{n}.set_({other})
{n}.set_({n}.untyped_storage(), 0, ({part0},), (1,))
{new} = {n}.view(-1); {new} = {n}[0]; {new_again}.{=mul_(2)|add_(1)|zero_()|copy_({any})}
{new} = {n}.{=t()|mT|unsqueeze(0)|flatten()}; {n}.{=mul_(2)|add_(1)|copy_({any})}
{new} = {n}[{slice}]; {new_again}.{=mul_({n})|copy_({any})|div_(2)}; {n}.mul_(2)
{new} = {n}.detach().view(-1); {new_again}.{=resize_(2)|set_({any})|copy_({any})}
{n}.set_({n}.view(-1))
{n}.copy_({any}.to({dtype}))
{n}.{=copy_({any}.double())|copy_({any}.bool())|copy_({any}.int().half())|copy_({any}.cfloat())}
{n}.index_reduce_({dim}, {indices}, {n}.index_select({dim_again}, {indices_again}).clone(), '{=prod|amax|mean}')
{n}.{=addbmm_({n}.clone()[None], {n}.clone()[None])|addmv_({n}.clone(), {n}[0].clone())|hypot_({other})|copysign_(-1)|float_power_(2)|xlogy_({other})}
{n}.{=swapdims_({dim}, {dim})|rsqrt_()|erfinv_()|not_equal_({other})|logical_xor_({other})|arctan2_({other})|gcd_({other})|bitwise_left_shift_(1)}
torch._foreach_{=add_|mul_|div_|sub_}([{n}, {n}], [{any}, {any}])
torch._foreach_{=addcmul_|addcdiv_}([{n}], [{any}], [{any}], 0.5)
torch._foreach_copy_([{n}], [{any}])
torch.nn.init.{=constant_({n}, 2.)|xavier_uniform_({n})|kaiming_normal_({n})|orthogonal_({n})|eye_({n})|trunc_normal_({n})}
torch.manual_seed({=0|1|42}); {n}.{=uniform_()|normal_()|exponential_()|geometric_(0.5)|bernoulli_(0.5)|random_(10)|cauchy_()|log_normal_()}
{n}.{=uniform_(-1, 1)|normal_(2, 0.5)|random_()|random_(2, 5)|bernoulli_()|exponential_(2.)}
torch.manual_seed({=0|7}); {new} = torch.{=rand|randn}({sizes_star})
torch.nn.functional.{=relu|elu|leaky_relu|hardtanh|dropout|threshold}({n}, {=inplace=True|1, 0, inplace=True})
torch.{=relu_|exp_|neg_|zero_|sin_|abs_|sigmoid_}({n})
torch._foreach_{=add_|mul_}([{n}, {any}], 2)
torch._foreach_{=zero_|neg_}([{n}])
{n}.{=renorm_(2, 0, 1.)|addr_({n}[:, 0], {n}[0])|addmv_({n}, {n}[0])|baddbmm_({n}.clone(), {n}.clone())}
{n}.{=clip_(0, 1)|ldexp_({other})|nextafter_({other})|heaviside_({other})|logit_(0.1)|digamma_()|lgamma_()|sinc_()}
torch.nn.init.{=zeros_|ones_|uniform_|normal_}({n})
{n}.share_memory_()
del {n}.grad
{n}.my_attribute = 3
{n}.{=real|imag} = {=1|{other}}
{n}.T.copy_({n}.T)
{n}.{=data = 3|data = None|shape = (1,)|dtype = torch.int|grad_fn = None|is_leaf = True}
setattr({n}, 'requires_grad', {=True|False|1|None})
{n} = {n} {=+ 1|* 2|.clone()|.detach()|}
{n} = {n}.{=view(-1)|float()|exp()|requires_grad_()}
{n}.{=sub_|mul_}({any}.{=unsqueeze(0)|squeeze()|sum()|detach()|t()})
"""
)

_GRADIENT = """
{n}.sum().backward()
{n}.sum().backward()
{n}.sum().backward(retain_graph=True)
({n} * {n}).sum().backward(retain_graph=True)
({n} * {other}).sum().backward()
{n}.exp().sum().backward()
{n}.backward({like})
{n}.backward({like}, retain_graph=True)
{n}.backward(gradient={like}, create_graph={bool})
{n}.backward()
{n}.mean().backward(inputs=[{any}])
({n} ** 3).sum().backward(create_graph=True)
{new} = torch.autograd.grad({any}.sum(), {n}, allow_unused=True)[0]
{new} = torch.autograd.grad({n}.sum(), {any}, allow_unused=True, retain_graph=True)[0]
{new}, = torch.autograd.grad(({n} ** 3).sum(), {n}, create_graph=True)
{new}, = torch.autograd.grad(({n} ** 3).sum(), {n})
{new}, = torch.autograd.grad({n}.{=exp|sin|tanh|sigmoid|log|sqrt|prod|relu}().sum(), {n}, create_graph=True)
{new}, {new} = torch.autograd.grad(({n} * {any}).sum(), ({n}, {any}), allow_unused=True)
{new}, = torch.autograd.grad({n}, {any}, {like}, allow_unused=True)
{new}, = torch.autograd.grad({n}, {n}, {like}, retain_graph={bool})
{new}, = torch.autograd.grad({n}.sum(), {any}, materialize_grads=True)
{new} = torch.autograd.grad(torch.autograd.grad({n}.{=exp|tanh|sigmoid|square|sin}().sum(), {n}, create_graph=True)[0].sum(), {n})[0]
torch.autograd.backward([{n}.sum(), {n}.mean()])
torch.autograd.backward({n}, {like})
{n}.requires_grad_()
{n}.requires_grad_()
{n}.requires_grad_({bool})
{n}.retain_grad()
{n}.register_hook(lambda g: g * 2)
{n}.register_hook(lambda g: log.append(g.sum().item()))
{n}.register_hook(lambda g: None)
{n}.register_hook(lambda g: g.mul_(2))
{n}.register_hook(lambda g: g.sum())
{n}.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.sum().item()))
{n}.register_post_accumulate_grad_hook(lambda p: setattr(p, 'grad', None))
{n}.register_post_accumulate_grad_hook(lambda p: p.grad.zero_())
handle = {n}.register_hook(lambda g: g + 1); handle.remove()
{n}.grad_fn.register_hook(lambda gi, go: None)
{n}.grad_fn.register_prehook(lambda go: log.append(len(go)))
{n}.grad = None
{n}.grad.zero_()
{n}.grad.mul_(2)
{n}.grad = {like}
{n}.grad = {any}
{new} = {n}.grad
{new} = {n}.grad.detach()
{n}.grad.data.add_(1)
{n}.sub_({n}.grad, alpha=0.1)
{n}.data -= 0.1 * {n}.grad
{n}.requires_grad = {bool}
torch.set_grad_enabled({=True|True|False})
{new} = {n}.grad_fn.{=next_functions|name()|metadata|_saved_result|_saved_self|_saved_other|saved_tensors|_sequence_nr() > 0}
{new} = [None if f is None else f.name() for f, _ in {n}.grad_fn.next_functions]
{new} = {n}.grad_fn is {n}.grad_fn
{new} = {n}.register_hook
{new} = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
torch.manual_seed(0); _net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.{=Tanh|ReLU|GELU|Sigmoid|SiLU}(), torch.nn.Linear(4, 1))
torch.manual_seed(0); _net = torch.nn.Linear(3, 2{=|, bias=False}); _opt = torch.optim.{=SGD|Adam|AdamW|RMSprop|Adagrad|NAdam}(_net.parameters(), lr=0.1)
torch.manual_seed(0); _net = torch.nn.Linear(3, 2); _net.register_forward_hook(lambda m, i, o: o * 2); _net.weight.register_hook(lambda g: g.clamp(max=1.))
_net = torch.nn.Linear(3, 2); _net.register_full_backward_hook(lambda m, gi, go: log.append(len(gi))); torch.nn.init.ones_(_net.weight); torch.nn.init.zeros_(_net.bias)
torch.manual_seed(1); _net = torch.nn.{=GRU|LSTM|RNN}(3, 2, batch_first=True); {new} = _net(torch.ones(1, 2, 3))[0]; {new_again}.sum().backward(); {new} = _net.weight_hh_l0.grad
torch.manual_seed(0); _net = torch.nn.Linear(3, 2); _opt = torch.optim.{=SGD|Adam|AdamW|Adadelta}(_net.parameters(), lr=0.1); {new} = _net(torch.ones(2, 3)).square().mean(); {new_again}.backward(); _opt.step(); _opt.zero_grad(set_to_none={bool}); {new} = _net.weight
_loss = _net({n}).square().mean(); _loss.backward(); {new} = next(_net.parameters()).grad
{new} = _net({n})
_opt.step(); {new} = next(_net.parameters())
_opt.zero_grad(set_to_none={bool}); {new} = [p.grad for p in _net.parameters()]
{new} = torch.autograd.grad(_net({n}).sum(), list(_net.parameters()), allow_unused=True)
_opt = torch.optim.{=SGD([{n}], lr=0.1, momentum=0.9, nesterov=True)|Adam([{n}])|AdamW([{n}], amsgrad=True)|RMSprop([{n}], centered=True)|Rprop([{n}])|Adamax([{n}])}; _opt.step(); _opt.step()
{new} = dict(a=[{n} * 2, ({n}, {n}.t())])['a'][1][{=0|1}]
{n}.register_hook(lambda g: g.{=clone()|t()|detach()|double()|neg()|expand_as(g)|to(torch.float16)|new_zeros(7)})
{n}.grad_fn.{=register_hook(lambda gi, go: tuple(None if g is None else g * 2 for g in gi))|register_prehook(lambda go: (go[0] * 3,))}
{new}, = torch.autograd.grad(({n} * {n}.detach()).sum(), {n}, create_graph=True); {new_again}.sum().backward() if {new_again}.requires_grad else None
_first, = torch.autograd.grad({n}.{=sigmoid|tanh|exp|softmax(-1).square|cumsum(0).square|norm|std|logsumexp(-1).square}().sum(), {n}, create_graph=True); {new}, = torch.autograd.grad(_first.sum(), {n}, allow_unused=True)
{new} = torch.autograd.grad({n}.{=square|sin}().sum(), {n}, create_graph=True, is_grads_batched={bool})
torch.autograd.backward([{n}.sum(), {any}.sum()], inputs=[{any}])
{new} = torch.utils.checkpoint.checkpoint(lambda x: x.sin() * 2, {n}, use_reentrant=False)
torch.nn.utils.{=clip_grad_value_([{n}], 0.5)|vector_to_parameters(torch.zeros({n}.numel()), [{n}])|get_total_norm([{n}])}
torch.nn.utils.clip_grad_norm_([{n}], 1.)
torch.optim.SGD([{n}], lr=0.1{=|, momentum=0.9}).step()
"""

_MODE = """
with torch.no_grad():
with torch.no_grad():
with torch.enable_grad():
with torch.inference_mode():
with torch.inference_mode():
with torch.set_grad_enabled({bool}):
with torch.inference_mode({bool}):
with torch.inference_mode(), torch.enable_grad():
with torch.autograd.graph.save_on_cpu():
with torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x):
with torch.autograd.graph.saved_tensors_hooks(lambda x: x * 2, lambda x: x):
with torch.autograd.graph.saved_tensors_hooks(lambda x: x.numpy(force=True), lambda x: torch.from_numpy(x)):
with torch.autograd.graph.disable_saved_tensors_hooks('no'):
with torch.autograd.detect_anomaly(check_nan=False):
with torch.autograd.set_grad_enabled({bool}):
with torch.no_grad(), torch.enable_grad():
with torch.random.fork_rng():
"""

_SETTING = """
torch.set_default_dtype(torch.{=float64|float32|float32|float16|bfloat16})
torch.set_printoptions({=precision=2|sci_mode=True|linewidth=40|threshold=5, edgeitems=1|profile='default'|profile='short'})
torch.manual_seed({int})
{new} = torch.get_default_dtype(), torch.initial_seed()
torch.set_grad_enabled(True)
{new} = torch.rand(2, generator=torch.Generator().manual_seed(3))
torch.set_printoptions(profile='default')
torch.set_rng_state(torch.get_rng_state())
"""

_WRONG = """
{n}.view(7, 7)
{n}.view(-1, -1)
{n}.view('a')
{n}.reshape(5, 7)
{n}.sum(9)
{n}.sum('a')
{n}.sum({dim}, {dim}, {dim})
{n}.sum((0, 0))
{n}.transpose(0, 9)
{n}.permute(0, 0)
{n}.permute(5)
{n}.squeeze(9)
{n}.unsqueeze(9)
{n}.expand(7, 7, 7)
{n}.expand(-1)
{n}.nothing
{n}.nothing = 1; del {n}.nothing
torch.nothing
torch.zeros(-1)
torch.zeros('a')
torch.zeros(2.5)
torch.ones(2, dtype=3)
torch.ones(2, device='nowhere')
torch.tensor('a')
torch.tensor([1, [2]])
torch.tensor([[1, 2], [3]])
torch.tensor(None)
torch.tensor([1], requires_grad=True)
torch.tensor()
torch.arange()
torch.arange(0, 5, -1)
torch.arange(0, 5, 0)
torch.full((2,))
torch.eye(-1)
torch.linspace(0, 1)
torch.randint(5, 5, (2,))
torch.randperm(-1)
{n}.add('x')
{n}.add()
{n}.add(1, 2, 3)
{n}.add(1, alpha='a')
{n}.add_(None)
{n}.mul([1, 2])
{n} + 'a'
{n} + None
{n} + [1, 2]
'a' * {n}
{n} @ 2
{n} @ {any}
{n}.matmul({any})
torch.mm({n}, {any})
torch.bmm({n}, {any})
torch.dot({n}, {any})
torch.cat({n})
torch.cat([])
torch.cat([{n}, 1])
torch.cat([{n}, {any}], 1)
torch.stack([{n}, {any}])
torch.stack([])
torch.where({n}, {any}, {any})
torch.where({n})
{n}.backward(1)
{n}.backward(torch.ones(7))
{n}.backward('a')
torch.autograd.grad({n}, {any})
torch.autograd.grad({n}.sum(), 3)
torch.autograd.grad({n}.sum(), [])
{n}.requires_grad_('a')
{n}.requires_grad = 1
{n}.register_hook(3)
{n}.grad = 3
{n}.grad = torch.ones(7)
{n}[9]
{n}[-9]
{n}['a']
{n}[1.5]
{n}[::-1]
{n}[0, 0, 0, 0, 0]
{n}[..., ...]
{n}[{number}]
{n}[{any}]
{n}[torch.tensor([9])]
{n}[torch.tensor([0.5])]
{n}[torch.tensor([True, False, True, False, True])]
{n}[[True]]
{n}[None:2]
{n}[9] = 1
{n}[0] = 'a'
{n}[0] = None
{n}[0] = [1, 2]
{n}[::-1] = 1
{n}[:] = {any}
{n}[{fancy}] = {any}
del {n}[0]
{n}.item()
{n}.tolist(1)
bool({n})
int({n})
float({n})
len({n})
iter({n})
{n}.index_select(0, {any})
{n}.index_select(0, torch.tensor([9]))
{n}.gather(0, {any})
{n}.gather(0, torch.tensor([9]))
{n}.scatter_(0, torch.tensor([9]), 1)
{n}.scatter_(0, {any}, {any})
{n}.index_add_(0, {any}, {any})
{n}.index_copy_(0, torch.tensor([0, 1]), {any})
{n}.masked_fill_({any}, 1)
{n}.masked_fill({mask}, torch.ones(2))
{n}.masked_select({any})
{n}.take(torch.tensor([99]))
{n}.put_(torch.tensor([99]), {any})
{n}.narrow(0, 0, 99)
{n}.narrow(0, 0, -1)
{n}.select(0, 99)
{n}.split(-1)
{n}.split([1, 99])
{n}.chunk(0)
{n}.unfold(0, 99, 1)
{n}.unfold(0, 1, 0)
{n}.as_strided((99,), (1,))
{n}.as_strided((2,), (-1,))
{n}.as_strided((2, 2), (1,))
{n}.diagonal(0, 0, 0)
{n}.to('nowhere')
{n}.to(3)
{n}.to()
{n}.type('nothing')
{n}.view(torch.complex128)
{n}.copy_(3)
{n}.copy_({any})
{n}.fill_('a')
{n}.fill_({any})
{n}.clamp()
{n}.clamp('a')
{n}.pow('a')
{n}.pow(-1)
{n} ** -1
{n} // 0
{n} % 0
{n} << -1
{n} & 1.5
~{n}
-{n}
{n}.softmax()
{n}.softmax(9)
{n}.softmax('a')
{n}.max(9)
{n}.max(0, 1, 2)
{n}.argmax(dim=9)
{n}.topk(99)
{n}.kthvalue(99)
{n}.sort('a')
{n}.mean()
{n}.std('a')
{n}.norm('a')
{n}.repeat()
{n}.repeat(-1)
{n}.repeat('a')
{n}.flip(9)
{n}.flip(0, 0)
{n}.roll()
{n}.roll(1, (0, 1))
{n}.cumsum()
{n}.cumsum(9)
{n}.t()
{n}.T
{n}.mT
{n}.H
{n}.imag
{n}.numpy()

{n}.set_(3)
{n}.set_(torch.ones(2, dtype=torch.int8))
{n}.data = torch.ones(2, dtype=torch.int8)
{n}.uniform_(2, 1)
{n}.normal_(0, -1)
{n}.bernoulli_(2)
{n}.random_(5, 2)
{n}.exponential_(-1)
{n}.geometric_(0)
torch.normal(0, -1, (2,))
torch.bernoulli({n})
torch.multinomial({n}, 1)
torch.multinomial({n}, 99)
torch.manual_seed('a')
torch.set_default_dtype(torch.int64)
torch.set_default_dtype(3)
torch.add({n}, 1, out=3)
torch.add({n}, 1, out={out})
torch.add(1, 2)
torch.exp(2)
torch.exp([1.])
torch.exp({n}, {n})
torch.sum({n}, foo=1)
torch.sum(input={n}, dim=0, dtype='a')
torch.einsum('ij,jk->ik', {n})
torch.einsum('ij', {n})
torch.linalg.inv({n})
torch.linalg.cholesky({n})
torch.linalg.solve({n}, {n})
torch.linalg.det({n})
torch.linalg.qr({n})
torch.linalg.svd({n})[1]
torch.inverse(torch.zeros(2, 2))
torch.linalg.cholesky(-torch.eye(2))
torch.fft.fft({n}, dim=9)
torch.fft.fft({n}, norm='a')
torch.fft.rfft({n})
torch.nn.functional.mse_loss({n}, {any})
torch.nn.functional.mse_loss({n}, {n}, reduction='a')
torch.nn.functional.cross_entropy({n}, {any})
torch.nn.functional.nll_loss({n}, {any})
torch.nn.functional.binary_cross_entropy({n}, {any})
torch.nn.functional.dropout({n}, 2)
torch.nn.functional.relu('a')
torch.nn.functional.softmax({n}, 9)
torch.nn.functional.linear({n}, {any})
torch.nn.functional.conv1d({n}, {any})
torch.nn.functional.embedding({n}, {any})
torch.nn.functional.one_hot({n})
torch.nn.functional.pad({n}, (1,))
torch.nn.functional.layer_norm({n}, (7,))
torch.nn.functional.glu({n})
torch.nn.functional.gelu({n}, approximate='a')
torch.result_type({n}, 'a')
torch.promote_types({n}, {n})
torch.from_numpy([1])
torch.from_numpy(np.array(['a']))
torch.as_tensor('a')
torch.stack({n})
torch.meshgrid({n}, {any})
torch.broadcast_tensors({n}, {any})
torch.broadcast_shapes((2, 3), (3, 2))
torch.unique({n}, dim=9)
torch.bincount({n})
torch.view_as_complex({n})
torch.view_as_real({n})
torch.complex({n}, {any})
torch.clamp({n})
torch.lerp({n}, {any}, 'a')
torch.addmm({n}, {n}, {any})
torch.cross({n}, {any})
torch.diag({n})
torch.trace({n})
torch.tril({n})
torch.div({n}, 2, rounding_mode='a')
torch.tensor_split({n}, 0)
torch.movedim({n}, 0, 9)
torch.empty(2, 3, names=('a',))
torch.Size(['a'])
torch.device('nowhere')
torch.Generator('nowhere')
torch.no_grad(3)
torch.inference_mode('a')
torch.set_grad_enabled('a')
torch.is_nonzero({n})
torch.equal({n}, 1)
torch.allclose({n}, {any})
torch.manual_seed(1, 2)
{n}(1)
{n}.shape(1)
{n}.exp(1)
{n}.exp(out={n})
{n}.detach(1)
{n}.clone(memory_format='a')
{n}.contiguous(1)
{n}.size('a')
{n}.size(9)
{n}.stride(9)
{n}.dim(1)
{n}.unbind(9)
{n}.movedim(0, (0, 1))
{n}.unflatten(0, (7, 7))
{n}.unflatten(9, (1,))
{n}.flatten(2, 1)
{n}.swapaxes(0)
{n}.retain_grad(1)
{n}.grad_fn()
{n}.grad_fn.nothing
{n}.requires_grad_(1, 2)
"""


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.strip().splitlines() if line)


STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    "create": _lines(_CREATE),
    "view": _lines(_VIEW),
    "pure": _lines(_PURE),
    "write": _lines(_WRITE),
    "gradient": _lines(_GRADIENT),
    "mode": _lines(_MODE),
    "setting": _lines(_SETTING),
    "wrong": _lines(_WRONG),
}
"""The statements by kind."""

WEIGHTS: Final[dict[str, int]] = {
    "create": 8,
    "view": 20,
    "pure": 26,
    "write": 20,
    "gradient": 13,
    "mode": 7,
    "setting": 2,
    "wrong": 4,
}
"""How often each kind is drawn, in per cent."""
