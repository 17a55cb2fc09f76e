#!/usr/bin/env python3
"""Writes the MNN model of an ONNX file of tools/bench-models, and keeps it only where its output is right.

    .build/bench-peers/bin/python tools/mnn_models.py NAME.onnx NAME.input.npy OUTPUT.mnn [--quantized NAME.int8.onnx]

MNN's converter installs a package when it is imported and reports its runs, so it stays out. A .mnn file is a FlatBuffer whose schema
MNN publishes (github.com/alibaba/MNN, schema/default; 3.6.1), and `SCHEMA` is the part that is needed. What is written is what the
converter makes of such networks: activations inside convolutions and sums, weights inside operators, matrix products as 1×1
convolutions, maps in MNN's layout NC4HW4 from the first operator to the last. Only a hard sigmoid is cheaper here: its line goes
into the convolution before it.

With --quantized the model is int8: weights per output channel and activations by the ranges of the quantized ONNX file, both
symmetric in [-127, 127] as MNN's quantizer has it by default, which on x86 is also the only way: the maximum of a window compares
biased bytes as signed ones, right only for values of one sign, and a sum with a ReLU is cut at zero, wherever the zero point is. Its
faster kernel, for weights of 7 bits, cannot take part, for it leaves out the bias (3.6.1). Softmax alone is float.

The output is compared with ONNX Runtime's of the float file, as logarithms less their mean, which are what goes into the softmax: the
norm of the difference is at most 1e-3 of the norm, with --quantized 0.15. A model that is further off is deleted, and the exit code 1.
"""
import argparse
import collections
import pathlib
import sys

import numpy

# The fields of MNN's tables in the order of their slots, as far as needed. A union takes two slots, its type and its value.
SCHEMA = {name: fields.split() for name, fields in {
    "Net": "bizCode extraTensorDescribe extraInfo oplists outputName preferForwardType sourceType tensorName tensorNumber",
    "Op": "inputIndexes main_type main name outputIndexes type defaultDimentionFormat",
    "TensorDescribe": "blob index name regions quantInfo",
    "TensorQuantInfo": "scale zero min max type",
    "Input": "dims dtype dformat",
    "TensorConvertInfo": "source dest",
    "Convolution2D": "common weight bias quanParameter symmetricQuan",
    "Convolution2DCommon": "padX padY kernelX kernelY strideX strideY dilateX dilateY padMode group outputCount inputCount "
                           "relu relu6 pads",
    "IDSTQuan": "buffer alpha type useInt32 quantScale",
    "QuantizedFloatParam": "weight bias scale tensorScale method nbits",
    "Pool": "padX padY isGlobal kernelX kernelY strideX strideY type padType dataType ceilModel pads",
    "BinaryOp": "opType T activationType",
    "UnaryOp": "opType T tableInt8",
    "Relu6": "minValue maxValue",
    "Axis": "axis",
    "Reshape": "dims dimType",
}.items()}
# Members of the enumerations OpType and OpParameter (the union's types).
OPERATORS = {"BinaryOp": 7, "Concat": 10, "Convolution": 12, "ConvolutionDepthwise": 13, "Input": 34, "Pooling": 47, "ReLU6": 70,
             "Reshape": 73, "Softmax": 85, "UnaryOp": 101, "ConvertTensor": 129}
PARAMETERS = {"Axis": 4, "BinaryOp": 6, "Convolution2D": 9, "Input": 21, "Pool": 31, "Relu6": 52, "Reshape": 55,
              "TensorConvertInfo": 66, "UnaryOp": 70}
NCHW, NC4HW4 = numpy.int8(0), numpy.int8(2)
DT_FLOAT, DT_INT8 = 1, 6
SOURCE_ONNX = numpy.int8(3)
ADD, MUL = 0, 2  # BinaryOp
SIGMOID, HARDSWISH = 29, 31  # UnaryOp
MAXIMUM, MEAN = numpy.int8(0), numpy.int8(1)  # Pool
INT8_WEIGHTS = 4  # of IDSTQuan.type: `buffer` is the weights
STEPS = 127  # of int8 on either side of zero

SCALARS = {bool: "Bool", int: "Int32", float: "Float32", numpy.int8: "Int8", numpy.uint8: "Uint8"}


# FlatBuffers ------------------------------------------------------------------------------------------------------------

def table(kind, **fields):
    """A table of the schema: its fields' values by slot."""
    return {SCHEMA[kind].index(name): value for name, value in fields.items()}


def write(builder, value):
    """Writes a text, an array, or a list or table (a dictionary) of such, what is referred to first; returns the offset."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, numpy.ndarray):
        return builder.CreateNumpyVector(value.ravel())
    if isinstance(value, list):
        offsets = [write(builder, item) for item in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()
    offsets = {slot: write(builder, field) for slot, field in value.items() if type(field) not in SCALARS}
    builder.StartObject(max(value) + 1)
    for slot, field in value.items():
        if slot in offsets:
            builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
        else:
            getattr(builder, f"Prepend{SCALARS[type(field)]}Slot")(slot, field, None)
    return builder.EndObject()


def integers(*values):
    return numpy.array(values, numpy.int32)


# int8 tensors -----------------------------------------------------------------------------------------------------------

def read_scales(path, graph):
    """The size of an int8 step of each quantized activation of an ONNX file with QuantizeLinear nodes, u8.

    What `graph`, the float network, pools or concatenates gets one scale with what it becomes.
    """
    import onnx
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    scales = {}
    for name, scale in constants.items():
        tensor = name.removesuffix("_scale")
        zero_point = constants.get(f"{tensor}_zero_point")
        if tensor != name and zero_point is not None and zero_point.dtype == numpy.uint8:
            scales[tensor] = float(scale) * max(int(zero_point), 255 - int(zero_point)) / STEPS
    for node in reversed(graph.node):
        if node.op_type in ("MaxPool", "GlobalAveragePool", "Concat"):
            together = [*node.input, *node.output]
            largest = max(scales.get(name, 0.0) for name in together)
            scales.update({name: largest for name in together})
    del scales[graph.output[0].name]
    return scales


def function_table(function, scale, result_scale):
    """int8 of `function` of each int8 from -STEPS to STEPS, by their scales."""
    values = function(numpy.arange(-STEPS, STEPS + 1) * scale) / result_scale
    return numpy.clip(numpy.round(values), -STEPS, STEPS).astype(numpy.int8)


def hard_sigmoid(x):
    return numpy.clip(x / 6 + 0.5, 0, 1)


def hard_swish(x):
    return x * hard_sigmoid(x)


# The network ------------------------------------------------------------------------------------------------------------

class Operator:
    """An operator of MNN; the names of its tensors; its parameter, a table of `kind`, as its fields' values."""

    def __init__(self, type, inputs, output, kind, /, **parameter):
        self.type, self.inputs, self.output, self.kind, self.parameter = type, inputs, output, kind, parameter


class Network:
    """The operators of one ONNX graph, one node after another."""

    def __init__(self, graph, scales=None):
        """`scales` are those of `read_scales` for an int8 model."""
        import onnx
        self.scales = scales
        self.constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.uses = collections.Counter(name for node in graph.node for name in node.input)
        self.shapes = {value.name: [extent.dim_value for extent in value.type.tensor_type.shape.dim]
                       for value in [*graph.value_info, *graph.input, *graph.output]}
        self.producers, self.names, self.flattened = {}, {}, {}
        image = graph.input[0].name
        self.operators = []
        self.append(Operator("Input", [], "image", "Input", dims=integers(*self.shapes[image]), dtype=DT_FLOAT, dformat=NCHW))
        self.append(Operator("ConvertTensor", ["image"], image, "TensorConvertInfo", source=NCHW, dest=NC4HW4))
        for node in graph.node:
            attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
            inputs = [self.names.get(name, name) for name in node.input]
            method = getattr(self, f"on_{node.op_type}", None)
            if method is None:
                sys.exit(f"error: {node.name}: no MNN model can be made of '{node.op_type}'")
            method(inputs, node.output[0], attributes)

    def append(self, operator):
        self.operators.append(operator)
        self.producers[operator.output] = operator

    def fuse(self, source, output, **fields):
        """Puts an activation into the operator before it, whose output has no other reader."""
        operator = self.producers[source]
        assert self.uses[source] == 1 and operator.kind in ("Convolution2D", "BinaryOp")
        operator.parameter.update(fields)
        operator.output = output
        self.producers[output] = operator

    def convolve(self, source, output, weights, bias, strides=(1, 1), pads=(0, 0, 0, 0), group=1):
        """`weights` are [output channels, input channels of a group, height, width]."""
        outputs, _, height, width = weights.shape
        assert group in (1, outputs)
        self.append(Operator("Convolution" if group == 1 else "ConvolutionDepthwise", [source], output, "Convolution2D",
                             weight=weights, bias=bias, kernelX=width, kernelY=height, strideX=strides[1], strideY=strides[0],
                             group=group, outputCount=outputs, inputCount=weights.shape[1] * group, pads=integers(*pads)))

    def on_Conv(self, inputs, output, attributes):
        weights, bias = (self.constants[name] for name in inputs[1:])
        self.convolve(inputs[0], output, weights, bias, attributes["strides"], attributes["pads"], attributes["group"])

    def on_Gemm(self, inputs, output, attributes):
        weights, bias = (self.constants[name] for name in inputs[1:])
        # The matrix has a row for each element of the map, channels last; MNN has them first.
        channels, *area = self.flattened.get(inputs[0], (len(weights), 1, 1))
        weights = weights.reshape(*area, channels, -1).transpose(3, 2, 0, 1)
        self.convolve(inputs[0], output, weights.reshape(len(bias), -1, 1, 1), bias)

    def on_Relu(self, inputs, output, attributes):
        kind = self.producers[inputs[0]].kind
        self.fuse(inputs[0], output, **({"relu": True} if kind == "Convolution2D" else {"activationType": 1}))

    def on_Clip(self, inputs, output, attributes):
        assert [self.constants[name] for name in inputs[1:]] == [0, 6]
        self.fuse(inputs[0], output, relu6=True)

    def on_HardSwish(self, inputs, output, attributes):
        by_step = {}
        if self.scales:
            by_step["tableInt8"] = function_table(hard_swish, self.scales[inputs[0]], self.scales[output])
        self.append(Operator("UnaryOp", inputs, output, "UnaryOp", opType=HARDSWISH, T=DT_FLOAT, **by_step))

    def on_HardSigmoid(self, inputs, output, attributes):
        if self.scales:
            by_step = function_table(hard_sigmoid, self.scales[inputs[0]], self.scales[output])
            self.append(Operator("UnaryOp", inputs, output, "UnaryOp", opType=SIGMOID, T=DT_FLOAT, tableInt8=by_step))
            return
        line = self.producers[inputs[0]].parameter
        self.fuse(inputs[0], inputs[0], weight=line["weight"] / 6, bias=line["bias"] / 6 + numpy.float32(0.5))
        self.append(Operator("ReLU6", inputs, output, "Relu6", minValue=0.0, maxValue=1.0))

    def on_Add(self, inputs, output, attributes):
        self.append(Operator("BinaryOp", inputs, output, "BinaryOp", opType=ADD, T=DT_FLOAT))

    def on_Mul(self, inputs, output, attributes):
        self.append(Operator("BinaryOp", inputs, output, "BinaryOp", opType=MUL, T=DT_FLOAT))

    def on_Concat(self, inputs, output, attributes):
        self.append(Operator("Concat", inputs, output, "Axis", axis=1))

    def on_MaxPool(self, inputs, output, attributes):
        (height, width), strides = attributes["kernel_shape"], attributes["strides"]
        self.append(Operator("Pooling", inputs, output, "Pool", kernelX=width, kernelY=height, strideX=strides[1], strideY=strides[0],
                             type=MAXIMUM, ceilModel=False, pads=integers(*attributes["pads"])))

    def on_GlobalAveragePool(self, inputs, output, attributes):
        self.append(Operator("Pooling", inputs, output, "Pool", isGlobal=True, type=MEAN))

    def on_Transpose(self, inputs, output, attributes):
        # Only before a Flatten, so that channels are last: on_Gemm sorts its matrix instead.
        assert attributes["perm"] == [0, 2, 3, 1]
        self.names[output] = inputs[0]

    def on_Flatten(self, inputs, output, attributes):
        source = inputs[0]
        _, *self.flattened[output] = shape = self.shapes[source]
        if shape[2:] == [1, 1]:
            self.names[output] = source
            return
        planes, column = f"{output}/planes", f"{output}/column"
        self.append(Operator("ConvertTensor", [source], planes, "TensorConvertInfo", source=NC4HW4, dest=NCHW))
        self.append(Operator("Reshape", [planes], column, "Reshape", dims=integers(1, -1, 1, 1), dimType=NCHW))
        self.append(Operator("ConvertTensor", [column], output, "TensorConvertInfo", source=NCHW, dest=NC4HW4))
        if self.scales:
            self.scales.update({name: self.scales[source] for name in (planes, column, output)})

    def on_Softmax(self, inputs, output, attributes):
        self.append(Operator("ConvertTensor", inputs, "planes", "TensorConvertInfo", source=NC4HW4, dest=NCHW))
        self.append(Operator("Reshape", ["planes"], "logits", "Reshape", dims=integers(1, -1), dimType=NCHW))
        self.append(Operator("Softmax", ["logits"], output, "Axis", axis=1))

    def parameter(self, operator):
        """The operator's table."""
        fields = dict(operator.parameter)
        if operator.kind != "Convolution2D":
            return table(operator.kind, **fields)
        weights, bias = (numpy.ascontiguousarray(fields.pop(name), numpy.float32) for name in ("weight", "bias"))
        common = table("Convolution2DCommon", **fields)
        if not self.scales:
            return table("Convolution2D", common=common, weight=weights, bias=bias)
        scales = numpy.maximum(numpy.abs(weights).reshape(len(weights), -1).max(axis=1), 1e-8) / STEPS
        levels = numpy.round(weights / scales.reshape(-1, 1, 1, 1)).astype(numpy.int8)
        quantized = table("IDSTQuan", buffer=levels, alpha=scales.astype(numpy.float32), type=INT8_WEIGHTS, quantScale=1.0)
        return table("Convolution2D", common=common, bias=bias, quanParameter=quantized,
                     symmetricQuan=table("QuantizedFloatParam", nbits=8))

    def bytes(self):
        """The .mnn file."""
        import flatbuffers
        indices = {operator.output: index for index, operator in enumerate(self.operators)}
        operators = [table("Op", inputIndexes=integers(*(indices[name] for name in operator.inputs)),
                           main_type=numpy.uint8(PARAMETERS[operator.kind]), main=self.parameter(operator), name=operator.output,
                           outputIndexes=integers(indices[operator.output]), type=OPERATORS[operator.type],
                           defaultDimentionFormat=NC4HW4) for operator in self.operators]
        fields = {}
        if self.scales:
            fields["extraTensorDescribe"] = []
            for name, index in indices.items():
                if name in self.scales:
                    steps = table("TensorQuantInfo", scale=self.scales[name], min=float(-STEPS), max=float(STEPS), type=DT_INT8)
                    fields["extraTensorDescribe"].append(table("TensorDescribe", index=index, name=name, quantInfo=steps))
        names = [operator.output for operator in self.operators]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(write(builder, table("Net", oplists=operators, outputName=names[-1:], sourceType=SOURCE_ONNX, tensorName=names,
                                            tensorNumber=len(names), **fields)))
        return bytes(builder.Output())


# The check --------------------------------------------------------------------------------------------------------------

def start(path, threads, image):
    """MNN's interpreter of a model and a session of it on the CPU whose input is `image`, NCHW, f32."""
    import MNN
    interpreter = MNN.Interpreter(str(path))
    session = interpreter.createSession({"backend": "CPU", "precision": "high", "numThread": threads})
    source = MNN.Tensor(image.shape, MNN.Halide_Type_Float, image, MNN.Tensor_DimensionType_Caffe)
    interpreter.getSessionInput(session).copyFrom(source)
    return interpreter, session


def difference(path, reference, image):
    """How far the outputs before the softmax of a .mnn and an ONNX file are apart, as a part of their norm."""
    import onnxruntime

    def logits(probabilities):
        values = numpy.log(numpy.maximum(numpy.array(probabilities, numpy.float64).ravel(), 1e-30))
        return values - values.mean()

    interpreter, session = start(path, 1, image)
    interpreter.runSession(session)
    found = logits(interpreter.getSessionOutput(session).getNumpyData())
    other = onnxruntime.InferenceSession(reference, providers=["CPUExecutionProvider"])
    expected = logits(other.run(None, {other.get_inputs()[0].name: image})[0])
    return float(numpy.linalg.norm(found - expected) / numpy.linalg.norm(expected))


def main():
    import onnx
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("input", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--quantized", type=pathlib.Path)
    options = parser.parse_args()
    graph = onnx.load(options.model).graph
    scales = read_scales(options.quantized, graph) if options.quantized else None
    options.output.write_bytes(Network(graph, scales).bytes())
    apart, most = difference(options.output, options.model, numpy.load(options.input)), 0.15 if scales else 1e-3
    if not apart <= most:
        options.output.unlink()
        sys.exit(f"error: {options.output.name}: expected MNN's output within {most} of ONNX Runtime's, found {apart:.2g}")
    print(f"{options.output.name}: {apart:.1e} of ONNX Runtime's output apart")


if __name__ == "__main__":
    main()
