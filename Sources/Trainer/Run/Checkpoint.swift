import Format
import Platform

/// A training run at one moment: all that it needs to go on as if it had never stopped, but for the state behind its best
/// epoch, which is a checkpoint of its own.
public struct Checkpoint: Equatable, Sendable {
  /// The best epoch so far, on the validation examples.
  public struct Best: Equatable, Sendable {
    /// From 1.
    public var epoch: Int
    /// Validation examples classified right.
    public var correct: Int
    /// Mean over the validation examples.
    public var loss: Double
  }

  /// What the run depends on beside its state, a thing a line; another run's checkpoint differs here.
  public var settings: [String]
  /// Whole epochs done.
  public var epoch: Int
  /// Steps done in the epoch after them.
  public var step: Int
  /// Over the steps of that epoch: Σ loss · images, and images classified right.
  public var lossSum: Double
  public var correct: Int
  public var state: TrainingState
  /// Nil without validation examples, and in the first epoch.
  public var best: Best?
  /// What the schedule `plateau` goes by.
  public var plateau: Plateau

  init(
    settings: [String], epoch: Int, step: Int, lossSum: Double, correct: Int, state: TrainingState, best: Best?,
    plateau: Plateau
  ) {
    self.settings = settings
    self.epoch = epoch
    self.step = step
    self.lossSum = lossSum
    self.correct = correct
    self.state = state
    self.best = best
    self.plateau = plateau
  }
}

// The file, little-endian: magic (8 bytes), version u32, XXH64 u64 of all that follows, then the fields in the order
// of `encoded`. Strings and arrays are a u64 count and their elements.
extension Checkpoint {
  static let magic: [UInt8] = [0x89, 0x45, 0x44, 0x47, 0x45, 0x43, 0x4B, 0x50]  // \x89EDGECKP
  static let version: UInt32 = 4
  private static let headerBytes = 20

  /// Replaces the file at `path` in one go: a kill or a full disk leaves the old one whole.
  public func write(to path: String) throws(RunError) {
    let bytes = encoded()
    let error = bytes.withUnsafeBytes { platform_write_file_atomically(path, $0.baseAddress, $0.count) }
    guard error == 0 else { throw .cannotWriteCheckpoint(path: path, reason: systemErrorText(error)) }
  }

  public init(path: String) throws(RunError) {
    let storage: Storage
    do {
      storage = try Storage(mapping: path)
    } catch {
      guard case .cannotRead(_, let reason) = error else {
        throw .cannotReadCheckpoint(path: path, reason: error.description)
      }
      throw .cannotReadCheckpoint(path: path, reason: reason)
    }
    // The mapping must outlive the last look at its bytes.
    defer { withExtendedLifetime(storage) {} }
    try self.init(bytes: storage.bytes, path: path)
  }

  /// Reads the checkpoint on rank 0, which alone needs the file, and gives it to all.
  public init(path: String, communicator: any Communicator) throws(RunError) {
    var bytes = communicator.rank == 0 ? try Checkpoint(path: path).encoded() : []
    communicator.broadcast(&bytes)
    do {
      self = try bytes.withUnsafeBytes { try Checkpoint(bytes: $0, path: path) }
    } catch {
      throw .damagedCheckpoint(path: path)
    }
  }

  /// - Parameter path: what errors call the file.
  private init(bytes: UnsafeRawBufferPointer, path: String) throws(RunError) {
    guard bytes.count >= Checkpoint.headerBytes, bytes.prefix(8).elementsEqual(Checkpoint.magic) else {
      throw .notACheckpoint(path: path)
    }
    let version = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    guard version <= Checkpoint.version else {
      throw .newerCheckpoint(path: path, found: version, supported: Checkpoint.version)
    }
    guard version == Checkpoint.version else {
      throw .olderCheckpoint(path: path, found: version, supported: Checkpoint.version)
    }
    let checksum = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt64.self))
    let body = UnsafeRawBufferPointer(rebasing: bytes[Checkpoint.headerBytes...])
    guard Checkpoint.checksum(of: body) == checksum, let result = Checkpoint(decoding: body) else {
      throw .damagedCheckpoint(path: path)
    }
    self = result
  }

  static func checksum(of body: UnsafeRawBufferPointer) -> UInt64 { XXH64.hash(body) }

  func encoded() -> [UInt8] {
    var body = FieldWriter()
    body.put(settings.count)
    for setting in settings { body.put(setting) }
    body.put(epoch)
    body.put(step)
    body.put(lossSum.bitPattern)
    body.put(correct)
    body.put(state)
    body.put(plateau.lowest.bitPattern)
    body.put(plateau.epochsSince)
    body.put(plateau.reductions)
    body.put(best == nil ? 0 : 1)
    if let best {
      body.put(best.epoch)
      body.put(best.correct)
      body.put(best.loss.bitPattern)
    }
    var file = FieldWriter()
    file.bytes = Checkpoint.magic
    file.put(Checkpoint.version)
    file.put(body.bytes.withUnsafeBytes { Checkpoint.checksum(of: $0) })
    return file.bytes + body.bytes
  }

  /// Nil where the bytes are not what `encoded` writes.
  private init?(decoding bytes: UnsafeRawBufferPointer) {
    var reader = FieldReader(bytes)
    guard let settingCount = reader.int() else { return nil }
    settings = []
    for _ in 0..<settingCount {
      guard let setting = reader.string() else { return nil }
      settings.append(setting)
    }
    guard let epoch = reader.int(), let step = reader.int(), let lossSum = reader.word(),
      let correct = reader.int(), let state = reader.state(), let lowest = reader.word(),
      let epochsSince = reader.int(), let reductions = reader.int(), let bestCount = reader.int()
    else { return nil }
    self.epoch = epoch
    self.step = step
    self.lossSum = Double(bitPattern: lossSum)
    self.correct = correct
    self.state = state
    plateau = Plateau()
    plateau.lowest = Double(bitPattern: lowest)
    plateau.epochsSince = epochsSince
    plateau.reductions = reductions
    if bestCount == 1 {
      guard let epoch = reader.int(), let correct = reader.int(), let loss = reader.word() else { return nil }
      best = Best(epoch: epoch, correct: correct, loss: Double(bitPattern: loss))
    }
    guard reader.isAtEnd else { return nil }
  }
}

extension FieldWriter {
  fileprivate mutating func put(_ state: TrainingState) {
    put(state.step)
    put(state.seed)
    put(state.tensors.count)
    for tensor in state.tensors {
      put(tensor.name)
      put(tensor.shape.count)
      for extent in tensor.shape { put(extent) }
      put(tensor.values)
    }
  }
}

extension FieldReader {
  fileprivate mutating func state() -> TrainingState? {
    guard let step = int(), let seed = word(), let count = int() else { return nil }
    var state = TrainingState(step: step, seed: seed, tensors: [])
    for _ in 0..<count {
      guard let name = string(), let rank = int() else { return nil }
      var shape: [Int] = []
      for _ in 0..<rank {
        guard let extent = int() else { return nil }
        shape.append(extent)
      }
      guard let values = floats() else { return nil }
      state.tensors.append(NamedTensor(name: name, shape: shape, values: values))
    }
    return state
  }
}
