import Kernels

/// A loop over tiles with a micro-kernel in it: what a node becomes, or one of several that it becomes.
///
/// A step is made before memory is planned. It lists the values that it works on; `bind` tells it where they are. From
/// then on it neither allocates nor fails.
class Step {
  /// What the step works on: operands, then results, then scratch buffers.
  final let values: [ValueIndex]
  /// The micro-kernel's name.
  final let kernelName: String
  /// Number of tiles; they may run in any order and at the same time.
  final let tiles: Int
  // Raw memory rather than an array property: reading it costs no reference counting and no exclusivity check.
  private final let addresses: UnsafeMutablePointer<UnsafeMutableRawPointer>

  init(values: [ValueIndex], kernelName: String, tiles: Int) {
    self.values = values
    self.kernelName = kernelName
    self.tiles = tiles
    addresses = .allocate(capacity: max(values.count, 1))
  }

  deinit { addresses.deallocate() }

  /// Tells the step where its values are, for good.
  func bind(_ address: (ValueIndex) -> UnsafeMutableRawPointer) {
    place(address)
    didBind()
  }

  final func place(_ address: (ValueIndex) -> UnsafeMutableRawPointer) {
    for (index, value) in values.enumerated() { (addresses + index).initialize(to: address(value)) }
  }

  /// Prepares what depends on addresses.
  func didBind() {}

  /// The address of `values[index]`, to write.
  final func mutable(_ index: Int) -> UnsafeMutableRawPointer { addresses[index] }

  /// The address of `values[index]`, to read.
  final func address(_ index: Int) -> UnsafeRawPointer { UnsafeRawPointer(addresses[index]) }

  final func mutable<Element>(_ index: Int, as type: Element.Type) -> UnsafeMutablePointer<Element> {
    addresses[index].assumingMemoryBound(to: type)
  }

  final func address<Element>(_ index: Int, as type: Element.Type) -> UnsafePointer<Element> {
    UnsafePointer(addresses[index].assumingMemoryBound(to: type))
  }

  /// The weights that the step has in its kernel's layout.
  var weights: KernelWeights? { nil }

  /// Bytes of all weights that the step has in its kernel's layout.
  var packedBytes: Int { weights?.count ?? 0 }

  /// Computes the results: all tiles once. A step made of others runs them.
  func execute(on workers: Workers) { workers.run(self) }

  /// Runs on one thread before the tiles.
  func prepare() {}

  /// Computes tile `tile` on thread `thread` of the pool.
  func run(tile: Int, thread: Int) { preconditionFailure("a step without a body") }
}

/// The threads that share the tiles of a session's steps.
final class Workers {
  let count: Int
  private let pool: OpaquePointer?

  /// - Throws: `RuntimeError.cannotStartThreads`.
  init(count: Int) throws(RuntimeError) {
    self.count = count
    // The calling thread alone needs no pool.
    pool = count > 1 ? thread_pool_create(count) : nil
    if count > 1 && pool == nil { throw .cannotStartThreads(count: count) }
  }

  deinit {
    if let pool { thread_pool_destroy(pool) }
  }

  func run(_ step: Step) {
    step.prepare()
    run(step, tiles: step.tiles)
  }

  /// Runs tiles 0 ..< `tiles` of a step that is prepared.
  func run(_ step: Step, tiles: Int) {
    guard let pool, tiles > 1 else {
      for tile in 0..<tiles { step.run(tile: tile, thread: 0) }
      return
    }
    // Safe: `step` outlives the call, which returns when all tiles are done.
    thread_pool_run(
      pool, tiles,
      { context, tile, thread in
        Unmanaged<Step>.fromOpaque(context!)._withUnsafeGuaranteedRef { $0.run(tile: tile, thread: thread) }
      }, Unmanaged.passUnretained(step).toOpaque())
  }
}
