"""The tables of TensorFlow Lite's schema, slot by slot.

Written by ``tools/tflite_layout.py`` from ``ai_edge_litert.schema_py_generated``; do not edit.

A line is a table and its slots in order: a :mod:`struct` code, with ``=`` and the default where
that is not 0; ``s`` a string; a table's name; ``|`` and a union's name, whose type is in the slot
before; ``[]`` a vector of these; ``-`` a slot that is no longer used. Long lines are wrapped.
``OPERATORS`` are the names of the builtin operators by their code, from 0.
"""

TABLES = """
ATan2Options
AbsOptions
AddNOptions
AddOptions b ?=1
ArgMaxOptions b
ArgMinOptions b
AssignVariableOptions
BatchMatMulOptions ? ? ?
BatchToSpaceNDOptions
BidirectionalSequenceLSTMOptions b f f ? ?=1 ?
BidirectionalSequenceRNNOptions ? b ? ?
BitcastOptions
BitwiseXorOptions
BlockwiseQuantization i i i [i]
BroadcastToOptions
BucketizeOptions [f]
Buffer [B] Q Q
CallOnceOptions i
CallOptions I
CastOptions b b
ConcatEmbeddingsOptions i [i] [i]
ConcatenationOptions i b
Conv2DOptions b i i b i=1 i=1 b
Conv3DOptions b i i i b i=1 i=1 i=1
CosOptions
CumsumOptions ? ?
CustomQuantization [B]
DensifyOptions
DepthToSpaceOptions i
DepthwiseConv2DOptions b i i i b i=1 i=1
DequantizeOptions
DilateOptions
DimensionMetadata b i B |SparseIndexVector B |SparseIndexVector
DivOptions b
DynamicUpdateSliceOptions
EmbeddingLookupSparseOptions b
EqualOptions
ExpOptions
ExpandDimsOptions
ExternalBuffer I I Q Q s
ExternalBufferGroup s
FakeQuantOptions f f i ?
FillOptions
FloorDivOptions
FloorModOptions
FullyConnectedOptions b b ? ? b [B]
GatherNdOptions
GatherOptions i i
GeluOptions ?
GreaterEqualOptions
GreaterOptions
HardSwishOptions
HashtableFindOptions
HashtableImportOptions
HashtableOptions i b b
HashtableSizeOptions
IfOptions i i
Int32Vector [i]
L2NormOptions b
LSHProjectionOptions b
LSTMOptions b f f b ?
LeakyReluOptions f
LessEqualOptions
LessOptions
LocalResponseNormalizationOptions i f f f
LogSoftmaxOptions
LogicalAndOptions
LogicalNotOptions
LogicalOrOptions
MatrixDiagOptions
MatrixSetDiagOptions
MaximumMinimumOptions
Metadata s I
MirrorPadOptions b
Model I [OperatorCode] [SubGraph] s [Buffer] [i] [Metadata] [SignatureDef] [ExternalBufferGroup]
  [ExternalBuffer]
MulOptions b
MultiAxisQuantization i i i [i]
NegOptions
NonMaxSuppressionV4Options
NonMaxSuppressionV5Options
NotEqualOptions
OneHotOptions i
Operator I [i] [i] B |BuiltinOptions [B] b [?] [i] Q Q B |BuiltinOptions2 i=-1
OperatorCode b s i=1 i
PackOptions i i
PadOptions
PadV2Options
Pool2DOptions b i i i i b
PowOptions
QuantizationParameters [f] [f] [f] [q] B |QuantizationDetails i
QuantizeOptions
RNNOptions b ?
RandomOptions q q
RangeOptions
RankOptions
ReadVariableOptions
ReduceWindowOptions i
ReducerOptions ?
ReshapeOptions [i]
ResizeBilinearOptions - - ? ?
ResizeNearestNeighborOptions ? ?
ReverseSequenceOptions i i
ReverseV2Options
Rfft2dOptions
RightShiftOptions
SVDFOptions i b ?
ScatterNdOptions
SegmentSumOptions
SelectOptions
SelectV2Options
SequenceRNNOptions ? b ?
ShapeOptions b
SignOptions
SignatureDef [TensorMap] [TensorMap] s - I
SkipGramOptions i i ?
SliceOptions
SoftmaxOptions f
SpaceToBatchNDOptions
SpaceToDepthOptions i
SparseToDenseOptions ?
SparsityParameters [i] [i] [DimensionMetadata]
SplitOptions i
SplitVOptions i
SquareOptions
SquaredDifferenceOptions
SqueezeOptions [i]
StableHLOCompositeOptions s i [B] b i
StablehloBroadcastInDimOptions [q]
StablehloCaseOptions [i]
StablehloCompareOptions I I
StablehloConcatenateOptions q
StablehloConvolutionOptions [q] [q] [q] [q] [?] q q [q] q q [q] q q [q] q q [I]
StablehloCustomCallOptions s ? s i [i] [B]
StablehloDotGeneralOptions [q] [q] [q] [q] [I]
StablehloDynamicSliceOptions [q]
StablehloGatherOptions [q] [q] [q] q [q] ?
StablehloIotaOptions q
StablehloPadOptions [q] [q] [q]
StablehloReduceOptions [q] i
StablehloReduceWindowOptions [q] [q] [q] [q] [q] i
StablehloRngBitGeneratorOptions b
StablehloScatterOptions ? [q] [q] [q] q ? i
StablehloShiftLeftOptions
StablehloSliceOptions [q] [q] [q]
StablehloSortOptions q ? i
StablehloTransposeOptions [q]
StablehloWhileOptions i i
StridedSliceOptions i i i i i ?
SubGraph [Tensor] [i] [i] [Operator] s i=-1
SubOptions b ?=1
Tensor [i] b I s QuantizationParameters ? SparsityParameters [i] ? [VariantSubType] I
TensorMap s I
TileOptions
TopKV2Options
TransposeConvOptions b i i b b
TransposeOptions
Uint16Vector [H]
Uint8Vector [B]
UnidirectionalSequenceLSTMOptions b f f ? ? ?
UniqueOptions b=2
UnpackOptions i i
UnsortedSegmentMaxOptions
UnsortedSegmentMinOptions
UnsortedSegmentProdOptions
UnsortedSegmentSumOptions
VarHandleOptions s s
VariantSubType [i] b ?
WhereOptions
WhileOptions i i
ZerosLikeOptions
"""

UNIONS = """
BuiltinOptions Conv2DOptions DepthwiseConv2DOptions ConcatEmbeddingsOptions LSHProjectionOptions
  Pool2DOptions SVDFOptions RNNOptions FullyConnectedOptions SoftmaxOptions ConcatenationOptions
  AddOptions L2NormOptions LocalResponseNormalizationOptions LSTMOptions ResizeBilinearOptions
  CallOptions ReshapeOptions SkipGramOptions SpaceToDepthOptions EmbeddingLookupSparseOptions
  MulOptions PadOptions GatherOptions BatchToSpaceNDOptions SpaceToBatchNDOptions TransposeOptions
  ReducerOptions SubOptions DivOptions SqueezeOptions SequenceRNNOptions StridedSliceOptions
  ExpOptions TopKV2Options SplitOptions LogSoftmaxOptions CastOptions DequantizeOptions
  MaximumMinimumOptions ArgMaxOptions LessOptions NegOptions PadV2Options GreaterOptions
  GreaterEqualOptions LessEqualOptions SelectOptions SliceOptions TransposeConvOptions
  SparseToDenseOptions TileOptions ExpandDimsOptions EqualOptions NotEqualOptions ShapeOptions
  PowOptions ArgMinOptions FakeQuantOptions PackOptions LogicalOrOptions OneHotOptions
  LogicalAndOptions LogicalNotOptions UnpackOptions FloorDivOptions SquareOptions ZerosLikeOptions
  FillOptions BidirectionalSequenceLSTMOptions BidirectionalSequenceRNNOptions
  UnidirectionalSequenceLSTMOptions FloorModOptions RangeOptions ResizeNearestNeighborOptions
  LeakyReluOptions SquaredDifferenceOptions MirrorPadOptions AbsOptions SplitVOptions UniqueOptions
  ReverseV2Options AddNOptions GatherNdOptions CosOptions WhereOptions RankOptions
  ReverseSequenceOptions MatrixDiagOptions QuantizeOptions MatrixSetDiagOptions HardSwishOptions
  IfOptions WhileOptions DepthToSpaceOptions NonMaxSuppressionV4Options NonMaxSuppressionV5Options
  ScatterNdOptions SelectV2Options DensifyOptions SegmentSumOptions BatchMatMulOptions CumsumOptions
  CallOnceOptions BroadcastToOptions Rfft2dOptions Conv3DOptions HashtableOptions
  HashtableFindOptions HashtableImportOptions HashtableSizeOptions VarHandleOptions
  ReadVariableOptions AssignVariableOptions RandomOptions BucketizeOptions GeluOptions
  DynamicUpdateSliceOptions UnsortedSegmentProdOptions UnsortedSegmentMaxOptions
  UnsortedSegmentMinOptions UnsortedSegmentSumOptions ATan2Options SignOptions BitcastOptions
  BitwiseXorOptions RightShiftOptions
BuiltinOptions2 StablehloConcatenateOptions StablehloBroadcastInDimOptions StablehloSliceOptions
  StablehloConvolutionOptions StablehloCustomCallOptions StablehloReduceOptions
  StablehloScatterOptions StablehloCompareOptions StablehloDynamicSliceOptions StablehloPadOptions
  StablehloIotaOptions StablehloDotGeneralOptions StablehloReduceWindowOptions StablehloSortOptions
  StablehloWhileOptions StablehloGatherOptions StablehloTransposeOptions DilateOptions
  StablehloRngBitGeneratorOptions ReduceWindowOptions StableHLOCompositeOptions
  StablehloShiftLeftOptions StablehloCaseOptions
QuantizationDetails CustomQuantization BlockwiseQuantization MultiAxisQuantization
SparseIndexVector Int32Vector Uint16Vector Uint8Vector
"""

OPERATORS = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE
  EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D
  LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6
  RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL
  CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND
  SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
  BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST
  PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN
  TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW
  ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK
  REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR
  LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS
  WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
  NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
  BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG
  REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
  CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL
  BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD
  UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR
  RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM
  STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM
  STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS
  STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG
  STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER
  STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER
  STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE
  STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT
  STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR
  REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
"""
