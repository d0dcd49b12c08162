"""Which chapter declares which operators, by the name of all their overloads. Written by scripts/list_contents.py."""

NAMES = {
    "create": """
        empty empty_like empty_permuted empty_strided eye full full_like new_empty new_empty_strided new_full
        new_ones new_zeros ones ones_like scalar_tensor tril_indices triu_indices zeros zeros_like
    """,
    "ranges": """
        arange linspace logspace range
    """,
    "window": """
        bartlett_window blackman_window hamming_window hann_window kaiser_window
    """,
    "pointwise": """
        add add_ addcdiv addcdiv_ addcmul addcmul_ div div_ divide divide_ floor_divide floor_divide_ fmod
        fmod_ lerp lerp_ mul mul_ multiply multiply_ remainder remainder_ rsub sub sub_ subtract subtract_
        true_divide true_divide_
    """,
    "power": """
        float_power float_power_ pow pow_ reciprocal reciprocal_ rsqrt rsqrt_ sqrt sqrt_ square square_
    """,
    "elementary": """
        acos acos_ acosh acosh_ arccos arccos_ arccosh arccosh_ arcsin arcsin_ arcsinh arcsinh_ arctan arctan2
        arctan2_ arctan_ arctanh arctanh_ asin asin_ asinh asinh_ atan atan2 atan2_ atan_ atanh atanh_ cos
        cos_ cosh cosh_ deg2rad deg2rad_ exp exp2 exp2_ exp_ expm1 expm1_ hypot hypot_ ldexp ldexp_ log log10
        log10_ log1p log1p_ log2 log2_ log_ logaddexp logaddexp2 rad2deg rad2deg_ sin sin_ sinc sinc_ sinh
        sinh_ tan tan_ tanh tanh_
    """,
    "rounding": """
        abs abs_ absolute absolute_ angle ceil ceil_ copysign copysign_ fix fix_ floor floor_ frac frac_ frexp
        heaviside heaviside_ nan_to_num nan_to_num_ neg neg_ negative negative_ nextafter nextafter_ positive
        round round_ sgn sgn_ sign sign_ trunc trunc_
    """,
    "limits": """
        clamp clamp_ clamp_max clamp_max_ clamp_min clamp_min_ clip clip_ fmax fmin maximum minimum
    """,
    "bits": """
        bitwise_and bitwise_and_ bitwise_left_shift bitwise_left_shift_ bitwise_not bitwise_not_ bitwise_or
        bitwise_or_ bitwise_right_shift bitwise_right_shift_ bitwise_xor bitwise_xor_ gcd gcd_ lcm lcm_
    """,
    "compare": """
        allclose eq eq_ equal ge ge_ greater greater_ greater_equal greater_equal_ gt gt_ isclose isfinite
        isinf isnan isneginf isposinf isreal le le_ less less_ less_equal less_equal_ logical_and logical_and_
        logical_not logical_not_ logical_or logical_or_ logical_xor logical_xor_ lt lt_ ne ne_ not_equal
        not_equal_ signbit where
    """,
    "search": """
        bucketize isin searchsorted
    """,
    "complex": """
        _conj _conj_physical _neg_view complex conj conj_physical conj_physical_ imag polar real resolve_conj
        resolve_neg view_as_complex view_as_real
    """,
    "activation": """
        celu celu_ elu elu_ elu_backward glu glu_backward logit logit_ logit_backward selu selu_ sigmoid
        sigmoid_ sigmoid_backward tanh_backward
    """,
    "rectifier": """
        _prelu_kernel _prelu_kernel_backward leaky_relu leaky_relu_ leaky_relu_backward prelu relu relu_ rrelu
        rrelu_ rrelu_with_noise rrelu_with_noise_ rrelu_with_noise_backward threshold threshold_
        threshold_backward
    """,
    "smooth": """
        gelu gelu_ gelu_backward log_sigmoid log_sigmoid_backward log_sigmoid_forward mish mish_ mish_backward
        silu silu_ silu_backward softplus softplus_backward
    """,
    "piecewise": """
        hardshrink hardshrink_backward hardsigmoid hardsigmoid_ hardsigmoid_backward hardswish hardswish_
        hardswish_backward hardtanh hardtanh_ hardtanh_backward relu6 relu6_ softshrink softshrink_backward
    """,
    "reduce": """
        all any count_nonzero hash_tensor logsumexp mean nanmean nansum prod sum sum_to_size
    """,
    "extreme": """
        amax amin aminmax argmax argmin max median min mode nanmedian
    """,
    "spread": """
        std std_mean var var_mean
    """,
    "scan": """
        cummax cummin cumprod cumprod_ cumsum cumsum_ logcumsumexp
    """,
    "segment": """
        _segment_reduce_backward segment_reduce
    """,
    "order": """
        _unique _unique2 _unique_consecutive argsort kthvalue msort sort topk unique unique_consecutive
        unique_dim
    """,
    "shape": """
        _reshape_alias _unsafe_view atleast_1d atleast_2d atleast_3d flatten ravel reshape reshape_as squeeze
        squeeze_ unflatten unsqueeze unsqueeze_ view view_as
    """,
    "transpose": """
        adjoint moveaxis movedim permute swapaxes swapaxes_ swapdims swapdims_ t t_ transpose transpose_
    """,
    "expand": """
        broadcast_tensors broadcast_to expand expand_as
    """,
    "strided": """
        as_strided as_strided_ diagonal linalg_diagonal narrow narrow_copy select slice unfold
    """,
    "split": """
        chunk dsplit hsplit split split_with_sizes tensor_split unbind unsafe_chunk unsafe_split
        unsafe_split_with_sizes vsplit
    """,
    "replaced": """
        as_strided_scatter diagonal_backward diagonal_scatter select_backward select_scatter slice_backward
        slice_scatter unfold_backward
    """,
    "view_copies": """
        alias_copy as_strided_copy detach_copy diagonal_copy expand_copy permute_copy select_copy slice_copy
        split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy
        unsqueeze_copy view_as_complex_copy view_as_real_copy view_copy
    """,
    "join": """
        block_diag cat column_stack concat concatenate dstack hstack repeat repeat_interleave row_stack stack
        tile vstack
    """,
    "reorder": """
        diag diag_embed diagflat flip fliplr flipud roll rot90 tril tril_ triu triu_
    """,
    "grid": """
        cartesian_prod combinations meshgrid vander
    """,
    "copy": """
        _to_copy alias clone contiguous copy_ detach detach_
    """,
    "fill": """
        fill fill_ fill_diagonal_ zero_
    """,
    "memory": """
        is_set_to resize_ resize_as_ set_
    """,
    "convert": """
        bfloat16 bool byte cdouble cfloat chalf char cpu cuda double float half int is_pinned long pin_memory
        short to type type_as
    """,
    "index": """
        _index_put_impl_ index index_put index_put_
    """,
    "gather": """
        gather gather_backward index_select index_select_backward put put_ take take_along_dim
    """,
    "mask": """
        argwhere masked_fill masked_fill_ masked_scatter masked_scatter_ masked_scatter_backward masked_select
        masked_select_backward nonzero nonzero_numpy nonzero_static
    """,
    "scatter": """
        scatter scatter_ scatter_add scatter_add_ scatter_reduce scatter_reduce_
    """,
    "slices": """
        index_add index_add_ index_copy index_copy_ index_fill index_fill_ index_reduce index_reduce_
    """,
    "random": """
        rand rand_like randint randint_like randn randn_like randperm
    """,
    "sampling": """
        bernoulli bernoulli_ binomial cauchy_ exponential_ geometric_ log_normal_ multinomial native_dropout
        native_dropout_backward normal normal_ poisson random_ uniform_
    """,
    "linear": """
        addbmm addbmm_ addmm addmm_ addmv addmv_ addr addr_ baddbmm baddbmm_ bmm dot ger mm mv outer vdot
    """,
    "matmul": """
        chain_matmul inner kron linear matmul trace
    """,
    "contract": """
        _trilinear bilinear einsum tensordot
    """,
    "norms": """
        _norm frobenius_norm linalg_cond linalg_matrix_norm linalg_norm linalg_vector_norm norm nuclear_norm
    """,
    "linalg": """
        cross linalg_cross linalg_matmul linalg_matrix_exp linalg_matrix_power linalg_multi_dot
        linalg_tensorinv linalg_tensorsolve linalg_vander linalg_vecdot matrix_exp matrix_power
    """,
    "inverse": """
        _linalg_det _linalg_slogdet det inverse linalg_det linalg_inv linalg_inv_ex linalg_matrix_rank
        linalg_pinv linalg_slogdet logdet pinverse slogdet
    """,
    "solve": """
        _linalg_solve_ex linalg_lstsq linalg_solve linalg_solve_ex linalg_solve_triangular
    """,
    "cholesky": """
        cholesky cholesky_inverse cholesky_solve linalg_cholesky linalg_cholesky_ex
    """,
    "decompose": """
        _linalg_eigh _linalg_svd linalg_eig linalg_eigh linalg_eigvals linalg_eigvalsh
        linalg_householder_product linalg_qr linalg_svd linalg_svdvals orgqr qr svd
    """,
    "lu": """
        linalg_lu linalg_lu_factor linalg_lu_factor_ex linalg_lu_solve lu_solve lu_unpack
    """,
    "factor": """
        _lu_with_info geqrf linalg_ldl_factor linalg_ldl_factor_ex linalg_ldl_solve lu ormqr triangular_solve
    """,
    "numbers": """
        _add _add_ _div _div_ _mul _mul_ _sub _sub_
    """,
    "softmax": """
        _log_softmax _log_softmax_backward_data _softmax _softmax_backward_data log_softmax softmax
    """,
    "dropout": """
        alpha_dropout alpha_dropout_ dropout dropout_ feature_alpha_dropout feature_alpha_dropout_
        feature_dropout feature_dropout_
    """,
    "loss": """
        huber_loss huber_loss_backward l1_loss mse_loss mse_loss_backward smooth_l1_loss
        smooth_l1_loss_backward soft_margin_loss soft_margin_loss_backward
    """,
    "cross_entropy": """
        cross_entropy_loss nll_loss nll_loss2d nll_loss2d_backward nll_loss2d_forward nll_loss_backward
        nll_loss_forward nll_loss_nd
    """,
    "likelihood": """
        binary_cross_entropy binary_cross_entropy_backward binary_cross_entropy_with_logits kl_div
        poisson_nll_loss
    """,
    "margin": """
        cosine_embedding_loss hinge_embedding_loss margin_ranking_loss multi_margin_loss
        multi_margin_loss_backward multilabel_margin_loss multilabel_margin_loss_backward
        multilabel_margin_loss_forward triplet_margin_loss
    """,
    "ctc": """
        _ctc_loss _ctc_loss_backward ctc_loss
    """,
    "layer_norm": """
        group_norm layer_norm native_group_norm native_group_norm_backward native_layer_norm
        native_layer_norm_backward rms_norm
    """,
    "batch_norm": """
        batch_norm instance_norm native_batch_norm native_batch_norm_backward
    """,
    "conv": """
        conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution
        convolution_backward
    """,
    "patch": """
        channel_shuffle col2im im2col native_channel_shuffle pixel_shuffle pixel_unshuffle
    """,
    "pad": """
        _pad_circular constant_pad_nd pad reflection_pad1d reflection_pad1d_backward reflection_pad2d
        reflection_pad2d_backward reflection_pad3d reflection_pad3d_backward replication_pad1d
        replication_pad1d_backward replication_pad2d replication_pad2d_backward replication_pad3d
        replication_pad3d_backward
    """,
    "pool": """
        avg_pool1d avg_pool2d avg_pool2d_backward avg_pool3d avg_pool3d_backward max_pool1d
        max_pool1d_with_indices max_pool2d max_pool2d_with_indices max_pool2d_with_indices_backward max_pool3d
        max_pool3d_with_indices max_pool3d_with_indices_backward
    """,
    "adaptive_pool": """
        _adaptive_avg_pool2d _adaptive_avg_pool2d_backward _adaptive_avg_pool3d _adaptive_avg_pool3d_backward
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
        adaptive_max_pool2d_backward adaptive_max_pool3d adaptive_max_pool3d_backward
    """,
    "fractional": """
        fractional_max_pool2d fractional_max_pool2d_backward fractional_max_pool3d
        fractional_max_pool3d_backward
    """,
    "unpool": """
        max_unpool2d max_unpool3d
    """,
    "image": """
        _upsample_bicubic2d_aa _upsample_bicubic2d_aa_backward _upsample_bilinear2d_aa
        _upsample_bilinear2d_aa_backward _upsample_lanczos2d_aa _upsample_lanczos2d_aa_backward
        _upsample_nearest_exact1d _upsample_nearest_exact1d_backward _upsample_nearest_exact2d
        _upsample_nearest_exact2d_backward _upsample_nearest_exact3d _upsample_nearest_exact3d_backward
        affine_grid_generator affine_grid_generator_backward upsample_bicubic2d upsample_bicubic2d_backward
        upsample_bilinear2d upsample_bilinear2d_backward upsample_linear1d upsample_linear1d_backward
        upsample_nearest1d upsample_nearest1d_backward upsample_nearest2d upsample_nearest2d_backward
        upsample_nearest3d upsample_nearest3d_backward upsample_trilinear3d upsample_trilinear3d_backward
    """,
    "sampler": """
        grid_sampler grid_sampler_2d grid_sampler_2d_backward grid_sampler_3d grid_sampler_3d_backward
    """,
    "attention": """
        _safe_softmax _scaled_dot_product_flash_attention_for_cpu
        _scaled_dot_product_flash_attention_for_cpu_backward scaled_dot_product_attention
    """,
    "embedding": """
        embedding embedding_dense_backward embedding_renorm_ one_hot
    """,
    "embedding_bag": """
        _embedding_bag _embedding_bag_backward _embedding_bag_per_sample_weights_backward embedding_bag
    """,
    "packing": """
        _pack_padded_sequence _pack_padded_sequence_backward
    """,
    "weights": """
        _weight_norm _weight_norm_interface norm_except_dim
    """,
    "spectrum": """
        istft stft
    """,
    "fft_kernels": """
        _fft_c2c _fft_c2r _fft_r2c
    """,
    "fft": """
        fft_fft fft_fft2 fft_fftfreq fft_fftn fft_fftshift fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2
        fft_ifftn fft_ifftshift fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn fft_rfft
        fft_rfft2 fft_rfftfreq fft_rfftn
    """,
    "calculus": """
        cumulative_trapezoid diff gradient trapezoid trapz
    """,
    "statistics": """
        bincount corrcoef cov histc nanquantile quantile
    """,
    "distance": """
        _cdist_backward _cdist_forward _euclidean_dist _pdist_backward _pdist_forward cdist cosine_similarity
        dist pairwise_distance pdist renorm renorm_
    """,
    "histogram": """
        _histogramdd_bin_edges _histogramdd_from_bin_cts _histogramdd_from_bin_tensors histogram histogramdd
    """,
    "special": """
        erf erf_ erfc erfc_ erfinv erfinv_ special_entr special_erfcx special_log_ndtr special_ndtr
        special_ndtri special_xlog1py xlogy xlogy_
    """,
    "gamma": """
        digamma digamma_ igamma igamma_ igammac igammac_ lgamma lgamma_ mvlgamma mvlgamma_ polygamma
        polygamma_
    """,
    "pathwise": """
        _dirichlet_grad _sample_dirichlet _standard_gamma _standard_gamma_grad
    """,
    "bessel": """
        i0 i0_ special_airy_ai special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1
        special_i0e special_i1 special_i1e special_modified_bessel_i0 special_modified_bessel_i1
        special_modified_bessel_k0 special_modified_bessel_k1 special_scaled_modified_bessel_k0
        special_scaled_modified_bessel_k1 special_spherical_bessel_j0
    """,
    "polynomial": """
        special_chebyshev_polynomial_t special_chebyshev_polynomial_u special_chebyshev_polynomial_v
        special_chebyshev_polynomial_w special_digamma special_erf special_erfc special_erfinv special_exp2
        special_expit special_expm1 special_gammainc special_gammaincc special_gammaln
        special_hermite_polynomial_h special_hermite_polynomial_he special_i0 special_laguerre_polynomial_l
        special_legendre_polynomial_p special_log1p special_log_softmax special_logit special_logsumexp
        special_multigammaln special_polygamma special_psi special_round
        special_shifted_chebyshev_polynomial_t special_shifted_chebyshev_polynomial_u
        special_shifted_chebyshev_polynomial_v special_shifted_chebyshev_polynomial_w special_sinc
        special_softmax special_xlogy special_zeta
    """,
    "cells": """
        gru_cell lstm_cell rnn_relu_cell rnn_tanh_cell
    """,
    "recurrent": """
        mkldnn_rnn_layer mkldnn_rnn_layer_backward
    """,
    "rnn": """
        gru lstm rnn_relu rnn_tanh
    """,
    "sobol": """
        _sobol_engine_draw _sobol_engine_ff_ _sobol_engine_initialize_state_ _sobol_engine_scramble_
    """,
}
