/// An exponential moving average of a network's weights and of its running statistics, moved after every step: smoother than
/// the weights, and often better (Polyak and Juditsky 1992; as in Szegedy et al. 2016).
///
/// average ← d·average + (1 − d)·weights with d = min(decay, (1 + t) / (10 + t)) after step t, so that the initial weights are
/// soon forgotten.
final class WeightAverage {
  private let decay: Float
  let weights: DeviceSlice
  let statistics: [DeviceSlice]
  private let backend: any Backend

  /// - Parameters:
  ///   - weights: of the network, whose present values the average starts from.
  ///   - statistics: the network's running statistics, likewise.
  init(
    decay: Float, of weights: DeviceSlice, statistics: [DeviceSlice], on backend: any Backend
  ) throws(TrainerError) {
    self.decay = decay
    self.backend = backend
    self.weights = try backend.reals(weights.count)
    var copies: [DeviceSlice] = []
    for each in statistics { copies.append(try backend.reals(each.count)) }
    self.statistics = copies
    restart(from: weights, statistics: statistics)
  }

  /// Begins anew, as in `init`.
  func restart(from weights: DeviceSlice, statistics: [DeviceSlice]) {
    move(towards: weights, statistics: statistics, share: 1)
  }

  /// - Parameter step: t, from 1.
  func move(towards weights: DeviceSlice, statistics: [DeviceSlice], step: Int) {
    let decay = min(Double(decay), Double(1 + step) / Double(10 + step))
    move(towards: weights, statistics: statistics, share: Float(1 - decay))
  }

  private func move(towards weights: DeviceSlice, statistics: [DeviceSlice], share: Float) {
    backend.moveAverage(self.weights, towards: weights, share: share)
    for (mine, theirs) in zip(self.statistics, statistics) {
      backend.moveAverage(mine, towards: theirs, share: share)
    }
  }
}
