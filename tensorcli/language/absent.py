"""Which names PyTorch's modules have and a script's have not. Written by scripts/list_absent.py."""

NAMES = {
    "torch": """
        AggregationType AliasDb AnyType Argument ArgumentSpec AwaitType BenchmarkConfig
        BenchmarkExecutionStats Block BoolType BufferDict CallStack Capsule ClassType Code CompilationUnit
        CompleteArgumentSpec ComplexType ConcreteModuleType ConcreteModuleTypeBuilder DeepCopyMemoTable
        DeserializationStorageContext DeviceObjType DictType DisableTorchFunction DisableTorchFunctionSubclass
        DispatchKey DispatchKeySet EnumType ErrorReport Event ExcludeDispatchKeyGuard ExecutionPlan FatalError
        FileCheck FloatType FunctionSchema Future FutureType Gradient Graph GraphExecutorState IODescriptor
        InferredType IntType InterfaceType JITException ListType LiteScriptModule LockingLogger LoggerBase
        ModuleDict Node NoneType NoopLogger NumberType OperatorInfo OptionalType ParameterDict PyObjectType
        PyTorchFileReader PyTorchFileWriter QInt32Storage QInt8Storage QUInt2x4Storage QUInt4x2Storage
        QUInt8Storage RRefType ScriptClass ScriptClassFunction ScriptDict ScriptDictIterator
        ScriptDictKeyIterator ScriptFunction ScriptList ScriptListIterator ScriptMethod ScriptModule
        ScriptModuleSerializer ScriptObject ScriptObjectProperty SerializationStorageContext StaticModule
        StorageBase Stream StreamObjType StringType SymBoolType SymIntType Tag TensorType ThroughputBenchmark
        TracingState TupleType Type UnionType Use Value ao autocast_decrement_nesting
        autocast_increment_nesting batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_elemt
        batch_norm_gather_stats batch_norm_gather_stats_with_counts batch_norm_stats batch_norm_update_stats
        bit bits16 bits1x8 bits2x4 bits4x2 bits8 ccol_indices_copy choose_qparams_optimized classes
        classproperty col_indices_copy compile compiler cond crow_indices_copy cudnn_affine_grid_generator
        cudnn_batch_norm cudnn_convolution cudnn_convolution_add_relu cudnn_convolution_relu
        cudnn_convolution_transpose cudnn_grid_sampler cudnn_is_acceptable dequantize distributed dsmm
        empty_quantized export fake_quantize_per_channel_affine fake_quantize_per_tensor_affine
        fbgemm_linear_fp16_weight fbgemm_linear_fp16_weight_fp32_activation fbgemm_linear_int8_weight
        fbgemm_linear_int8_weight_fp32_activation fbgemm_linear_quantize_weight fbgemm_pack_gemm_matrix_fp16
        fbgemm_pack_quantized_matrix float4_e2m1fn_x2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu fork
        from_file fused_moving_avg_obs_fake_quant futures fx get_autocast_ipu_dtype get_autocast_xla_dtype
        get_device_module get_file_path hsmm hspmm hub import_ir_module import_ir_module_from_buffer
        indices_copy init_num_threads int1 int2 int3 int4 int5 int6 int7 int_repr is_autocast_ipu_enabled
        is_autocast_xla_enabled jagged jit legacy_contiguous_format library masked
        merge_type_from_type_comment miopen_batch_norm miopen_convolution miopen_convolution_add_relu
        miopen_convolution_relu miopen_convolution_transpose miopen_ctc_loss miopen_depthwise_convolution
        miopen_rnn mkldnn_adaptive_avg_pool2d mkldnn_convolution mkldnn_linear_backward_weights
        mkldnn_max_pool2d mkldnn_max_pool3d monitor mtia multiprocessing native_norm nested onnx ops overrides
        package parse_ir parse_schema parse_type_comment per_channel_affine per_channel_affine_float_qparams
        per_channel_symmetric per_tensor_affine per_tensor_symmetric prepare_multiprocessing_environment
        profiler profiler_allow_cudagraph_cupti_lazy_reinit_cuda12 q_per_channel_axis q_per_channel_scales
        q_per_channel_zero_points q_scale q_zero_point qint32 qint8 qscheme quantization quantize_per_channel
        quantize_per_tensor quantize_per_tensor_dynamic quantized_batch_norm quantized_gru quantized_gru_cell
        quantized_lstm quantized_lstm_cell quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d
        quantized_rnn_relu_cell quantized_rnn_tanh_cell quint2x4 quint4x2 quint8 resize_as_sparse_
        row_indices_copy saddmm set_autocast_ipu_dtype set_autocast_ipu_enabled set_autocast_xla_dtype
        set_autocast_xla_enabled slice_inverse smm sparse sparse_bsc sparse_bsc_tensor sparse_bsr
        sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor sparse_csc sparse_csc_tensor
        sparse_csr_tensor spmm sspaddmm sym_constrain_range sym_constrain_range_for_size sym_fresh_size
        thread_safe_generator types uint1 uint2 uint3 uint4 uint5 uint6 uint7 unify_type_list values_copy wait
        while_loop
    """,
    "torch.Tensor": """
        ccol_indices dequantize index int_repr ipu mtia q_per_channel_axis q_per_channel_scales
        q_per_channel_zero_points q_scale q_zero_point qscheme record_stream reinforce resize_as_sparse_
        row_indices slice_inverse smm sparse_mask sparse_resize_ sparse_resize_and_clear_ sspaddmm to_mkldnn
        to_padded_tensor to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr xpu
    """,
    "torch.accelerator": """
        Graph empty_host_cache get_device_capability graphs memory memory_stats reset_accumulated_memory_stats
        set_stream
    """,
    "torch.autograd": """
        NestedIOFunction profiler profiler_legacy profiler_util
    """,
    "torch.autograd.function": """
        FunctionMeta NestedIOFunction
    """,
    "torch.autograd.graph": """
        region_activation_memory_budget set_override_stale_capture_stream
    """,
    "torch.cpu": """
        Event Stream StreamContext current_stream get_capabilities stream
    """,
    "torch.cpu.amp": """
        GradScaler autocast_mode grad_scaler
    """,
    "torch.cuda": """
        BFloat16Storage BoolStorage ByteStorage CUDAGraph CUDAPluggableAllocator CharStorage
        ComplexDoubleStorage ComplexFloatStorage CudaError DeferredCudaCallError DoubleStorage ExternalStream
        FloatStorage GreenContext HalfStorage IntStorage LongStorage MemPool ShortStorage StreamContext
        caching_allocator_alloc caching_allocator_delete caching_allocator_disabled caching_allocator_enable
        change_current_allocator check_error clock_rate cudaStatus cudart current_blas_handle
        current_solver_handle device_memory_used gds get_allocator_backend get_arch_list get_gencode_flags
        get_per_process_memory_fraction get_stream_from_external get_sync_debug_mode graph graph_pool_handle
        graphs green_contexts host_memory_stats host_memory_stats_as_nested_dict is_current_stream_capturing
        is_tf32_supported jiterator list_gpu_processes make_graphed_callables max_memory_cached memory_cached
        memory_snapshot memory_stats memory_stats_as_nested_dict memory_summary memory_usage nccl nvtx
        power_draw profiler reset_accumulated_host_memory_stats reset_accumulated_memory_stats
        reset_max_memory_cached reset_peak_host_memory_stats set_per_process_memory_fraction set_stream
        set_sync_debug_mode sparse streams temperature tunable use_mem_pool utilization
    """,
    "torch.cuda.amp": """
        amp_definitely_not_available common
    """,
    "torch.fft": """
        Tensor
    """,
    "torch.mps": """
        Event compile_shader current_allocated_memory driver_allocated_memory event get_rng_state
        load_metallib profiler recommended_max_memory seed set_per_process_memory_fraction set_rng_state
    """,
    "torch.nn": """
        common_types intrinsic qat quantizable quantized
    """,
    "torch.nn.attention": """
        activate_flash_attention_impl current_flash_attention_impl flex_attention list_flash_attention_impls
        register_flash_attention_impl restore_flash_attention_impl
    """,
    "torch.nn.functional": """
        ScalingType SwizzleType assert_int_or_pair grouped_mm scaled_grouped_mm scaled_mm
    """,
    "torch.nn.modules.module.Module": """
        T_destination compile ipu mtia xpu
    """,
    "torch.nn.parameter": """
        UninitializedTensorMixin
    """,
    "torch.optim": """
        SparseAdam swap_in_optimizer_params_and_state
    """,
    "torch.random": """
        thread_safe_generator
    """,
    "torch.serialization": """
        LoadEndianness SourceChangeWarning StorageType check_module_version_greater_or_equal
        default_restore_location get_crc32_options get_default_load_endianness get_default_mmap_options
        location_tag mkdtemp normalize_storage_type register_package set_crc32_options
        set_default_load_endianness set_default_mmap_options skip_data storage_to_tensor_type
        validate_cuda_device validate_hpu_device
    """,
    "torch.signal.windows": """
        windows
    """,
    "torch.utils": """
        ThroughputBenchmark backcompat backend_registration benchmark bundled_inputs collect_env cpp_backtrace
        cpp_extension deterministic file_baton flop_counter generate_methods_for_privateuse1_backend
        get_cpp_backtrace mobile_optimizer model_zoo rename_privateuse1_backend set_module swap_tensors
        throughput_benchmark weak
    """,
    "torch.utils._pytree": """
        LeafSpec PyTreeSpec treespec_dumps treespec_loads
    """,
    "torch.utils.checkpoint": """
        CheckpointPolicy DefaultDeviceType SelectiveCheckpointContext create_selective_checkpoint_contexts
        get_device_states set_device_states
    """,
    "torch.utils.data": """
        DFIterDataPipe DataChunk IterDataPipe MapDataPipe argument_validation datapipes functional_datapipe
        graph graph_settings guaranteed_datapipes_determinism non_deterministic runtime_validation
        runtime_validation_disabled
    """,
    "torch.utils.hooks": """
        BackwardHook
    """,
    "torch.xpu": """
        Event MemPool Stream StreamContext XPUGraph XPUPluggableAllocator can_device_access_peer
        change_current_allocator clock_rate current_stream device device_memory_used device_of get_arch_list
        get_device_capability get_device_properties get_gencode_flags get_per_process_memory_fraction
        get_rng_state get_rng_state_all get_stream_from_external graph graph_pool_handle graphs init
        initial_seed is_current_stream_capturing is_tf32_supported make_graphed_callables max_memory_allocated
        max_memory_reserved mem_get_info memory memory_allocated memory_reserved memory_snapshot memory_stats
        memory_stats_as_nested_dict memory_usage power_draw random reset_accumulated_memory_stats
        reset_peak_memory_stats seed seed_all set_device set_per_process_memory_fraction set_rng_state
        set_rng_state_all set_stream stream streams temperature use_mem_pool utilization
    """,
}
"""By module or class; a module that is absent as a whole stands among the names of the one above it."""
