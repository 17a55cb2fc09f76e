/// Adds up gradients, and the running statistics of batch-norm, over devices and processes.
///
/// What is exchanged is one vector: all gradients in the order of `Network`'s flat gradient, then all statistics. The
/// regularized gradients (those of weights, in the order of the layers) come first, so what a backward pass has finished is
/// always a run that grows downwards from their end. With one device in each process such runs are summed over the
/// processes while the layers before them are still being computed (Li et al. 2020, "PyTorch distributed", section 3.2);
/// with several devices a process adds up its own ones first.
final class GradientExchange {
  private let replicas: [Network]
  private let communicator: (any Communicator)?
  private let regularizedCount: Int
  private let gradientCount: Int
  /// The sum, over devices and then processes.
  private let sum: UnsafeMutableBufferPointer<Float>
  /// Each device's part, already weighted; with one device it is `sum`.
  private let parts: [UnsafeMutableBufferPointer<Float>]
  /// What is sent behind the backward pass of which layer (its place in the network), if processes exchange meanwhile. The
  /// same in every process.
  private let runs: [(layer: Int, range: Range<Int>)]

  /// A run is sent when it has so many elements, 256 KB: smaller ones cost more in latency than they gain.
  static let runLength = 1 << 16

  init(_ replicas: [Network], communicator: (any Communicator)?) {
    self.replicas = replicas
    self.communicator = communicator
    let network = replicas[0]
    regularizedCount = network.regularizedCount
    gradientCount = network.gradient.count
    let count = gradientCount + network.movedStatistics.reduce(0) { $0 + $1.values.count }
    sum = GradientExchange.memory(count)
    let sum = self.sum
    parts = replicas.count == 1 ? [sum] : replicas.map { _ in GradientExchange.memory(count) }
    runs = replicas.count == 1 && communicator != nil ? GradientExchange.runs(of: network) : []
  }

  deinit {
    if parts.count > 1 { for part in parts { part.deallocate() } }
    sum.deallocate()
  }

  private static func memory(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
    memory.initialize(repeating: 0)
    return memory
  }

  /// Divides the regularized gradients, from the last layer's to the first's.
  private static func runs(of network: Network) -> [(layer: Int, range: Range<Int>)] {
    var runs: [(layer: Int, range: Range<Int>)] = []
    var end = network.regularizedCount
    for (index, layer) in network.list.layers.enumerated().dropFirst(network.list.frozenCount).reversed() {
      let weights = layer.parameters.filter { $0.regularized }
      guard let first = weights.map({ $0.gradient.offset - network.gradient.offset }).min() else { continue }
      guard end - first >= runLength || first == 0 else { continue }
      runs.append((index, first..<end))
      end = first
    }
    return runs
  }

  // MARK: A step

  /// The backward pass of a device, whose gradients and statistics are read back. Devices may do so at the same time.
  ///
  /// - Parameters:
  ///   - first: place of the device's first example in the step's batch.
  ///   - weight: share of the step's labels that the device has, by which its gradients count.
  ///   - share: share of the step's examples that it has, by which its statistics count.
  func backward(_ device: Int, count: Int, first: Int, weight: Float, share: Float) throws(TrainerError) {
    let network = replicas[device]
    var failure: TrainerError?
    var next = 0
    network.backward(count: count, first: first) { layer in
      communicator?.progress()
      guard next < runs.count, runs[next].layer == layer, failure == nil else { return }
      let range = runs[next].range
      next += 1
      do throws(TrainerError) {
        try read(network, network.gradient[range], device, at: range.lowerBound, weight: weight)
        communicator?.beginSum(UnsafeMutableBufferPointer(rebasing: sum[range]))
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    // What was not sent yet.
    let rest = (runs.isEmpty ? 0 : regularizedCount)..<gradientCount
    try read(network, network.gradient[rest], device, at: rest.lowerBound, weight: weight)
    var place = gradientCount
    for each in network.movedStatistics {
      try read(network, each.values, device, at: place, weight: share)
      place += each.values.count
    }
  }

  /// The part of a device that has no examples: zeros, in the same sums as the others'.
  func skip(_ device: Int) {
    parts[device].update(repeating: 0)
    for run in runs { communicator?.beginSum(UnsafeMutableBufferPointer(rebasing: sum[run.range])) }
  }

  private func read(
    _ network: Network, _ slice: DeviceSlice, _ device: Int, at place: Int, weight: Float
  ) throws(TrainerError) {
    let target = UnsafeMutableBufferPointer(rebasing: parts[device][place..<(place + slice.count)])
    try network.backend.download(slice, into: target)
    if weight != 1 { for index in target.indices { target[index] *= weight } }
  }

  /// Adds everything up, and gives the sum of the gradients to the first device and that of the statistics to all.
  func finish() {
    if parts.count > 1 {
      _ = sum.update(fromContentsOf: parts[0])
      for part in parts.dropFirst() {
        for index in sum.indices { sum[index] += part[index] }
      }
    }
    if let communicator {
      let rest = (runs.isEmpty ? 0 : regularizedCount)..<sum.count
      communicator.beginSum(UnsafeMutableBufferPointer(rebasing: sum[rest]))
      communicator.finishSums()
    }
    let network = replicas[0]
    network.backend.upload(UnsafeBufferPointer(rebasing: sum[..<gradientCount]), to: network.gradient)
    for replica in replicas {
      var place = gradientCount
      for each in replica.movedStatistics {
        let values = UnsafeBufferPointer(rebasing: sum[place..<(place + each.values.count)])
        replica.backend.upload(values, to: each.values)
        place += values.count
      }
    }
  }

  /// Gives the first device's weights to the others.
  func spreadWeights() throws(TrainerError) {
    guard replicas.count > 1 else { return }
    let weights = UnsafeMutableBufferPointer(rebasing: sum[..<gradientCount])
    try replicas[0].backend.download(replicas[0].weights, into: weights)
    for replica in replicas.dropFirst() {
      replica.backend.upload(UnsafeBufferPointer(weights), to: replica.weights)
      replica.step = replicas[0].step
    }
  }
}
