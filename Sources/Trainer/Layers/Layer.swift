/// What flows between two layers: the images of a step and, in training, the gradient of the objective with respect to
/// them. Every value has one producer and at most one consumer; `ForkLayer` makes more of one.
final class Value {
  let shape: ImageShape
  /// Whether a weight lies before it, so that its gradient is wanted.
  private(set) var needsGradient: Bool
  /// The value whose memory this one uses too, for data and for gradient.
  let dataOwner: Value?
  private(set) var gradientOwner: Value?
  /// [batch, shape]; set when the network has planned its memory.
  private var plannedData: DeviceSlice?
  private var plannedGradient: DeviceSlice?

  init(_ shape: ImageShape, needsGradient: Bool, dataOf dataOwner: Value? = nil, gradientOf gradientOwner: Value? = nil)
  {
    self.shape = shape
    self.needsGradient = needsGradient
    self.dataOwner = dataOwner
    self.gradientOwner = gradientOwner
  }

  /// The same memory as elements of another shape.
  func reshaped(_ shape: ImageShape) -> Value {
    Value(shape, needsGradient: needsGradient, dataOf: self, gradientOf: self)
  }

  /// The value that owns the memory.
  var dataRoot: Value { dataOwner?.dataRoot ?? self }
  var gradientRoot: Value { gradientOwner?.gradientRoot ?? self }

  /// Its gradient is computed in the place of another's.
  func shareGradient(of owner: Value) { gradientOwner = owner }

  /// The layer that makes it is not trained.
  func freeze() { needsGradient = false }

  func place(data: DeviceSlice) { plannedData = data }
  func place(gradient: DeviceSlice) { plannedGradient = gradient }

  /// Memory for a whole batch.
  var data: DeviceSlice { dataRoot.plannedData! }
  /// Memory for a whole batch, nil where no gradient is wanted.
  var gradient: DeviceSlice? { needsGradient ? gradientRoot.plannedGradient! : nil }

  /// The first `count` images.
  func data(_ count: Int) -> DeviceSlice { data[0..<(count * shape.count)] }
  func gradient(_ count: Int) -> DeviceSlice? { gradient?[0..<(count * shape.count)] }
}

/// Weights that training moves: one tensor.
final class Parameter {
  let name: String
  let shape: [Int]
  /// Whether weight penalty and weight decay apply.
  let regularized: Bool
  let initial: Initial
  /// Parts of the network's flat weights and gradients; set when the network is built.
  private var plannedWeights: DeviceSlice?
  private var plannedGradient: DeviceSlice?

  enum Initial {
    case constant(Float)
    case given([Float])
    case normal(deviation: Float)
  }

  init(_ name: String, shape: [Int], regularized: Bool, initial: Initial) {
    self.name = name
    self.shape = shape
    self.regularized = regularized
    self.initial = initial
  }

  var count: Int { shape.reduce(1, *) }
  var weights: DeviceSlice { plannedWeights! }
  var gradient: DeviceSlice { plannedGradient! }

  func place(weights: DeviceSlice, gradient: DeviceSlice) {
    plannedWeights = weights
    plannedGradient = gradient
  }
}

/// Numbers that a layer learns otherwise than by gradient: batch-norm's running mean and variance, [2, C].
final class RunningStatistics {
  let name: String
  let channels: Int
  private var planned: DeviceSlice?

  init(_ name: String, channels: Int) {
    self.name = name
    self.channels = channels
  }

  var values: DeviceSlice { planned! }
  func place(_ values: DeviceSlice) { planned = values }

  /// What they are before the first step: a mean of 0 and a variance of 1, [2, C].
  var initial: [Float] { [Float](repeating: 0, count: channels) + [Float](repeating: 1, count: channels) }
}

/// What one run through the layers is about.
struct Pass {
  let backend: any Backend
  /// Images, at least 1.
  let count: Int
  /// Place of the first one in the step's batch, of which other devices may have other parts.
  let first: Int
  /// Whether dropout drops and batch-norm uses the step's statistics.
  let training: Bool
  let seed: UInt64
  /// Steps done before this one.
  let step: Int
}

/// A layer of a built network: its forward and, beside it, its backward computation.
///
/// `backward` finds ∂J/∂output in its outputs' gradients and writes ∂J/∂input and ∂J/∂weights. It runs only if the
/// first output needs a gradient.
protocol Layer: AnyObject {
  var name: String { get }
  var inputs: [Value] { get }
  var outputs: [Value] { get }
  var parameters: [Parameter] { get }
  var statistics: [RunningStatistics] { get }
  /// What the layer keeps from one step of training to the next.
  var carriedStates: [CarriedState] { get }
  /// Values whose data `backward` reads, beside gradients.
  var backwardReads: [Value] { get }
  /// Memory of the layer's own, for up to `batch` images.
  func allocate(on backend: any Backend, batch: Int) throws(TrainerError)
  func forward(_ pass: Pass)
  func backward(_ pass: Pass)
  /// Adds the layer's nodes to an inference graph.
  func export(to exporter: inout GraphExporter) throws(TrainerError)
}

extension Layer {
  var parameters: [Parameter] { [] }
  var statistics: [RunningStatistics] { [] }
  var carriedStates: [CarriedState] { [] }
  var backwardReads: [Value] { [] }
  func allocate(on backend: any Backend, batch: Int) throws(TrainerError) {}
}
