extension Examples {
  /// Holds a share of the examples out; both parts keep their order.
  ///
  /// - Parameter share: in [0, 1); 0 holds nothing out, anything more at least one example.
  /// - Throws: `RunError.mismatch` if nothing would be left to train on.
  func split(validation share: Float, seed: UInt64) throws(RunError) -> (train: Examples, validation: Examples?) {
    guard share > 0 else { return (self, nil) }
    let heldOut = max(1, Int((Float(count) * share).rounded()))
    guard heldOut < count else {
      throw .mismatch(
        what: "validation", expected: "a share that leaves images to train on", found: "\(heldOut) of \(count)")
    }
    var stream = RandomStream(seed: seed, .validationSplit)
    let order = stream.permutation(of: count)
    return (subset(order[heldOut...].sorted()), subset(order[..<heldOut].sorted()))
  }

  /// A random sample of `limit` examples in their order, always the same one; all of them if `limit` is nil or more.
  public func sample(_ limit: Int?) -> Examples {
    guard let limit, limit < count else { return self }
    var stream = RandomStream(seed: 0, .sample)
    return subset(stream.permutation(of: count)[..<limit].sorted())
  }
}
