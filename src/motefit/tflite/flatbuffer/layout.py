"""The tables of TensorFlow Lite's schema, slot by slot.

Written by ``tools/tflite_layout.py`` from ``ai_edge_litert.schema_py_generated``; do not edit.

A line is a table and its slots in order: a :mod:`struct` code, with ``=`` and the default where
that is not 0; ``s`` a string; a table's name; ``|`` and a union's name, whose type is in the slot
before; ``[]`` a vector of these; ``-`` a slot that is no longer used. Long lines go on indented.
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
