/// What an image must go through before it is the network's input: the recipe that training used, stored in the file
/// so that the device does the same.
///
/// Steps, in order: decode, turn upright (EXIF), convert to `channels`, resize and crop to `width` × `height` as
/// `fit` says, then `(pixel / 255 − mean[c]) / deviation[c]`.
public struct Preprocessing: Equatable, Sendable {
  public enum Fit: UInt8, Sendable, CaseIterable {
    /// Width and height are scaled on their own; the aspect ratio may change.
    case stretch = 0
    /// The largest centred rectangle of the target's aspect ratio is cut out, then scaled.
    case crop = 1
  }

  public var width: Int
  public var height: Int
  /// 1 (grey) or 3 (red, green, blue).
  public var channels: Int
  public var fit: Fit
  /// With `.crop`: the share of the largest rectangle's side that is kept, in (0, 1]; 0.875 is usual for ImageNet.
  public var cropFraction: Float
  /// Per channel, in units of the pixel range [0, 1].
  public var mean: [Float]
  /// Per channel, positive.
  public var deviation: [Float]

  public init(
    width: Int, height: Int, channels: Int, fit: Fit = .stretch, cropFraction: Float = 1, mean: [Float],
    deviation: [Float]
  ) {
    self.width = width
    self.height = height
    self.channels = channels
    self.fit = fit
    self.cropFraction = cropFraction
    self.mean = mean
    self.deviation = deviation
  }
}

/// The range of values that a float tensor took on calibration data.
public struct CalibrationRange: Equatable, Sendable {
  /// The tensor's name in the float graph.
  public var tensor: String
  public var minimum: Float
  public var maximum: Float

  public init(tensor: String, minimum: Float, maximum: Float) {
    self.tensor = tensor
    self.minimum = minimum
    self.maximum = maximum
  }
}

/// Where a model comes from. Every field may be empty or nil.
public struct Provenance: Equatable, Sendable {
  /// Program and version that wrote the file, as "edgetrain 1.0".
  public var tool: String
  /// What it was trained on, as "fashion-mnist, 60000 images".
  public var data: String
  public var seed: UInt64?
  /// Shares of test examples classified right, in [0, 1].
  public var floatAccuracy: Float?
  public var int8Accuracy: Float?

  public init(
    tool: String = "", data: String = "", seed: UInt64? = nil, floatAccuracy: Float? = nil,
    int8Accuracy: Float? = nil
  ) {
    self.tool = tool
    self.data = data
    self.seed = seed
    self.floatAccuracy = floatAccuracy
    self.int8Accuracy = int8Accuracy
  }
}

/// Everything in a model file that is neither graph nor weights.
public struct Metadata: Equatable, Sendable {
  public var name: String
  /// One label per class: empty, or as many as the first output's last dimension.
  public var labels: [String]
  public var preprocessing: Preprocessing?
  public var provenance: Provenance
  /// Ranges for quantizing on load; empty if the model was never calibrated. Those of the decoder's tensors have
  /// `decoderPrefix` before the tensor's name.
  public var calibration: [CalibrationRange]
  /// How a text becomes the first graph input, tokens as whole numbers [N, T, 1, 1]; nil if the input is no text.
  public var inputVocabulary: Vocabulary?
  /// The tokens that the output's last dimension counts: the decoder's, or else that of the first graph output, which then
  /// tells what comes next; nil if the answer is no text.
  public var vocabulary: Vocabulary?
  public var labeling: Labeling

  /// What the labels say something about.
  public enum Labeling: UInt8, Sendable, CaseIterable {
    /// The whole input. A network that is run step by step has said it after the last step.
    case whole = 0
    /// Each step of a sequence, as in tagging.
    case steps = 1
  }

  public static let decoderPrefix = "decoder/"

  public init(
    name: String = "", labels: [String] = [], preprocessing: Preprocessing? = nil,
    provenance: Provenance = Provenance(), calibration: [CalibrationRange] = [], inputVocabulary: Vocabulary? = nil,
    vocabulary: Vocabulary? = nil, labeling: Labeling = .whole
  ) {
    self.name = name
    self.labels = labels
    self.preprocessing = preprocessing
    self.provenance = provenance
    self.calibration = calibration
    self.inputVocabulary = inputVocabulary
    self.vocabulary = vocabulary
    self.labeling = labeling
  }
}

/// One input with the output that it must give: proof on the device that file, build and CPU work together.
public struct SelfTest: Sendable {
  /// Elements of the graph's inputs and outputs, states among them, in the graph's order and element types.
  public var inputs: [Constant]
  public var outputs: [Constant]
  /// Those of the decoder's graph; empty for a model without one.
  public var decoderInputs: [Constant]
  public var decoderOutputs: [Constant]
  /// The largest absolute difference allowed for f32 outputs; 0 asks for equal bits, as int8 models do.
  public var tolerance: Float

  public init(
    inputs: [Constant], outputs: [Constant], decoderInputs: [Constant] = [], decoderOutputs: [Constant] = [],
    tolerance: Float
  ) {
    self.inputs = inputs
    self.outputs = outputs
    self.decoderInputs = decoderInputs
    self.decoderOutputs = decoderOutputs
    self.tolerance = tolerance
  }
}

/// A model: graph, weights, and everything that belongs to them. In memory it may be anything; what is read from a file
/// or written to one has been verified.
public struct Model: Sendable {
  public var graph: Graph {
    // They would be another graph's.
    didSet { packed = nil }
  }
  public var metadata: Metadata
  public var selfTest: SelfTest?
  /// Of an encoder–decoder model, whose main graph is the encoder.
  public var decoder: Decoder?
  /// The graph's weights for the kernels of one instruction set.
  public var packed: PackedWeights?

  public init(graph: Graph, metadata: Metadata = Metadata(), selfTest: SelfTest? = nil, decoder: Decoder? = nil) {
    self.graph = graph
    self.metadata = metadata
    self.selfTest = selfTest
    self.decoder = decoder
  }
}
