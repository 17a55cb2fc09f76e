import Format

/// A trained model that a run starts from.
public struct StartingPoint: Sendable {
  public var model: Model
  /// The layer up to which weights are held, if any: no gradients are computed for it and those before it, and their
  /// batch-norm keeps its statistics.
  public var freeze: String?
  /// The layer that is not taken over, because its outputs mean other classes.
  public var newHead: String?

  public init(model: Model, freeze: String? = nil, newHead: String? = nil) {
    self.model = model
    self.freeze = freeze
    self.newHead = newHead
  }

  /// The model's, its decoder's behind it if it has one.
  var graphs: [Graph] { [model.graph] + (model.decoder.map { [$0.graph] } ?? []) }

  /// What a run depends on, a thing a line.
  var settings: [String] {
    var hash: UInt64 = 0
    for tensor in graphs.flatMap(\.tensors) {
      guard let constant = tensor.constant else { continue }
      hash = withExtendedLifetime(constant) { XXH64.hash(constant.bytes, seed: hash) }
    }
    return ["from weights with checksum \(String(hash, radix: 16))"] + (freeze.map { ["frozen up to \($0)"] } ?? [])
  }
}

extension NetworkDescription {
  /// The layer whose outputs are the network's: the last one with weights, if nothing behind it changes their number; and
  /// its name, given or as the network names it.
  public func head() throws(TrainerError) -> (index: Int, name: String, outputs: Int)? {
    let named = try Wiring(self).layers
    for index in layers.indices.reversed() {
      switch layers[index].kind {
      case .dense(let dense): return (index, named[index].name, dense.outputs)
      case .convolution(let convolution): return (index, named[index].name, convolution.outputs)
      case .activation, .softmax, .flatten, .dropout, .batchNorm, .globalAveragePool: continue
      default: return nil
      }
    }
    return nil
  }

  /// Gives the head so many outputs.
  public mutating func setHead(_ index: Int, outputs: Int) {
    switch layers[index].kind {
    case .dense(var dense):
      dense.outputs = outputs
      layers[index].kind = .dense(dense)
    case .convolution(var convolution):
      convolution.outputs = outputs
      layers[index].kind = .convolution(convolution)
    default: preconditionFailure("a layer that is no head")
    }
  }
}
